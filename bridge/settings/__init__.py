"""The settings: a file and the environment in, one frozen value out. The only door to the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from bridge.settings.load import load_settings
from bridge.settings.values import (
    META_URL,
    SIMULATOR_URL,
    Alerts,
    Callback,
    DeliverySettings,
    Destination,
    HookSettings,
    Limits,
    Rate,
    Retention,
    Settings,
    TestCode,
)


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process; every other module gets it as an argument."""
    return os.environ


__all__ = [
    "META_URL",
    "SIMULATOR_URL",
    "Alerts",
    "Callback",
    "DeliverySettings",
    "Destination",
    "HookSettings",
    "Limits",
    "Rate",
    "Retention",
    "Settings",
    "TestCode",
    "load_settings",
    "process_environment",
]
