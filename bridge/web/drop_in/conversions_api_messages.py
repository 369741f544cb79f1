"""The `messages` of the drop-in's answer: what was left out or put right, and where, in few sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bridge.finding import Finding
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Event
from bridge.plurals import counted

_MOST = 100
_EVENTS_NAMED = 3
# What belongs to the call itself; the rest is an ordinary parameter of any Graph call.
_OF_THE_CALL = frozenset(
    {"data", "test_event_code", "access_token", "accessKey", "appsecret_proof", "id", "wait"}
)
_OF_GRAPH = frozenset(
    {"appsecret_time", "debug", "fields", "format", "locale", "method", "pretty", "summary"}
)
_LONGEST_KEY = 64
_NOT_FORWARDED = "body_key_not_forwarded"
_RULES = {"partner_agent": "partner_agent_of_destination"}


def body_findings(
    fields: Mapping[str, object], spec: MetaSpec, partner_agent: str | None = None
) -> tuple[Finding, ...]:
    """Return a finding for each field beside `data` that goes no further than the bridge.

    `partner_agent` is that of the destination, which every request to Meta carries.
    """
    given = {key: value for key, value in fields.items() if value not in (None, "", [])}
    if given.get("partner_agent") == partner_agent:
        given.pop("partner_agent", None)
    keys = [_shown(key) for key in given if key not in _OF_THE_CALL and key not in _OF_GRAPH]
    return tuple(spec.rules[_RULES.get(key, _NOT_FORWARDED)].finding(f"$.{key}", field=key) for key in keys)


def _shown(key: str) -> str:
    return key if key.isidentifier() and key.isascii() and len(key) <= _LONGEST_KEY else "A key"


def messages(events: Sequence[Event], of_the_body: Iterable[Finding]) -> list[str]:
    """Return one sentence for each kind of finding, naming the events it is about."""
    places: dict[str, list[int]] = {}
    for number, event in enumerate(events):
        for finding in event.findings:
            numbers = places.setdefault(_sentence(finding), [])
            if number not in numbers[-1:]:
                numbers.append(number)
    said = [*dict.fromkeys(map(_sentence, of_the_body)), *_located(places)]
    rest = len(said) - _MOST
    if rest <= 0:
        return said
    return [
        *said[:_MOST],
        f"There {'is' if rest == 1 else 'are'} {counted(rest, 'more message')} of this kind.",
    ]


def _located(places: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for sentence, numbers in places.items():
        named = ", ".join(f"data[{number}]" for number in numbers[:_EVENTS_NAMED])
        rest = len(numbers) - _EVENTS_NAMED
        yield f"{named}{f' and {rest} more' if rest > 0 else ''}: {sentence}"


def _sentence(finding: Finding) -> str:
    return f"{finding.message} {finding.fix}".strip()
