"""What to do after Meta responded: one table look-up, from status and body to a verdict. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.meta_spec.spec import MetaSpec, ResponseMeaning
from bridge.privacy.quoted_values import without_values

_LARGEST_NUMBER = 2**63 - 1  # what both databases store


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one response from Meta means for the batch.

    `action` is delivered, retry, pause, split or refuse (see `schemas/meta/answers.yaml`); `attempts`
    bounds a retry where Meta's word alone is not enough; `wait` says where the waiting time comes from
    ("" is backoff, "header", "hours"). Texts are ours: Meta's are localized and may quote a value, which is
    left out of `answer`.
    """

    action: str
    meaning: str
    who: str
    next_step: str
    code: int | None = None
    subcode: int | None = None
    attempts: int | None = None
    wait: str = ""
    alert: bool = False
    events_received: int | None = None
    fbtrace_id: str | None = None
    blamed: str | None = None
    answer: str | None = None


def classify_response(status: int | None, body: Any, batch_size: int, spec: MetaSpec) -> Verdict:
    """Classify a response; `status` None means there was none, `body` is its decoded JSON (None: not JSON).

    The order is that of Meta's own advice: no response, success, transient, code with subcode, code, range of
    codes, and only then the HTTP status. A single event is rejected where a larger batch is split.
    """
    situations = spec.responses.situations
    if status is None:
        return _verdict(situations["no_response"], batch_size)
    content = body if isinstance(body, Mapping) else {}
    error = content.get("error")
    if isinstance(error, Mapping):
        return _classify_error(status, error, batch_size, spec)
    received = _whole(content.get("events_received"))
    if status < 400 and received is not None and received >= 0:
        return _verdict(
            situations[_success(received, batch_size)],
            batch_size,
            events_received=received,
            fbtrace_id=_text(content.get("fbtrace_id")),
        )
    return _verdict(situations[_situation_of(status)], batch_size)


def _success(received: int, batch_size: int) -> str:
    if received >= batch_size:
        return "delivered"
    return "fewer_received" if received else "none_received"


_STATUSES = {401: "unauthorized", 404: "not_found", 413: "too_large", 429: "too_many_requests"}


def _situation_of(status: int) -> str:
    return _STATUSES.get(status) or ("server_error" if status >= 500 else "not_understood")


def _classify_error(status: int, error: Mapping[str, Any], batch_size: int, spec: MetaSpec) -> Verdict:
    code, subcode = _whole(error.get("code")), _whole(error.get("error_subcode"))
    return _verdict(
        _meaning_of(status, error, code, subcode, spec),
        batch_size,
        code=code,
        subcode=subcode,
        fbtrace_id=_text(error.get("fbtrace_id")),
        blamed=_blamed(error.get("error_data")),
        answer=_answer(error, spec),
    )


def _meaning_of(
    status: int, error: Mapping[str, Any], code: int | None, subcode: int | None, spec: MetaSpec
) -> ResponseMeaning:
    table = spec.responses
    situations = table.situations
    known = _known(code, subcode, spec)
    again = known if known is not None and known.action == "retry" else None
    if status >= 500:
        return again or situations["server_error"]
    if status == 429:
        return again or situations["too_many_requests"]
    if error.get("is_transient") is True:
        return again or situations["transient"]
    if known is not None:
        return known
    if code is None:
        return situations[_situation_of(status)]
    return situations["negative_code" if code < 0 else "unknown_code"]


def _known(code: int | None, subcode: int | None, spec: MetaSpec) -> ResponseMeaning | None:
    if code is None:
        return None
    table = spec.responses
    exact = table.subcodes.get((code, subcode)) if subcode is not None else None
    return exact or table.codes.get(code) or _in_range(code, spec)


def _in_range(code: int, spec: MetaSpec) -> ResponseMeaning | None:
    return next((found for first, last, found in spec.responses.ranges if first <= code <= last), None)


def _verdict(found: ResponseMeaning, batch_size: int, **seen: Any) -> Verdict:
    action = "refuse" if found.action == "split" and batch_size <= 1 else found.action
    return Verdict(
        action,
        found.meaning,
        found.who,
        found.next_step,
        attempts=found.attempts,
        wait=found.wait,
        alert=found.alert,
        **seen,
    )


def _whole(value: Any) -> int | None:
    """Read a code or a count, which some proxies turn into a string; None when it fits no column."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and abs(value) <= _LARGEST_NUMBER else None


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) else None


def _answer(error: Mapping[str, Any], spec: MetaSpec) -> str | None:
    """Return Meta's own words about an error: those for people, then those for programs."""
    texts = [error.get(name) for name in ("error_user_title", "error_user_msg", "message")]
    said = ". ".join(
        dict.fromkeys(text.strip().rstrip(".") for text in texts if isinstance(text, str) and text)
    )
    known = {place.rpartition(".")[2] for place in spec.right_places.values()}
    return without_values(said, known) or None


def _blamed(error_data: Any) -> str | None:
    """Return the fields Meta blames, as paths; `error_data` is an object, or a text holding one."""
    if isinstance(error_data, str):
        try:
            error_data = json.loads(error_data)
        except (ValueError, RecursionError):
            return None
    specs = error_data.get("blame_field_specs") if isinstance(error_data, Mapping) else None
    if not isinstance(specs, list):
        return None
    paths = [".".join(map(str, spec)) for spec in specs if isinstance(spec, list)]
    return ", ".join(paths)[:200] or None
