"""What senders are answered: the challenge before the first webhook, and their own words after each."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any

from bridge.mapping.compiler.context import Compiling
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.compiler.verify_block import read_secret
from bridge.mapping.language.inline_tests import plain_data
from bridge.mapping.language.reader import Entries, Entry, Loading, block_of, value_of
from bridge.mapping.runtime.scope import Scope
from bridge.models import HandshakeRule, SenderAnswer, VerifyRule, Webhook
from bridge.positioned_yaml import Block, Node, Scalar, rows_of
from bridge.serialization import encode

_JSON = "application/json"
_LONGEST_ANSWER = 2_048  # like every text of the language
_CONTENT_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(?:; *charset=[a-zA-Z0-9-]+)?")
# What may be hashed with the secret for a challenge: no sign that a signed text or a body would need
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,128}")


# --- after a webhook was stored ----------------------------------------------------------------------


def compile_answer(loading: Loading, entry: Entry | None) -> SenderAnswer | None:
    """Return what a sender gets as the response once its webhook is stored."""
    entries = block_of(entry)
    if entry is None or len(entries.keys() & {"text", "json"}) != 1:
        if entry is not None:
            loading.error(entry.node, "missing_key", "answer takes either text or json", "add text: OK")
        return None
    text = encode(plain_data(entries["json"].node)).decode() if "json" in entries else entries["text"].value
    if len(text or "") > _LONGEST_ANSWER:
        message = f"an answer has at most {_LONGEST_ANSWER:,} characters"
        loading.error(entry.node, "too_long", message, "shorten it; senders expect a word or two")
    return SenderAnswer(text or "", _content_type(loading, entries))


def _content_type(loading: Loading, entries: Entries) -> str:
    if "json" in entries:
        return _JSON
    entry = entries.get("content_type")
    written: str = (entry.value if entry else None) or "text/plain"
    if entry is not None and not _CONTENT_TYPE.fullmatch(written):
        loading.error(entry.node, "unknown_word", f"{written[:40]!r} is not a content type", "write text/xml")
    return written if "charset" in written else f"{written}; charset=utf-8"


# --- before the first webhook ------------------------------------------------------------------------


def compile_handshake(
    compiling: Compiling, entry: Entry | None, source: str, verify: VerifyRule
) -> HandshakeRule | None:
    """Return how a sender's challenge is recognised and answered."""
    entries = block_of(entry)
    if entry is None or "on" not in entries or "answer" not in entries or entries["on"].value is None:
        return None
    answer, needs_proof = _answer(compiling, entries["answer"].node, source, verify)
    return HandshakeRule(
        entries["on"].value, _expected(compiling, entries, source), answer, needs_proof=needs_proof
    )


def _expected(
    compiling: Compiling, entries: Entries, source: str
) -> tuple[tuple[Callable[[Webhook], Any], str], ...]:
    expect: list[tuple[Callable[[Webhook], Any], str]] = []
    block = entries["expect"].node if "expect" in entries else None
    if block is not None and not isinstance(block, Block):
        compiling.loading.error(
            block, "wrong_shape", "expect must be a block", "write field: text on the lines below it"
        )
    for key, node in rows_of(block):
        wanted = _expected_text(compiling.loading, key, node)
        read = compile_value(compiling, key)
        if wanted is not None:
            expect.append((_of_webhook(read, source), wanted))
    return tuple(expect)


def _of_webhook(read: Any, source: str) -> Callable[[Webhook], Any]:
    return lambda webhook: read.read(Scope(webhook, source))


def _expected_text(loading: Loading, key: Scalar, node: Node) -> str | None:
    if not isinstance(node, Scalar) or node.null:
        loading.error(node, "wrong_shape", f"{key.text} is compared with one text", "write the text")
        return None
    if not node.text.startswith("${"):
        return node.text
    secret = read_secret(loading, Entry(key, node))
    return secret.decode("utf-8", "replace") if secret else None


def _answer(
    compiling: Compiling, node: Node, source: str, verify: VerifyRule
) -> tuple[Callable[[Webhook], Any], bool]:
    """Return what makes the answer, and whether it is one for senders only that prove who they are."""
    if not isinstance(node, Block) or not {key.text for key, _ in node.entries} & {"json", "header"}:
        return _of_webhook(compile_value(compiling, node), source), False
    entries = compiling.loading.block(node, "handshake_answer", "answer")
    if "header" in entries:
        return _echoed(str(entries["header"].value)), False
    return _object(compiling, entries["json"].node, source, verify)


def _echoed(header: str) -> Callable[[Webhook], Any]:
    """Return what sends a header of the challenge back; a value that no header can hold is none."""

    def answer(webhook: Webhook) -> SenderAnswer | None:
        value = webhook.request.headers.get(header.lower(), "")
        fits = value.isascii() and value.isprintable() and value.strip()
        return SenderAnswer("", headers=((header, value),)) if fits else None

    return answer


def _object(
    compiling: Compiling, node: Node, source: str, verify: VerifyRule
) -> tuple[Callable[[Webhook], Any], bool]:
    if not isinstance(node, Block) or not node.entries:
        fix = "write a name and a field, such as challenge: challenge"
        compiling.loading.error(node, "wrong_shape", "json must be a block of names and values", fix)
        return lambda _webhook: None, False
    parts: dict[str, Callable[[Webhook], Any]] = {}
    computed = False
    for key, value in node.entries:
        if isinstance(value, Block) and any(name.text == "hmac_of" for name, _ in value.entries):
            parts[key.text], computed = _hmac_of(compiling, value, source, verify), True
        else:
            parts[key.text] = _of_webhook(compile_value(compiling, value), source)
    return _as_object(parts), computed


def _as_object(parts: Mapping[str, Callable[[Webhook], Any]]) -> Callable[[Webhook], Any]:
    def answer(webhook: Webhook) -> SenderAnswer | None:
        found = {name: read(webhook) for name, read in parts.items()}
        if any(value is None for value in found.values()):
            return None
        return SenderAnswer(encode(found).decode(), _JSON)

    return answer


def _hmac_of(compiling: Compiling, node: Block, source: str, verify: VerifyRule) -> Callable[[Webhook], Any]:
    entries = compiling.loading.block(node, "answer_hmac", "the block of a computed answer")
    if verify.scheme not in {"hmac", "digest"}:
        fix = "add verify with a secret; only the owner of the secret may get a computed answer"
        compiling.loading.error(node, "missing_key", "hmac_of needs the secret of verify", fix)
    path = entries["hmac_of"].node if "hmac_of" in entries else None
    read = _of_webhook(compile_value(compiling, path), source) if path is not None else lambda _webhook: None
    encoding = value_of(entries, "encoding") or "hex"
    prefix: str = value_of(entries, "prefix", "")

    def answer(webhook: Webhook) -> str | None:
        challenge = str(read(webhook) or "")
        if not verify.secrets or not _CHALLENGE.fullmatch(challenge):
            return None
        digest = hmac.digest(verify.secrets[0], challenge.encode(), "sha256")
        return prefix + (digest.hex() if encoding == "hex" else base64.b64encode(digest).decode())

    return answer
