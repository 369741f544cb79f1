"""Writes responses as the Graph API does: error envelope, localized texts, trace ids, usage headers."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from bridge.simulator.checks import Rejection
from bridge.simulator.data import SimulatorData

JSON_TYPE = "application/json; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class SimulatorResponse:
    """One HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of its limit a caller has used: percent, and minutes until access comes back."""

    percent: int
    wait_minutes: int = 0


class ResponseWriter:
    """Builds responses. Trace ids come from a seed, so that two runs of one test read alike."""

    def __init__(self, data: SimulatorData, locale: str, seed: int) -> None:
        self._data = data
        self._language = locale.replace("-", "_").partition("_")[0].lower()
        self._random = random.Random(seed)  # noqa: S311 - ids for reading, not secrets
        self._lock = threading.Lock()

    def accepted(self, count: int) -> SimulatorResponse:
        """Say how many events were accepted."""
        return _json(200, {"events_received": count, "messages": [], "fbtrace_id": self.trace_id()})

    def rejected(self, rejection: Rejection) -> SimulatorResponse:
        """Say why nothing was accepted."""
        known = self._data.rejections[rejection.name]
        code, subcode = known.get("code", 100), known["subcode"]
        status = rejection.status or self._code(code)["status"]
        message = rejection.message or known.get("message") or "Invalid parameter"
        error = self._envelope(message, code, subcode, transient=False)
        error["type"] = known.get("type", "OAuthException")
        if texts := known.get(self._language) or known.get("en"):
            error |= {"error_user_title": texts[0], "error_user_msg": texts[1]}
            error["error_data"] = {"blame_field_specs": [["data"]]}
        return _json(status, {"error": error})

    def failed(
        self,
        code: int,
        subcode: int | None = None,
        *,
        status: int | None = None,
        transient: bool | None = None,
    ) -> SimulatorResponse:
        """Say that something failed that has nothing to do with the events."""
        known = self._code(code)
        is_transient = known.get("transient", False) if transient is None else transient
        error = self._envelope(known["message"], code, subcode, transient=is_transient)
        return _json(status or known["status"], {"error": error})

    def trace_id(self) -> str:
        """Return the next `fbtrace_id`."""
        with self._lock:
            noise = self._random.randbytes(16)
        return "A" + base64.urlsafe_b64encode(noise).decode().rstrip("=")

    def _code(self, code: int) -> Mapping[str, Any]:
        codes = self._data.codes
        return codes.get(code) or codes.get(200 if 200 <= code <= 299 else "other") or codes["other"]

    def _envelope(self, message: str, code: int, subcode: int | None, *, transient: bool) -> dict[str, Any]:
        error: dict[str, Any] = {
            "message": message,
            "type": "OAuthException",
            "code": code,
            "is_transient": transient,
        }
        if subcode is not None:
            error["error_subcode"] = subcode
        return error | {"fbtrace_id": self.trace_id()}


def usage_headers(usage: Usage, dataset_id: str) -> dict[str, str]:
    """Return the three headers in which Meta reports how close a caller is to its limits.

    The account header counts seconds to its reset, the business one minutes to regain access.
    """
    used = {
        "call_count": usage.percent,
        "total_cputime": usage.percent // 2,
        "total_time": usage.percent // 2,
    }
    business = {
        "type": "ads_management",
        **used,
        "estimated_time_to_regain_access": usage.wait_minutes,
        "ads_api_access_tier": "standard_access",
    }
    account = {
        "acc_id_util_pct": usage.percent,
        "reset_time_duration": usage.wait_minutes * 60,
        "ads_api_access_tier": "standard_access",
    }
    return {
        "X-App-Usage": _text(used),
        "X-Business-Use-Case-Usage": _text({dataset_id: [business]}),
        "X-Ad-Account-Usage": _text(account),
    }


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _json(status: int, value: Any) -> SimulatorResponse:
    return SimulatorResponse(status, orjson.dumps(value))
