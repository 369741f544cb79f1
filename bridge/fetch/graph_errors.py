"""Errors of Meta's own Graph API, when records (leads) are fetched from it: by code, as when events are sent.

It answers HTTP 400 for nearly everything, an expired token and a rate limit among them, so the status says
little. `fbtrace_id` tells its errors from those of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from bridge.delivery.meta_responses import Verdict, classify_response
from bridge.meta_spec.rule_files import load_meta_spec

GraphTrouble = Literal["unreachable", "limit", "setup", "no_record", "never"]
# "Unsupported get request. Object with ID … does not exist, cannot be loaded due to missing permissions"
# https://developers.facebook.com/docs/graph-api/guides/error-handling (checked 2026-11-28)
_NO_SUCH_OBJECT = (100, 33)


def graph_error(status: int, data: Any) -> tuple[GraphTrouble, str] | None:
    """Return what an error of the Graph API says, and its meaning in our words; None for any other answer."""
    error = data.get("error") if isinstance(data, Mapping) else None
    if not isinstance(error, Mapping) or "fbtrace_id" not in error:
        return None
    verdict = classify_response(status, data, 1, load_meta_spec())
    return _trouble(verdict), f"{verdict.meaning.rstrip('.')} (HTTP {status}, code {verdict.code})"


def _trouble(verdict: Verdict) -> GraphTrouble:
    if (verdict.code, verdict.subcode) == _NO_SUCH_OBJECT:
        return "no_record"
    if verdict.action == "pause":
        return "setup"
    if verdict.action == "retry":
        return "limit" if verdict.wait == "header" else "unreachable"
    return "never"
