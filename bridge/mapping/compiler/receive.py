"""The `receive` block: who may send, how they prove it, and how they are answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bridge.coerce.dates import read_time
from bridge.mapping.compiler.answers import compile_answer, compile_handshake
from bridge.mapping.compiler.context import Compiling, Read
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.compiler.verify_block import compile_verify, read_secret
from bridge.mapping.language.reader import Entries, Entry, Loading, block_of, value_of
from bridge.mapping.runtime.scope import Called, Scope
from bridge.mode import is_test_code
from bridge.models import Receive, Webhook
from bridge.positioned_yaml import Listing, Scalar


@dataclass(frozen=True, slots=True)
class TestCode:
    """Events go out as test events while `until` (Unix seconds) has not passed; None: always."""

    code: str
    until: int | None = None

    def at(self, now: datetime) -> str | None:
        """Return the code while it is active."""
        return self.code if self.until is None or now.astimezone(UTC).timestamp() < self.until else None


@dataclass(frozen=True, slots=True)
class OnResult:
    """Where the outcome of each event is reported, signed by Standard Webhooks."""

    url: str
    secrets: tuple[bytes, ...] = field(repr=False)


def compile_receive(compiling: Compiling, entry: Entry | None, source: str) -> Receive:
    """Return how webhooks of this mapping are received."""
    entries = block_of(entry)
    sent_by = value_of(entries, "sent_by", "server")
    repeat_key = entries.get("repeat_key")
    methods = frozenset(value_of(entries, "methods", ("post",)))
    return Receive(
        sent_by=sent_by,
        methods=methods,
        accept=frozenset(value_of(entries, "accept", ("json", "form", "multipart")))
        | ({"form"} if "get" in methods else set()),
        origins=_origins(compiling.loading, entries, sent_by),
        verify=(verify := compile_verify(compiling, entries.get("verify"))),
        handshake=compile_handshake(compiling, entries.get("handshake"), source, verify),
        answer=compile_answer(compiling.loading, entries.get("answer")),
        repeat_key=_of_webhook(_repeat_key(compiling, repeat_key), source) if repeat_key else None,
        repeat_window_seconds=value_of(entries, "repeat_window", 7 * 86_400),
        on_problem=value_of(entries, "on_problem", "hold" if sent_by == "server" else "answer"),
        max_size_bytes=_max_size(compiling.loading, entries),
    )


def _origins(loading: Loading, entries: Entries, sent_by: str) -> frozenset[str]:
    if "origins" in entries and sent_by != "browser":
        fix = "remove it, or write sent_by: browser if the pages of your website post here themselves"
        loading.error(
            entries["origins"].key, "no_effect", "origins has no effect without sent_by: browser", fix
        )
    named: frozenset[str] = value_of(entries, "origins", frozenset())
    return named


MAX_BODY = 1_048_576


def _max_size(loading: Loading, entries: Entries) -> int:
    size: int = value_of(entries, "max_size", MAX_BODY)
    if size > MAX_BODY:
        loading.error(
            entries["max_size"].node, "no_amount", "max_size cannot be more than 1 MiB", "write 1 MiB or less"
        )
    return size


def _repeat_key(compiling: Compiling, entry: Entry) -> Read:
    """Read the repeat key; a list here means all of its values together, not the first one.

    A placeholder is read, too: a key that was never filled in must not pass for one that is absent.
    """
    compiling = replace(compiling, empty=compiling.empty.of_nothing())
    if not isinstance(entry.node, Listing):
        return compile_value(compiling, entry.node, "many")
    reads = tuple(compile_value(compiling, item) for item in entry.node.items)

    def read(scope: Scope) -> list[Any] | None:
        values = [one.read(scope) for one in reads]
        return (
            ["" if value is None else value for value in values]
            if any(v is not None for v in values)
            else None
        )

    return Called(read)


def _of_webhook(read: Read, source: str) -> Callable[[Webhook], Any]:
    return lambda webhook: read.read(Scope(webhook, source))


# --- test code, reports ---------------------------------------------------------------------------------


def compile_test_code(loading: Loading, entry: Entry | None, changed_at: int | None) -> TestCode | None:
    """Return the test event code of a mapping and until when it is active."""
    if entry is None:
        return None
    if isinstance(entry.node, Scalar):
        return TestCode(_checked_code(loading, entry, entry.node.text))
    entries = loading.block(entry.node, "test_event_code")
    if "code" not in entries or not entries["code"].value:
        return None
    if "for" in entries and "until" in entries:
        loading.error(
            entries["until"].key, "two_sources", "for and until cannot be used together", "keep one"
        )
    seconds = value_of(entries, "for")
    until = read_time(entries["until"].value) if "until" in entries and entries["until"].value else None
    if seconds is not None and changed_at is not None:
        until = changed_at + seconds
    return TestCode(_checked_code(loading, entries["code"], entries["code"].value), until)


def _checked_code(loading: Loading, entry: Entry, code: str) -> str:
    if code and not is_test_code(code):
        loading.error(
            entry.key,
            "bad_test_event_code",
            "this is not a test event code",
            "copy it from the Test Events tab of Events Manager",
        )
    return code


def compile_on_result(loading: Loading, entry: Entry | None) -> OnResult | None:
    """Return where results are reported."""
    entries = block_of(entry)
    url = value_of(entries, "url")
    secrets = [
        read_secret(loading, entries[name]) for name in ("secret", "previous_secret") if name in entries
    ]
    if entry is None or not url or not secrets or None in secrets:
        return None
    if not url.startswith(("https://", "http://")):
        loading.error(entries["url"].node, "no_url", "url must be an https:// URL", "write https://...")
        return None
    return OnResult(url, tuple(secret for secret in secrets if secret is not None))
