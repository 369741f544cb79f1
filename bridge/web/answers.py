"""What is answered: a status, one JSON object with a request id, and the one shape of every error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bridge.errors import (
    BridgeError,
    CannotOpen,
    CannotStore,
    Invalid,
    NotAuthentic,
    TooLarge,
    TooManyRequests,
    UnknownMapping,
    UnreadableBody,
    WrongContentType,
    WrongUse,
)
from bridge.models import Finding
from bridge.serialization import encode


class NoSuchEvent(BridgeError):
    """No event of that id is kept."""

    code = "no_such_event"


STATUS_CODES: tuple[tuple[type[BridgeError], int], ...] = (
    (UnreadableBody, 400),
    (NotAuthentic, 401),
    (UnknownMapping, 404),
    (NoSuchEvent, 404),
    (TooLarge, 413),
    (WrongContentType, 415),
    (Invalid, 422),
    (TooManyRequests, 429),
    (CannotStore, 503),
    (CannotOpen, 503),
    (WrongUse, 400),
    (BridgeError, 400),
)
RETRY_AFTER_SECONDS = 5
_NOT_AUTHENTIC = "the sender could not be authenticated"
_JSON = "application/json"


class Answer(NamedTuple):
    """One answer before it becomes bytes; `body` is a JSON object, or a text for handshakes."""

    status: int
    body: Mapping[str, Any] | str
    headers: tuple[tuple[str, str], ...] = ()
    code: str = ""

    def adding(self, parts: Mapping[str, Any]) -> Answer:
        """Return the same answer with more parts in its JSON object."""
        return self if isinstance(self.body, str) else self._replace(body={**self.body, **parts})

    def as_bytes(self, request_id: str) -> tuple[bytes, str]:
        """Return the bytes and their content type."""
        if isinstance(self.body, str):
            return self.body.encode("utf-8", "replace"), "text/plain; charset=utf-8"
        return encode({**self.body, "request_id": request_id}), _JSON


@dataclass(slots=True)
class Line:
    """What the log line and the counters will say about this request, gathered on the way.

    Webhooks (and calls to the drop-in) are all counted and logged, other requests when they are refused.
    """

    is_webhook: bool = False
    mapping: str = "-"
    status: str = ""
    events: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


def detail(finding: Finding) -> dict[str, Any]:
    """Return one finding as a detail of an error."""
    return {
        "code": finding.code,
        "path": finding.path,
        "message": finding.message,
        "fix": finding.fix or None,
        "where": str(finding.position) if finding.position else None,
    }


def error_body(code: str, message: str, findings: Sequence[Finding] = ()) -> dict[str, Any]:
    """Return the one shape of every error."""
    return {"error": {"code": code, "message": message, "details": [detail(finding) for finding in findings]}}


def answer_to_error(error: BridgeError) -> Answer:
    """Turn an exception of ours into an answer. A stranger with a wrong signature learns nothing."""
    status = next(number for kind, number in STATUS_CODES if isinstance(error, kind))
    if isinstance(error, NotAuthentic):
        return Answer(status, error_body(NotAuthentic.code, _NOT_AUTHENTIC), code=error.code)
    findings: tuple[Finding, ...] = getattr(error, "findings", ())
    message = _with_fix(error) if error.fix and not findings else error.message
    headers = _retry_after(error)
    return Answer(status, error_body(error.code, message, findings), headers, error.code)


def _with_fix(error: BridgeError) -> str:
    joint = " " if error.message.endswith((".", "!", "?")) else "; "
    return error.message + joint + error.fix


def answer_to_fault() -> Answer:
    """Answer when we broke down: not the sender's fault, so it is asked to come again."""
    body = error_body("internal_fault", "the bridge could not do this now; nothing was lost, send it again")
    return Answer(503, body, (("Retry-After", str(RETRY_AFTER_SECONDS)),), "internal_fault")


def _retry_after(error: BridgeError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, CannotStore | TooManyRequests):
        return (("Retry-After", str(error.retry_after_seconds)),)
    if isinstance(error, CannotOpen):
        return (("Retry-After", str(RETRY_AFTER_SECONDS)),)
    return ()
