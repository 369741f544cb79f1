"""The frozen values that travel through the pipeline, and nothing that works on them.

Those made anew for every webhook are structs of msgspec, made in a fraction of a frozen dataclass's time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from bridge.consent_decision import ConsentDecision, ConsentPolicy
from bridge.finding import EventVerdict, Finding, Position

BLOCKS = ("user_data", "custom_data", "app_data", "original_event_data")  # the objects in an event


@dataclass(frozen=True, slots=True)
class Request:
    """One webhook as it arrived; nothing of it has been believed yet.

    `headers` have lower-case names; repeated ones are joined by ", ". `url` is the public one, as the
    sender signed it. `query` keeps the last of repeated names. `ip` is the peer's address after
    trusted proxies. `received_at` is aware, in UTC.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    ip: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing a person is known by: as typed, as cleaned, and as it is sent to Meta."""

    kind: str
    typed: str = dataclass_field(repr=False)
    cleaned: str = dataclass_field(repr=False)
    sent: str = dataclass_field(repr=False)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Whom a webhook asks to erase; `destination` bounds what is erased, None means everything."""

    identifiers: tuple[Identifier, ...]
    never_send: bool = False
    destination: str | None = None


class Verified(Struct, frozen=True):
    """A request whose sender has proved who it is, by the mapping's own scheme (which may be `none`)."""

    request: Request


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One call of a `fetch` step, but for host and secret; `target` is percent-encoded, `body` is JSON."""

    step: str
    source: str
    method: Literal["GET", "POST"]
    target: str
    body: bytes | None = dataclass_field(default=None, repr=False)
    keep_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the mapping reads of an answer, or None and why; `withheld`: events that read it are held."""

    value: Any = dataclass_field(repr=False)
    source: str
    took_ms: int | None = None
    how: Literal["", "cached", "recorded"] = ""
    reason: str = ""
    withheld: bool = False


AnswerLookup = Callable[[FetchRequest], Fetched | None]


class Webhook(Struct, frozen=True):
    """A verified request together with what its body says, as plain data.

    `data` holds only dict, list, str, bool, None, int, float and Decimal, and every number keeps all
    the digits it was sent with. `notes` are harmless oddities worth mentioning (a guessed charset).
    `answers` holds those of the mapping's `fetch` steps (`Answers`); None when no call was answered.
    """

    request: Request
    data: Any
    notes: tuple[Finding, ...] = ()
    answers: Any = None


@dataclass(frozen=True, slots=True)
class SortedForm:
    """How a form's fields, sorted by name, become the text that was signed.

    `pair` is written for each field (`{name}{value}`, `{name}={value}{secret}`), `joined_by` between them.
    """

    pair: str = "{name}={value}"
    joined_by: str = ""
    without: frozenset[str] = frozenset()
    skips_empty: bool = False


@dataclass(frozen=True, slots=True)
class VerifyRule:
    """How senders of one mapping prove who they are: the `receive.verify` block, secrets resolved.

    `secrets` holds the current secret first and the previous one after it, `keys` the public keys in the
    same way. `signed` and `format` are templates as written (`{timestamp}.{body}`, `t={timestamp},
    v1={signature}`). `body_field` reads a token or signature out of the parsed body, where it stands at
    `field`; `read` does the same for each field of the body that `signed` names. `for_each` finds the
    entries that are signed one by one.
    """

    scheme: Literal[
        "hmac", "digest", "rsa", "ed25519", "jwt", "standard_webhooks", "token", "basic", "none"
    ] = "none"
    secrets: tuple[bytes, ...] = dataclass_field(default=(), repr=False)
    header: str | None = None
    query: str | None = None
    body_field: Callable[[Any], Any] | None = None
    field: str | None = None
    user: str | None = None
    algorithm: Literal["sha256", "sha1", "sha512", "hs256", "rs256", "es256"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    format: str | None = None
    signed: str = "{body}"
    timestamp_header: str | None = None
    timestamp_unit: Literal["seconds", "milliseconds"] | None = None
    tolerance_seconds: int = 300
    keys: tuple[Any, ...] = dataclass_field(default=(), repr=False)
    read: Mapping[str, Callable[[Any], Any]] = dataclass_field(default_factory=dict)
    for_each: Callable[[Any], Any] | None = None
    sorted_form: SortedForm | None = None
    signed_body: bool = False


@dataclass(frozen=True, slots=True)
class SenderAnswer:
    """What a sender is answered instead of our own JSON: a text as it is, of some content type."""

    text: str
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class HandshakeRule:
    """The challenge some senders want back before they send: the `receive.handshake` block.

    `expect` pairs a reader with the text it must give; `answer` reads the text to send back, or makes the
    whole answer. One that is computed with the secret is for senders only that prove they know it.
    """

    on: Literal["get", "header", "field"]
    expect: tuple[tuple[Callable[[Webhook], Any], str], ...]
    answer: Callable[[Webhook], Any]
    needs_proof: bool = False


@dataclass(frozen=True, slots=True)
class Receive:
    """The `receive` block of a mapping: who may send what, and what problems get as an answer.

    `max_values` bounds how many values a body may hold, however short it is.
    """

    sent_by: Literal["server", "automation", "browser", "companion"] = "server"
    methods: frozenset[str] = frozenset({"post"})
    accept: frozenset[str] = frozenset({"json", "form", "multipart"})
    origins: frozenset[str] = frozenset()
    verify: VerifyRule = VerifyRule()
    handshake: HandshakeRule | None = None
    repeat_key: Callable[[Webhook], Any] | None = None
    repeat_window_seconds: int = 7 * 86_400
    on_problem: Literal["answer", "hold"] = "hold"
    answer: SenderAnswer | None = None
    max_size_bytes: int = 1_048_576
    max_values: int = 20_000


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """How texts of this webhook are to be read: resolved for one webhook, no paths left.

    Formats are given as examples by the author of the mapping (`1.234,56`, `DD.MM.YYYY HH:mm`).
    """

    timezone: str | None = None
    date_format: str | None = None
    number_format: str | None = None
    phone_country: str | None = None
    name_order: str | None = None
    hash_external_id: bool = True
    empty_values: frozenset[str] = frozenset()


class Draft(Struct, frozen=True):
    """One event as the mapping filled it in: Meta's field names, values as the sender wrote them.

    `fields` is nested like the event itself (`{"event_name": …, "user_data": {"em": …}}`) and may hold
    the virtual fields `full_name`, `fbclid` and `clicked_at` of `user_data`. `positions` holds for each
    dotted path (`user_data.em`) the mapping line that set it. A draft with a verdict other than
    `ready` goes no further; `reason` says why in words. `made_event_id` is an id made from the webhook,
    for an event whose own id is missing or identifies nothing. `needs` is what a `fetching` one waits for.
    `consent` is None where the mapping asks for none, or the event ended before it was read. A `policy` is
    there while its country decides whether it may go out without. `by_visit` names the fields of `user_data`
    that an earlier visit filled; it is None where none was found.
    """

    label: str
    fields: dict[str, Any]
    settings: ReadingSettings
    send_to: tuple[str, ...]
    positions: Mapping[str, Position]
    verdict: EventVerdict = "ready"
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    made_event_id: str | None = None
    needs: FetchRequest | None = None
    consent: ConsentDecision | None = None
    policy: ConsentPolicy | None = None
    by_visit: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class MatchStrength:
    """Our own estimate (0 to 100) of how well an event can be matched; never Meta's EMQ.

    `without_visit` is the score without what an earlier visit added; None where no visit was found.
    """

    score: int
    present: tuple[str, ...]
    missing: tuple[str, ...]
    advice: str
    without_visit: int | None = None


class Event(Struct, frozen=True):
    """One event at the end of the pipeline: what would be sent, or why nothing is.

    `data` is exactly one element of Meta's `data` array, cleaned and hashed (None unless it could be
    built). `needs` is the call that it waits for while it is `fetching`, `consent` what the person decided.
    """

    label: str
    verdict: EventVerdict
    data: Mapping[str, Any] | None
    send_to: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    reason: str | None = None
    match: MatchStrength | None = None
    needs: FetchRequest | None = None
    consent: ConsentDecision | None = None

    def with_findings(self, findings: tuple[Finding, ...]) -> Event:
        """Return the same event with these findings, among them no error that it did not have."""
        parts = (self.label, self.verdict, self.data, self.send_to, findings, self.reason, self.match)
        return Event(*parts, self.needs, self.consent)


# What tells an event from others of its mapping: its name, and the fields that it does not have.
EventShape = tuple[str, ...]


class CleanDraft(Struct, frozen=True):
    """A draft that a mapping's own code has cleaned on the same way: `data` is as sent, and nothing was said.

    Where every value is right by itself, `shape` decides nearly everything that validation looks at; `shapes`
    holds what it said of events of this kind, without their data. `unproven` names the fields not known to be
    right (`custom_data.value`), `now` is the Unix time of receipt. The other parts are those of a draft.
    """

    label: str
    data: dict[str, Any]
    send_to: tuple[str, ...]
    positions: Mapping[str, Position]
    shape: EventShape
    unproven: Sequence[str]
    now: int
    shapes: dict[EventShape, Event]
    consent: ConsentDecision | None = None


class Translation(Struct, frozen=True):
    """What one webhook became.

    `repeat_key` is a digest: two webhooks of one mapping with the same key are one webhook.
    `explanation` is empty unless it was asked for. `erasure` is whom the webhook asks to erase.
    """

    mapping: str
    revision: str
    repeat_key: bytes
    events: tuple[Event, ...]
    notes: tuple[Finding, ...] = ()
    explanation: Sequence[Mapping[str, Any]] = ()
    erasure: Erasure | None = None

    @property
    def calls(self) -> tuple[FetchRequest, ...]:
        """Return the calls whose answers its events need next, each once; none when all is decided."""
        return tuple(dict.fromkeys(event.needs for event in self.events if event.needs is not None))
