"""Checks for two action sources with requirements of their own: mobile apps and messaging channels."""

from __future__ import annotations

from typing import Any

from bridge.simulator.checks import Check, CheckedEvent, Rejection, missing_key, one_of


def apps_describe_their_device(checked: CheckedEvent) -> Rejection | None:
    """An app event says whether tracking is allowed and describes the device in sixteen fields."""
    if checked.event["action_source"] != "app":
        return None
    path = f"{checked.path}['app_data']"
    app_data = checked.part("app_data")
    if not app_data:
        return missing_key("app_data", checked.path)
    if "advertiser_tracking_enabled" not in app_data:
        return missing_key("advertiser_tracking_enabled", path)
    if not _describes_a_device(app_data.get("extinfo"), checked):
        return Rejection("extinfo_invalid", "Invalid parameter")
    return one_of(app_data, "advertiser_tracking_enabled", (0, 1), path) or one_of(
        app_data, "application_tracking_enabled", (0, 1), path
    )


def _describes_a_device(extinfo: Any, checked: CheckedEvent) -> bool:
    rules = checked.data.rules["app"]
    return (
        isinstance(extinfo, list)
        and len(extinfo) == rules["extinfo_length"]
        and all(isinstance(field, str | int | float) for field in extinfo)
        and extinfo[0] in checked.data.extinfo_versions
        and str(extinfo[rules["operating_system_version_at"]]).strip() != ""
    )


def messages_name_their_channel(checked: CheckedEvent) -> Rejection | None:
    """A messaging event names its channel and the ids of that channel, and has a messaging name."""
    if checked.event["action_source"] != "business_messaging":
        return None
    if "messaging_channel" not in checked.event:
        return missing_key("messaging_channel", checked.path)
    channels = checked.data.rules["messaging"]["channels"]
    if (rejection := one_of(checked.event, "messaging_channel", channels, checked.path)) is not None:
        return rejection
    if checked.event["event_name"] not in checked.data.messaging_names:
        return Rejection("messaging_event_name", "Invalid parameter")
    user_data = checked.part("user_data")
    for need in channels[checked.event["messaging_channel"]]:
        if not any(user_data.get(name) for name in need["any_of"]):
            return Rejection(need["refusal"], "Invalid parameter")
    return None


CHANNEL_CHECKS: tuple[Check, ...] = (apps_describe_their_device, messages_name_their_channel)
