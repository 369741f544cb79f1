"""The settings: a file and the environment in, one frozen value out. Only here is the environment read."""

from __future__ import annotations

from bridge.settings.demo import load_demo_settings
from bridge.settings.environment import process_environment, set_for_children
from bridge.settings.loader import data_folder_of, load_settings
from bridge.settings.models import (
    DEFAULT_GIVE_UP,
    META_URL,
    SIMULATOR_URL,
    Alerts,
    Callback,
    DeliverySettings,
    Destination,
    MailAlerts,
    Rate,
    RetrySchedule,
    Settings,
    Source,
    TestEventCode,
)
from bridge.settings.simulated_sources import SimulatedSources

__all__ = [
    "DEFAULT_GIVE_UP",
    "META_URL",
    "SIMULATOR_URL",
    "Alerts",
    "Callback",
    "DeliverySettings",
    "Destination",
    "MailAlerts",
    "Rate",
    "RetrySchedule",
    "Settings",
    "SimulatedSources",
    "Source",
    "TestEventCode",
    "data_folder_of",
    "load_demo_settings",
    "load_settings",
    "process_environment",
    "set_for_children",
]
