"""Rules of two action sources with a world of their own: mobile apps and messaging channels."""

from __future__ import annotations

from typing import Any

from bridge.simulator.context import EventContext, Refusal, Rule, missing_key, one_of


def apps_tell_their_device(context: EventContext) -> Refusal | None:
    """An app event tells whether tracking is allowed and describes the device in sixteen fields."""
    if context.event["action_source"] != "app":
        return None
    path = f"{context.path}['app_data']"
    app_data = context.part("app_data")
    if not app_data:
        return missing_key("app_data", context.path)
    if "advertiser_tracking_enabled" not in app_data:
        return missing_key("advertiser_tracking_enabled", path)
    if not _describes_a_device(app_data.get("extinfo"), context):
        return Refusal("extinfo_invalid", "Invalid parameter")
    return one_of(app_data, "advertiser_tracking_enabled", (0, 1), path) or one_of(
        app_data, "application_tracking_enabled", (0, 1), path
    )


def _describes_a_device(extinfo: Any, context: EventContext) -> bool:
    rules = context.data.rules["app"]
    return (
        isinstance(extinfo, list)
        and len(extinfo) == rules["extinfo_length"]
        and all(isinstance(field, str | int | float) for field in extinfo)
        and extinfo[0] in context.data.extinfo_versions
        and str(extinfo[rules["operating_system_version_at"]]).strip() != ""
    )


def messages_name_their_channel(context: EventContext) -> Refusal | None:
    """A messaging event names its channel and the ids of that channel, and has a messaging name."""
    if context.event["action_source"] != "business_messaging":
        return None
    if "messaging_channel" not in context.event:
        return missing_key("messaging_channel", context.path)
    channels = context.data.rules["messaging"]["channels"]
    if (refusal := one_of(context.event, "messaging_channel", channels, context.path)) is not None:
        return refusal
    if context.event["event_name"] not in context.data.messaging_names:
        return Refusal("messaging_event_name", "Invalid parameter")
    user_data = context.part("user_data")
    for need in channels[context.event["messaging_channel"]]:
        if not any(user_data.get(name) for name in need["any_of"]):
            return Refusal(need["refusal"], "Invalid parameter")
    return None


CHANNEL_RULES: tuple[Rule, ...] = (apps_tell_their_device, messages_name_their_channel)
