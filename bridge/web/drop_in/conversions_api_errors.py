"""Meta's error answers, as the drop-in gives them: the shape, the codes, and which finding becomes which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bridge.errors import BridgeError, CannotStore, NotAuthentic, Refused, TooManyRequests
from bridge.finding import Finding
from bridge.meta_spec.shipped_files import shipped_yaml
from bridge.models import Event
from bridge.web.responses import Response


@dataclass(eq=False)
class MetaError(Exception):
    """One of Meta's error answers."""

    status: int
    code: int
    message: str
    subcode: int | None = None
    title: str = ""
    explanation: str = ""
    is_transient: bool = False


BAD_TOKEN = (401, 190, "Invalid OAuth access token - Cannot parse access token")


def invalid(message: str, advice: str = "") -> MetaError:
    """Return the refusal of a request that is not formed as Meta wants it; `advice` says what to do."""
    return MetaError(400, 100, f"(#100) {message}", title=message if advice else "", explanation=advice)


def error_for_event(event: Event, number: int) -> MetaError:
    """Return what Meta would answer for an event of a batch that our rules hold."""
    errors = [finding for finding in event.findings if finding.severity == "error"]
    first = errors[0] if errors else Finding("error", "invalid", event.reason or "Invalid parameter")
    where = (first.path or "$").replace("$", f"$['data'][{number}]", 1)
    return MetaError(
        400,
        100,
        f"Invalid parameter: {first.message} ({where})",
        subcode_of(first, str((event.data or {}).get("event_name", ""))),
        first.message,
        " ".join(f"{finding.message} {finding.fix}".strip() for finding in errors),
    )


def subcode_of(finding: Finding, event_name: str) -> int:
    """Return the subcode Meta gives for what a finding of an event is about."""
    table = _subcodes()
    keys = (f"{event_name} {finding.code}", f"{finding.code} {finding.path}", finding.code, "default")
    return next(table[key] for key in keys if key in table)


def as_meta_error(error: BridgeError) -> MetaError:
    """Return the answer Meta would give in our place."""
    if isinstance(error, NotAuthentic):
        return MetaError(*BAD_TOKEN)
    if isinstance(error, TooManyRequests):
        return MetaError(429, 4, "(#4) Application request limit reached", is_transient=True)
    if isinstance(error, Refused) and not isinstance(error, CannotStore):
        return invalid(error.message)
    return MetaError(503, 2, "Service temporarily unavailable", is_transient=True)


def meta_response(error: MetaError, request_id: str, cause: BridgeError | None = None) -> Response:
    """Turn one of Meta's errors into a response; `cause` is the error of ours behind it."""
    body: dict[str, Any] = {
        "message": error.message,
        "type": "OAuthException",
        "code": error.code,
        "is_transient": error.is_transient,
        "fbtrace_id": request_id,
    }
    if error.subcode is not None:
        body["error_subcode"] = error.subcode
    if error.title:
        body |= {"error_user_title": error.title, "error_user_msg": error.explanation}
    wait = getattr(cause, "retry_after_seconds", None)
    headers = (("Retry-After", str(wait)),) if wait else ()
    log = {"reason": cause.message} if cause else {"meta_code": error.code}
    return Response(error.status, {"error": body}, headers, f"meta_{error.code}", log=log)


@cache
def _subcodes() -> Mapping[str, int]:
    table = shipped_yaml("meta/drop_in.yaml")
    return {
        "default": table["default"],
        **table["findings"],
        **{f"Purchase {code}": subcode for code, subcode in table["purchase"].items()},
        **{f"missing_field {path}": subcode for path, subcode in table["missing"].items()},
    }
