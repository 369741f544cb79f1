"""The settings of a demo: nothing of them leads to Meta or to the database of live events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bridge.mode import DEMO_DATASET_ID
from bridge.settings.loader import load_settings
from bridge.settings.models import SIMULATOR_URL, Destination, Settings, demo_database

_META = "META_"
_STAND_INS = {"META_DATASET_ID": DEMO_DATASET_ID, "META_ACCESS_TOKEN": "simulator"}


def load_demo_settings(
    config: Path | None, environment: Mapping[str, str], *, folder: Path | None = None
) -> Settings:
    """Read the settings and put the simulator in place of Meta, whatever they configure.

    The variables of Meta are not looked at: a file that names them gets stand-ins. Raises what
    `load_settings` raises.
    """
    harmless = {name: value for name, value in environment.items() if not name.startswith(_META)}
    settings = load_settings(config, {**harmless, **_STAND_INS}, folder=folder)
    return replace(
        settings,
        demo=True,
        graph_url=SIMULATOR_URL,
        profile="default",
        database_url=demo_database(settings.live_database_url),
        destinations={name: _simulated(entry) for name, entry in settings.destinations.items()},
    )


def _simulated(destination: Destination) -> Destination:
    return replace(
        destination,
        dataset_id=DEMO_DATASET_ID,
        access_token=_STAND_INS["META_ACCESS_TOKEN"],
        test_event_code=None,
    )
