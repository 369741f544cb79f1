"""The settings of a demo: nothing of them leads to Meta or to the database of live events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bridge.meta_spec.shipped_files import shipped
from bridge.mode import DEMO_DATASET_ID
from bridge.settings.loader import load_settings
from bridge.settings.models import SIMULATOR_URL, Destination, Settings, demo_database
from bridge.settings.simulated_sources import SimulatedSources

_META = "META_"
_STAND_INS = dict.fromkeys(("META_DATASET_ID", "META_ACCESS_TOKEN"), DEMO_DATASET_ID)
_NO_TEST = {"META_TEST_EVENT_CODE": ""}


def load_demo_settings(
    config: Path | None, environment: Mapping[str, str], *, folder: Path | None = None
) -> Settings:
    """Read the settings and put the simulator in place of Meta, whatever they configure.

    The variables of Meta are not looked at: a file that names them gets the demo's dataset id in their place,
    which will do for a token too. Without mappings of its own it has the shipped ones. Raises what
    `load_settings` raises.
    """
    harmless = {
        name: DEMO_DATASET_ID if name.startswith(_META) else value for name, value in environment.items()
    }
    settings = load_settings(config, {**harmless, **_STAND_INS, **_NO_TEST}, folder=folder)
    return replace(
        settings,
        demo=True,
        graph_url=SIMULATOR_URL,
        mappings=tuple(one for one in settings.mappings if one.is_dir()) or (shipped("mappings"),),
        sources=SimulatedSources(SIMULATOR_URL),
        profile="default",
        database_url=demo_database(settings.live_database_url),
        destinations={name: _simulated(entry) for name, entry in settings.destinations.items()},
    )


def _simulated(destination: Destination) -> Destination:
    return replace(
        destination,
        dataset_id=DEMO_DATASET_ID,
        access_token=DEMO_DATASET_ID,
        test_event_code=None,
    )
