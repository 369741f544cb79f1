"""The `receive` block: who may send, how they prove it, and how they are answered."""

from __future__ import annotations

import base64
import binascii
import re
import secrets as randomness
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.coerce.reading import read_time
from bridge.mapping.compiler.context import Compiling, Read
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.node_types import BadText, text
from bridge.mapping.language.reader import Entries, Entry, Loading
from bridge.mapping.runtime.scope import MISSING, Called, Scope, text_of
from bridge.models import HandshakeRule, Receive, Request, VerifyRule, Webhook
from bridge.positioned_yaml import Block, Listing, Node, Scalar
from bridge.spelling import closest

_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class TestCode:
    """Events go out as test events while `until` (Unix seconds) has not passed; None: always.

    `for_seconds` counts from the time the file was changed; the one who loads the file turns it into `until`.
    """

    code: str
    for_seconds: int | None = None
    until: int | None = None

    def at(self, now: datetime) -> str | None:
        """Return the code when it is in force."""
        return self.code if self.until is None or now.astimezone(UTC).timestamp() < self.until else None


@dataclass(frozen=True, slots=True)
class OnResult:
    """Where the outcome of each event is reported, signed by Standard Webhooks."""

    url: str
    secret: bytes = field(repr=False)


def compile_receive(compiling: Compiling, entry: Entry | None, source: str) -> Receive:
    """Return how webhooks of this mapping are received."""
    entries: Entries = (entry.value if entry else None) or {}
    sent_by = _value(entries, "sent_by", "server")
    repeat_key = entries.get("repeat_key")
    return Receive(
        sent_by=sent_by,
        accept=frozenset(_value(entries, "accept", ("json", "form", "multipart"))),
        verify=compile_verify(compiling, entries.get("verify")),
        handshake=_handshake(compiling, entries.get("handshake"), source),
        repeat_key=_of_webhook(_repeat_key(compiling, repeat_key), source) if repeat_key else None,
        repeat_window_seconds=_value(entries, "repeat_window", 7 * 86_400),
        on_problem=_value(entries, "on_problem", "hold" if sent_by == "server" else "answer"),
        max_size_bytes=_max_size(compiling.loading, entries),
    )


def _value(entries: Entries, name: str, default: Any) -> Any:
    value = entries[name].value if name in entries else None
    return default if value is None else value


MAX_BODY = 1_048_576


def _max_size(loading: Loading, entries: Entries) -> int:
    size: int = _value(entries, "max_size", MAX_BODY)
    if size > MAX_BODY:
        loading.error(
            entries["max_size"].node, "no_amount", "max_size is at most 1 MiB", "write 1 MiB or less"
        )
    return size


def _repeat_key(compiling: Compiling, entry: Entry) -> Read:
    """Read the repeat key; a list here means all of its values together, not the first one."""
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


# --- verify ----------------------------------------------------------------------------------------

# scheme -> (what it needs, what it may have beside)
_SIGNED = frozenset(
    {
        "header",
        "algorithm",
        "encoding",
        "prefix",
        "format",
        "signed",
        "timestamp_header",
        "timestamp_unit",
        "tolerance",
    }
)
_SECRETS = frozenset({"secret", "previous_secret", "secret_encoding"})
_SCHEMES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "hmac": (frozenset({"header", "secret"}), _SIGNED | _SECRETS),
    "digest": (frozenset({"header", "secret"}), _SIGNED | _SECRETS),
    "standard_webhooks": (frozenset({"secret"}), _SECRETS | {"tolerance", "header"}),
    "token": (frozenset({"secret"}), _SECRETS | {"header", "query", "field", "prefix"}),
    "basic": (frozenset({"user", "secret"}), _SECRETS | {"user"}),
    "none": (frozenset(), frozenset()),
}


def compile_verify(compiling: Compiling, entry: Entry | None) -> VerifyRule:
    """Return how senders prove who they are."""
    entries: Entries = (entry.value if entry else None) or {}
    scheme = _value(entries, "scheme", None)
    if entry is None or scheme is None:
        return VerifyRule()
    _check_scheme(compiling.loading, entry, entries, scheme)
    field_entry = entries.get("field")
    secrets = tuple(
        secret
        for name in ("secret", "previous_secret")
        if name in entries
        and (
            secret := read_secret(
                compiling.loading, entries[name], _value(entries, "secret_encoding", "text")
            )
        )
    )
    return VerifyRule(
        scheme=scheme,
        secrets=secrets,
        header=_value(entries, "header", None),
        query=_value(entries, "query", None),
        body_field=_body_field(compiling, field_entry) if field_entry else None,
        user=_value(entries, "user", None),
        algorithm=_value(entries, "algorithm", "sha256"),
        encoding=_value(entries, "encoding", "hex"),
        prefix=_value(entries, "prefix", ""),
        format=_checked(compiling.loading, entries.get("format"), ("signature", "timestamp"), ("signature",)),
        signed=_checked(
            compiling.loading,
            entries.get("signed"),
            ("body", "timestamp", "url", "method", "secret"),
            ("secret",) if scheme == "digest" else (),
        )
        or "{body}",
        timestamp_header=_value(entries, "timestamp_header", None),
        timestamp_unit=_value(entries, "timestamp_unit", None),
        tolerance_seconds=_value(entries, "tolerance", 300),
    )


def _check_scheme(loading: Loading, entry: Entry, entries: Entries, scheme: str) -> None:
    needed, allowed = _SCHEMES[scheme]
    written = {key.text for key, _ in entry.node.entries} if isinstance(entry.node, Block) else set(entries)
    for name in sorted(needed - written):
        loading.error(entry.node, "missing_key", f"the scheme {scheme} needs {name}", f"add {name}")
    if scheme == "token" and not written & {"header", "query", "field"}:
        loading.error(
            entry.node, "missing_key", "the scheme token needs header, query or field", "say where it is"
        )
    if scheme == "digest" and "signed" not in written:
        fix = 'add signed, such as "{secret}{body}"'
        loading.error(entry.node, "missing_key", "the scheme digest needs signed", fix)
    for name in entries:
        if name != "scheme" and name not in allowed:
            message = f"{name} says nothing for the scheme {scheme}"
            loading.error(entries[name].key, "option_alone", message, "remove it, or use another scheme")
    signed = entries.get("signed")
    uses_time = signed is not None and isinstance(signed.value, str) and "{timestamp}" in signed.value
    uses_timestamp = "timestamp_header" in entries or "{timestamp}" in str(_value(entries, "format", ""))
    if uses_time and signed is not None and not uses_timestamp:
        fix = "add timestamp_header, or a format with {timestamp}"
        loading.error(
            signed.node, "missing_key", "signed holds {timestamp}, but nothing says where it stands", fix
        )


def _checked(
    loading: Loading, entry: Entry | None, known: tuple[str, ...], needed: tuple[str, ...]
) -> str | None:
    """Return a text of verify whose placeholders are all known, and the needed ones there."""
    if entry is None or entry.value is None:
        return None
    written: str = entry.value
    names = _PLACEHOLDER.findall(written)
    for name in names:
        if name not in known:
            allowed = ", ".join(f"{{{word}}}" for word in known)
            suggestion = closest(name, known)
            loading.error(
                entry.node, "unknown_word", f"{{{name}}} is not known here", f"use {allowed}", suggestion
            )
    for name in needed:
        if name not in names:
            loading.error(
                entry.node, "missing_key", f"{entry.key.text} needs {{{name}}}", f"put {{{name}}} into it"
            )
    return written


def _body_field(compiling: Compiling, entry: Entry) -> Callable[[Any], Any] | None:
    if not isinstance(entry.node, Scalar):
        compiling.loading.error(entry.node, "wrong_shape", "field is one path", "write the field of the body")
        return None
    compiled = compiling.path(entry.node, entry.node.text)
    if compiled is None:
        return None
    locate = compiled.locate

    def read(data: Any) -> Any:
        found = locate.read(_data_only(data))
        return None if found is MISSING else text_of(found)

    return read


_NO_REQUEST = Request("POST", "", {}, {}, b"", None, datetime.fromtimestamp(0, UTC))


def _data_only(data: Any) -> Scope:
    """Return a scope of a body without its request: tokens are read before anything is believed."""
    return Scope(Webhook(_NO_REQUEST, data), "")


def read_secret(loading: Loading, entry: Entry, encoding: str = "text") -> bytes | None:
    """Return a secret from the environment; it is never written into the file."""
    try:
        written = text(entry.node, loading.grammar["verify"].keys["secret"])
    except BadText as bad:
        loading.error(entry.node, bad.code, f"{entry.key.text} {bad.message}", 'write "${NAME}"')
        return None
    match = _SECRET.fullmatch(written.strip())
    if match is None:
        fix = 'put it into an environment variable and write "${NAME}"'
        loading.error(entry.node, "secret_in_file", f"{entry.key.text} is never written into the file", fix)
        return None
    secret = loading.environment.get(match[1], "")
    if not secret:
        return _unset(loading, entry, match[1])
    try:
        return _DECODE[encoding](secret)
    except (ValueError, binascii.Error):
        message = f"{match[1]} is not {encoding}"
        loading.error(entry.node, "bad_secret", message, "correct it, or change secret_encoding")
        return None


def _unset(loading: Loading, entry: Entry, name: str) -> bytes | None:
    """Report a secret that is not set; where secrets are optional, one that nobody can match stands in."""
    note = loading.error if loading.secrets == "required" else loading.warning
    note(entry.node, "unset_secret", f"{name} is not set", f"set the environment variable {name}")
    return None if loading.secrets == "required" else randomness.token_bytes(32)


_DECODE: dict[str, Callable[[str], bytes]] = {
    "text": lambda secret: secret.encode(),
    "hex": bytes.fromhex,
    "base64": lambda secret: base64.b64decode(secret.removeprefix("whsec_"), validate=True),
}


# --- handshake, test code, reports ------------------------------------------------------------------


def _handshake(compiling: Compiling, entry: Entry | None, source: str) -> HandshakeRule | None:
    entries: Entries = (entry.value if entry else None) or {}
    if entry is None or "on" not in entries or "answer" not in entries or entries["on"].value is None:
        return None
    expect: list[tuple[Callable[[Webhook], Any], str]] = []
    block = entries["expect"].node if "expect" in entries else None
    if block is not None and not isinstance(block, Block):
        compiling.loading.error(block, "wrong_shape", "expect is a block", "write field: text below it")
    for key, node in block.entries if isinstance(block, Block) else ():
        wanted = _expected_text(compiling.loading, key, node)
        read = compile_value(compiling, key)
        if wanted is not None:
            expect.append((_of_webhook(read, source), wanted))
    answer = compile_value(compiling, entries["answer"].node)
    return HandshakeRule(entries["on"].value, tuple(expect), _of_webhook(answer, source))


def _expected_text(loading: Loading, key: Scalar, node: Node) -> str | None:
    if not isinstance(node, Scalar) or node.null:
        loading.error(node, "wrong_shape", f"{key.text} is compared with one text", "write the text")
        return None
    if not node.text.startswith("${"):
        return node.text
    secret = read_secret(loading, Entry(key, node))
    return secret.decode("utf-8", "replace") if secret else None


def compile_test_code(loading: Loading, entry: Entry | None, changed_at: int | None) -> TestCode | None:
    """Return the test event code of a mapping and until when it is in force."""
    if entry is None:
        return None
    if isinstance(entry.node, Scalar):
        return TestCode(entry.node.text)
    entries = loading.block(entry.node, "test_event_code")
    if "code" not in entries or not entries["code"].value:
        return None
    if "for" in entries and "until" in entries:
        loading.error(entries["until"].key, "two_sources", "for and until both say how long", "keep one")
    seconds = entries["for"].value if "for" in entries else None
    until = read_time(entries["until"].value) if "until" in entries and entries["until"].value else None
    if seconds is not None and changed_at is not None:
        until = changed_at + seconds
    return TestCode(entries["code"].value, seconds, until)


def compile_on_result(loading: Loading, entry: Entry | None) -> OnResult | None:
    """Return where results are reported."""
    entries: Entries = (entry.value if entry else None) or {}
    url = entries["url"].value if "url" in entries else None
    secret = read_secret(loading, entries["secret"]) if "secret" in entries else None
    if entry is None or not url or secret is None:
        return None
    if not url.startswith(("https://", "http://")):
        loading.error(entries["url"].node, "no_url", "url is a web address", "write https://...")
        return None
    return OnResult(url, secret)
