"""The challenge that some senders want back before they send anything, described by the mapping."""

from __future__ import annotations

import hmac

from bridge.models import HandshakeRule, Request, SenderAnswer, Webhook


def handshake_answer(asked: Webhook | Request, rule: HandshakeRule) -> SenderAnswer | None:
    """Return what to answer a handshake with, None when this request is not a valid handshake.

    A `get` handshake is a GET and has no body; `header` and `field` ones come with a POST. What the
    rule expects may be a secret, so it is compared in constant time.
    """
    webhook = asked if isinstance(asked, Webhook) else Webhook(asked, {})
    if (rule.on == "get") is not (webhook.request.method.upper() in ("GET", "HEAD")):
        return None
    if not all(_is_same(read(webhook), text) for read, text in rule.expect):
        return None
    answer = rule.answer(webhook)
    if isinstance(answer, SenderAnswer):
        return answer
    text = _text(answer)
    return SenderAnswer(text) if text else None


def _is_same(found: object, expected: str) -> bool:
    given = _text(found).encode("utf-8", "surrogatepass")
    return hmac.compare_digest(given, expected.encode("utf-8", "surrogatepass"))


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
