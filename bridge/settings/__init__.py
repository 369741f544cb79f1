"""The settings: a file and the environment in, one frozen value out. Only here is the environment read."""

from __future__ import annotations

import os
from collections.abc import Mapping

from bridge.settings.loader import load_settings
from bridge.settings.models import (
    META_URL,
    SIMULATOR_URL,
    Alerts,
    Callback,
    DeliverySettings,
    Destination,
    HookSettings,
    Rate,
    Retention,
    ServerLimits,
    Settings,
    TestEventCode,
)


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process; every other module gets it as an argument."""
    return os.environ


def set_for_children(name: str, value: str) -> None:
    """Set a variable for this process and those it starts; some libraries take no other configuration."""
    os.environ[name] = value


__all__ = [
    "META_URL",
    "SIMULATOR_URL",
    "Alerts",
    "Callback",
    "DeliverySettings",
    "Destination",
    "HookSettings",
    "Rate",
    "Retention",
    "ServerLimits",
    "Settings",
    "TestEventCode",
    "load_settings",
    "process_environment",
    "set_for_children",
]
