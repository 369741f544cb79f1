"""What a sample could not show, as sentences for the person who reads the new mapping."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.authoring.scaffold.plan import Plan


def questions_about(plan: Plan) -> tuple[str, ...]:
    """Return what is not certain about a mapping, one sentence each."""
    asking = (
        _about_refusal,
        _about_lists,
        _about_money,
        _about_currency,
        _about_time,
        _about_id,
        _about_phone,
        _about_person,
    )
    return tuple(question for ask in asking for question in ask(plan))


def _about_refusal(plan: Plan) -> Iterator[str]:
    if plan.refused_by is not None:
        yield (
            f"when: {plan.refused_by.path} says that this sample is no conversion. Nothing is sent until the "
            "value of one that is stands there."
        )
    elif plan.conditions:
        yield "when: only webhooks like the sample are sent. Add the values of others that should be."


def _about_lists(plan: Plan) -> Iterator[str]:
    """Say that only the first event of a list is read: one webhook may bring several."""
    for name in ("event_id", "event_time", "custom_data.value"):
        before, first, _ = next(iter(plan.paths.get(name, ())), "").partition(".first.")
        if first:
            yield f"for_each: only the first entry of {before} is read; it may hold several."
            return


def _about_money(plan: Plan) -> Iterator[str]:
    path = next(iter(plan.paths.get("custom_data.value", ())), None)
    if path is None and plan.event_name == "Purchase":
        yield "value: no amount was found in the sample; a Purchase needs one."
    if path is not None and plan.units == "minor":
        yield f"value: the whole number in {path} is read as cents. If it is not, write `value: {path}`."
    if path is not None and plan.units == "unknown":
        yield f"value: is the whole number in {path} written in cents? Switch on the line that is right."
    if path is not None and plan.other_amounts:
        yield f"value: {path} was taken; there is also {', '.join(plan.other_amounts)}."


def _about_currency(plan: Plan) -> Iterator[str]:
    has_money = plan.event_name == "Purchase" or "custom_data.value" in plan.paths
    if has_money and "custom_data.currency" not in plan.paths and not plan.defaults:
        yield "currency: the sample names none. Write yours under defaults, such as `currency: EUR`."


def _about_time(plan: Plan) -> Iterator[str]:
    if "event_time" not in plan.paths:
        yield "event_time: no time is certainly the event's, so the time of arrival counts."
    elif "timezone" in plan.settings:
        zone = plan.settings["timezone"]
        yield f"timezone: {plan.paths['event_time'][0]} names no zone; check that it is {zone}."


def _about_id(plan: Plan) -> Iterator[str]:
    path = next(iter(plan.paths.get("event_id", ())), None)
    if path is not None and path in plan.paths.get("user_data.external_id", ()):
        yield f"event_id: {path} is the person's id: a second event of this person counts as the first."


def _about_phone(plan: Plan) -> Iterator[str]:
    if plan.lacks_phone_country:
        yield (
            f"phone_country: {plan.paths['user_data.phone'][0]} has no country code in the sample. "
            "Write yours under settings, such as `phone_country: DE`, or such numbers are left out."
        )


def _about_person(plan: Plan) -> Iterator[str]:
    named = {name for name in plan.paths if name.startswith("user_data.")} - {"user_data.external_id"}
    if not named:
        yield "user_data: the sample names nobody. Look the person up by the id (see `fetch`)."
