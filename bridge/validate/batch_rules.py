"""Rules about a whole request body: its keys, the number of events, repeated ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bridge.finding import Finding
from bridge.meta_spec.spec import MetaSpec

# Documented, or in the signature of Meta's own SDK (which knows more than the page of main body parameters).
_KEYS: Final = frozenset({"data", "test_event_code", "partner_agent", "access_token", "appsecret_proof"})
_SDK_KEYS: Final = frozenset(
    {"namespace_id", "upload_id", "upload_tag", "upload_source", "platforms", "progress", "trace"}
)


def body_findings(body: Any, spec: MetaSpec) -> Iterator[Finding]:
    """Find what is wrong around the events."""
    rules = spec.rules
    if not isinstance(body, Mapping):
        yield rules["body_not_an_object"].finding("$")
        return
    yield from _events(body.get("data"), spec)
    yield from _settings(body, spec)
    for key in body:
        if key not in _KEYS and key not in _SDK_KEYS:
            shown = key if isinstance(key, str) and key.isidentifier() and len(key) < 64 else "a key"
            yield rules["unknown_body_key"].finding("$", field=shown)


def _events(events: Any, spec: MetaSpec) -> Iterator[Finding]:
    rules, limit = spec.rules, spec.limits.batch_events
    if not isinstance(events, list) or not events:
        yield rules["data_not_a_list"].finding("$.data", limit=limit)
        return
    if len(events) > limit:
        yield rules["too_many_events"].finding("$.data", count=len(events), limit=limit)
    seen: set[tuple[str, str]] = set()
    for place, event in enumerate(events):
        if not isinstance(event, Mapping):
            yield rules["event_not_an_object"].finding(f"$.data[{place}]")
            continue
        name, event_id = event.get("event_name"), event.get("event_id")
        if isinstance(name, str) and isinstance(event_id, str) and event_id:
            if (name, event_id) in seen:
                yield rules["repeated_event"].finding(f"$.data[{place}].event_id")
            seen.add((name, event_id))


def _settings(body: Mapping[Any, Any], spec: MetaSpec) -> Iterator[Finding]:
    code, agent = body.get("test_event_code"), body.get("partner_agent")
    if "test_event_code" in body and not (isinstance(code, str) and code.strip()):
        yield spec.rules["test_event_code_empty"].finding("$.test_event_code")
    if "partner_agent" in body:
        letters = sum(map(str.isalpha, agent)) if isinstance(agent, str) else 0
        if not isinstance(agent, str) or len(agent) >= 23 or letters < 2:
            yield spec.rules["partner_agent_form"].finding("$.partner_agent")
