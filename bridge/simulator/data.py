"""What the simulator knows about Meta, read once from `schemas/meta/simulator*.yaml`.

It shares no rule file with the bridge's own validation: the two would make the same mistake and agree.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from bridge.meta_spec.shipped_files import shipped_yaml


@dataclass(frozen=True, slots=True)
class SimulatorData:
    """The two files as they stand; what is looked up for every event is a set."""

    rules: Mapping[str, Any]
    codes: Mapping[int | str, Mapping[str, Any]]
    statuses: Mapping[int, int]
    rejections: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, date | None]
    too_broad: tuple[frozenset[str], ...]
    messaging_names: frozenset[str]
    currencies: frozenset[str]
    extinfo_versions: frozenset[str]


@functools.cache
def load_simulator_data() -> SimulatorData:
    """Read both files; they ship with the package, so a failure here is a broken installation."""
    rules = shipped_yaml("meta/simulator.yaml")
    answers = shipped_yaml("meta/simulator_answers.yaml")
    return SimulatorData(
        rules=rules,
        codes=answers["codes"],
        statuses=answers["statuses"],
        rejections=answers["refusals"],
        versions=rules["versions"],
        too_broad=tuple(frozenset(names) for names in rules["too_broad"]),
        currencies=frozenset(rules["currencies"].split()) - set(rules["unsupported_currencies"]),
        messaging_names=frozenset(rules["messaging"]["event_names"]),
        extinfo_versions=frozenset(rules["app"]["extinfo_versions"]),
    )
