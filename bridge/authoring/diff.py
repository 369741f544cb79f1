"""Says what a changed mapping would change: the same webhooks through the old one and the new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from bridge.errors import BridgeError, Refused
from bridge.explain.build import clear_text
from bridge.explain.masking import mask
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.mapping.samples import Sample, read_sample, sample_of_test
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Request, Verified
from bridge.pipeline import translate
from bridge.plurals import counted
from bridge.serialization import encode

NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of an event before and after, and which path supplied it each time."""

    field: str
    before: str
    after: str
    read_before: str | None = None
    read_after: str | None = None


@dataclass(frozen=True, slots=True)
class EventChange:
    """What becomes of one event. A verdict of None means that there is no such event on that side."""

    event: str
    before: str | None
    after: str | None
    reason: str | None
    fields: tuple[FieldChange, ...]

    @property
    def is_worse(self) -> bool:
        """Say whether an event that was sent would no longer be sent."""
        return self.before == "ready" and self.after != "ready"


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """Every event that changes for one webhook; none when it stays as it is."""

    webhook: str
    events: tuple[EventChange, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the change for programs."""
        return {
            "webhook": self.webhook,
            "events": [
                {
                    "event": event.event,
                    "before": event.before,
                    "after": event.after,
                    "reason": event.reason,
                    "fields": [
                        {
                            "field": field.field,
                            "before": field.before,
                            "after": field.after,
                            "read_before": field.read_before,
                            "read_after": field.read_after,
                        }
                        for field in event.fields
                    ],
                }
                for event in self.events
            ],
        }


class TriedWebhook(NamedTuple):
    """A webhook that both mappings are tried with, and the recorded answers of what they fetch."""

    name: str
    request: Request
    fetched: Mapping[str, Any] = MappingProxyType({})


def sample_requests(mappings: Sequence[CompiledMapping], now: datetime) -> Iterator[TriedWebhook]:
    """Yield what the mappings' samples and tests bring, each once."""
    seen: set[tuple[Any, ...]] = set()
    for mapping in mappings:
        for name, sample in _brought(mapping, now):
            known = (sample.request.body, *sample.request.query.items(), encode(sample.fetched))
            if known not in seen:
                seen.add(known)
                yield TriedWebhook(name, sample.request, sample.fetched)


def _brought(mapping: CompiledMapping, now: datetime) -> Iterator[tuple[str, Sample]]:
    for file in mapping.samples:
        with suppress(BridgeError):
            yield f"sample {file.name}", read_sample(file, now)
    for test in mapping.tests:
        with suppress(BridgeError):
            yield f"test {test.name}", sample_of_test(test, mapping.name, now)


def changes(
    old: CompiledMapping,
    new: CompiledMapping,
    webhooks: Iterable[TriedWebhook],
    spec: MetaSpec,
    *,
    reveal: bool = False,
) -> Iterator[WebhookChange]:
    """Yield for each webhook what changes. Personal data is masked unless `reveal`.

    Signatures are not checked. The old mapping runs under the new one's name, on which generated ids depend.
    """
    old = replace(old, name=new.name)
    for webhook in webhooks:
        before, after = _events(old, webhook, spec), _events(new, webhook, spec)
        pairs = _paired(before, after)
        found = (_changed(left, right, reveal=reveal) for left, right in pairs)
        yield WebhookChange(webhook.name, tuple(change for change in found if change))


@dataclass(frozen=True, slots=True)
class _SeenEvent:
    label: str
    identity: tuple[Any, Any]
    verdict: str
    reason: str | None
    fields: Mapping[str, Mapping[str, Any]]


_Pair = tuple[_SeenEvent | None, _SeenEvent | None]


def _events(mapping: CompiledMapping, webhook: TriedWebhook, spec: MetaSpec) -> list[_SeenEvent]:
    fetched = mapping.recorded(webhook.fetched)
    try:
        translation = translate(
            Verified(webhook.request), mapping, spec, fetched=fetched, explain=True, reveal=True
        )
    except Refused as refused:
        return [_SeenEvent("the webhook", (None, None), "refused", refused.message, {})]
    seen = []
    for event, entry in zip(translation.events, translation.explanation, strict=False):
        data = event.data or {}
        fields = {field["field"]: field for field in entry["fields"] if field["sent"] is not None}
        identity = (data.get("event_name"), data.get("event_id"))
        seen.append(_SeenEvent(event.label, identity, event.verdict, event.reason, fields))
    return seen


def _paired(before: list[_SeenEvent], after: list[_SeenEvent]) -> list[_Pair]:
    """Pair the same events by name and id, the rest in their order."""
    pairs: list[_Pair] = []
    left, right = list(before), list(after)
    for event in before:
        same = next((other for other in right if other.identity == event.identity), None)
        if same is not None and event.identity != (None, None):
            pairs.append((event, same))
            left.remove(event)
            right.remove(same)
    longest = max(len(left), len(right))
    left_over = [*left, *[None] * (longest - len(left))]
    right_over = [*right, *[None] * (longest - len(right))]
    return pairs + list(zip(left_over, right_over, strict=True))


def _changed(before: _SeenEvent | None, after: _SeenEvent | None, *, reveal: bool) -> EventChange | None:
    shown = after or before
    if shown is None:
        return None
    fields_before, fields_after = (side.fields if side else {} for side in (before, after))
    names = dict.fromkeys([*fields_before, *fields_after])
    fields = tuple(
        change
        for name in names
        if (change := _field_change(name, fields_before.get(name), fields_after.get(name), reveal=reveal))
    )
    verdicts = (before.verdict if before else None, after.verdict if after else None)
    reasons = (before.reason if before else None, after.reason if after else None)
    if not fields and verdicts[0] == verdicts[1] and reasons[0] == reasons[1]:
        return None
    return EventChange(shown.label, *verdicts, reasons[1] if after else reasons[0], fields)


def _field_change(
    name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, *, reveal: bool
) -> FieldChange | None:
    if (before or {}).get("sent") == (after or {}).get("sent"):
        return None
    texts = [_shown(name, side, reveal=reveal) for side in (before, after)]
    paths = [side["from"] if side else None for side in (before, after)]
    return FieldChange(name, texts[0], texts[1], paths[0], paths[1])


def _shown(name: str, field: Mapping[str, Any] | None, *, reveal: bool) -> str:
    if field is None:
        return NOTHING
    if not name.startswith("user_data."):
        return str(field["sent"])
    clear = clear_text(field)
    if clear is None:
        return counted(len(field["sent"]), "value") if isinstance(field["sent"], list) else str(field["sent"])
    return clear if reveal else str(mask(clear))
