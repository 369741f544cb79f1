"""The description of every endpoint, for programs that read OpenAPI 3.1; made from the table of routes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from bridge import __version__
from bridge.jobs.runner import STEPS
from bridge.settings import Settings
from bridge.web.dispatch import View
from bridge.web.intake import Endpoint
from bridge.web.request import HttpRequest

_TEXT = {"type": "string"}
_NULL_TEXT = {"type": ["string", "null"]}
_OBJECT = {"type": "object"}
_INTEGER = {"type": "integer"}
_NULL_INTEGER = {"type": ["integer", "null"]}
_NULL_NUMBER = {"type": ["number", "null"]}
_MOMENT = {"type": "string", "format": "date-time"}
_COUNTS = {"type": "object", "additionalProperties": _INTEGER}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _answer(**properties: Any) -> dict[str, Any]:
    """Return the schema of a whole answer: every one has the id of its request."""
    return _object(**properties, request_id=_TEXT)


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_STRENGTHS = _object(without_visit=_NULL_NUMBER, with_visit=_NULL_NUMBER)  # means of 0 to 100
PAUSE = _object(
    scope=_TEXT,
    destination=_NULL_TEXT,
    dataset_id=_NULL_TEXT,
    kind={"enum": ["circuit", "limit"]},
    reason=_TEXT,
    since=_MOMENT,
    until=_MOMENT,
)
RECEIPT = _object(
    id=_TEXT,
    asked_by=_TEXT,
    looked_for=_COUNTS,
    destination=_NULL_TEXT,
    never_send={"type": "boolean"},
    events=_INTEGER,
    raw_webhooks=_INTEGER,
    visits=_INTEGER,
    asked_at=_MOMENT,
    finished_at=_MOMENT,
)
_TAKEN = ["queued", "duplicate", "skipped", "suppressed", "held", "sent", "erasing", "captured", "ready"]
SCHEMAS: dict[str, Any] = {
    "Finding": {
        **_object(
            severity={"enum": ["error", "warning"]},
            code=_TEXT,
            message=_TEXT,
            fix=_NULL_TEXT,
            path=_NULL_TEXT,
            file=_NULL_TEXT,
            line=_NULL_INTEGER,
            column=_NULL_INTEGER,
            suggestion=_NULL_TEXT,
        ),
        "required": ["severity", "code", "message", "fix", "path", "file", "line", "column", "suggestion"],
    },
    "Error": {
        **_answer(
            error=_object(
                code=_TEXT,
                message=_TEXT,
                details=_list_of(
                    _object(code=_TEXT, path=_NULL_TEXT, message=_TEXT, fix=_NULL_TEXT, where=_NULL_TEXT)
                ),
            ),
        ),
        "required": ["error", "request_id"],
    },
    "Event": _object(
        id=_TEXT,
        event_name=_TEXT,
        event_id=_NULL_TEXT,
        destination=_TEXT,
        status=_TEXT,
        reason=_NULL_TEXT,
        reason_code=_NULL_TEXT,
        value=_NULL_NUMBER,
        currency=_NULL_TEXT,
        order_id=_NULL_TEXT,
        consent={"enum": ["granted", "denied", "unknown", None]},
        consent_source=_NULL_TEXT,
    ),
    "Taken": {
        **_answer(
            status={"enum": _TAKEN},
            erasure=_TEXT,
            events=_list_of(_reference("Event")),
            reasons=_list_of(_TEXT),
            findings=_list_of(_reference("Finding")),
            events_received=_INTEGER,
            fbtrace_id=_NULL_TEXT,
            test=_OBJECT,
        ),
        "required": ["status", "request_id"],
    },
    "Preview": _answer(
        events=_list_of(_OBJECT),
        findings=_list_of(_reference("Finding")),
        skipped=_list_of(_OBJECT),
        held=_list_of(_OBJECT),
        suppressed=_list_of(_OBJECT),
        fetching=_list_of(_OBJECT),
        erase={"type": ["object", "null"]},
        explain=_list_of(_OBJECT),
        empty=_list_of(_OBJECT),
        unused=_list_of(_OBJECT),
        request=_OBJECT,
    ),
    "Findings": _answer(findings=_list_of(_reference("Finding"))),
    "MetaAnswer": _object(events_received=_INTEGER, messages=_list_of(_TEXT), fbtrace_id=_TEXT),
    "MetaError": _object(
        error=_object(
            message=_TEXT,
            type=_TEXT,
            code=_INTEGER,
            error_subcode=_INTEGER,
            is_transient={"type": "boolean"},
            error_user_title=_TEXT,
            error_user_msg=_TEXT,
            fbtrace_id=_TEXT,
        )
    ),
    "Job": {
        **_answer(
            id=_TEXT,
            kind={"enum": list(STEPS)},
            state={"enum": ["queued", "running", "done", "failed", "cancelled"]},
            request=_OBJECT,
            done=_INTEGER,
            total=_NULL_INTEGER,
            counts=_COUNTS,
            message=_NULL_TEXT,
            has_result={"type": "boolean"},
            created_at=_MOMENT,
            changed_at=_MOMENT,
        ),
        "required": ["id", "kind", "state", "done", "total", "counts", "message", "has_result"],
    },
    "Jobs": _answer(jobs=_list_of(_reference("Job"))),
    "Pause": _answer(pause=PAUSE),
    "Pauses": _answer(pauses=_list_of(PAUSE)),
    "Found": _answer(looked_for=_TEXT, events=_list_of(_reference("Event")), next=_NULL_TEXT),
    "Erasures": _answer(erasures=_list_of(RECEIPT), unfinished=_list_of(_reference("Job"))),
    "Stats": _answer(
        by={"enum": ["hour", "day"]},
        since=_MOMENT,
        until=_MOMENT,
        series=_list_of({**_COUNTS, "properties": {"at": _MOMENT, "webhooks": _NULL_INTEGER}}),
        totals=_COUNTS,
    ),
    "Pairing": _answer(
        since=_MOMENT,
        counted_since=_MOMENT,
        browser_mappings=_list_of(_TEXT),
        pairs=_list_of(
            _object(
                event_name=_TEXT,
                browser_events=_INTEGER,
                paired=_INTEGER,
                reasons=_COUNTS,
                examples={"type": "object", "additionalProperties": _list_of(_TEXT)},
            )
        ),
        reasons={"type": "object", "additionalProperties": _TEXT},
        visit_mappings=_list_of(_TEXT),
        joins=_list_of(
            _object(
                mapping=_TEXT,
                events=_INTEGER,
                joined=_INTEGER,
                match_strength=_object(of_joined=_STRENGTHS, of_all=_STRENGTHS),
            )
        ),
    ),
    "Reasons": _answer(
        reasons=_list_of(
            _object(
                status=_TEXT,
                mapping=_TEXT,
                reason=_NULL_TEXT,
                events=_INTEGER,
                last_changed_at=_MOMENT,
            )
        ),
    ),
    "Webhooks": _answer(
        webhooks=_list_of(
            _object(
                id=_TEXT,
                mapping=_TEXT,
                revision=_TEXT,
                received_at=_MOMENT,
                request_id=_TEXT,
                events=_INTEGER,
                raw_kept={"type": "boolean"},
            )
        ),
        next=_NULL_TEXT,
    ),
    "Revisions": _answer(
        mapping=_TEXT,
        active=_NULL_TEXT,
        revisions=_list_of(_object(revision=_TEXT, first_seen_at=_MOMENT, active={"type": "boolean"})),
    ),
    "Sessions": _answer(
        sessions=_list_of(
            _object(id=_TEXT, reader=_NULL_TEXT, created_at=_MOMENT, seen_at=_MOMENT, ends_at=_MOMENT)
        ),
    ),
    "Status": _answer(
        mode={"enum": ["demo", "live"]},
        destinations=_list_of(_OBJECT),
        queue=_OBJECT,
        events=_COUNTS,
        held=_list_of(_OBJECT),
        not_configured=_list_of(_OBJECT),
        test_codes=_list_of(_OBJECT),
        unusual=_list_of(_OBJECT),
        mappings=_list_of(_OBJECT),
        database=_OBJECT,
        disk=_OBJECT,
    ),
    "Any": _OBJECT,
}
HOOK_ERRORS = {
    "400": "The body cannot be read; the message names line and column.",
    "401": "The signature or token is wrong.",
    "404": "There is no such mapping.",
    "413": "The body is too large.",
    "415": "The mapping does not accept this content type.",
    "422": "The events have problems and are kept for repair.",
    "429": "Over a rate limit; see Retry-After.",
    "502": "Meta rejected it (with ?wait=true).",
    "503": "It could not be stored; see Retry-After and send it again.",
}
ADMIN_ERRORS = {"401": "The admin token is missing or wrong."}
META_ERRORS = {"400": "What Meta would reject, in Meta's shape."}
BEACON_ERRORS = {
    "400": "The body is unreadable, or does not say whether the visitor consents.",
    "403": "The page is on another website, or the event may not come from pages.",
    "413": "The body is too large.",
    "429": "Too many; see Retry-After.",
    "503": "It could not be stored; see Retry-After.",
}
NOT_READY = {"503": "Not ready; see reasons."}


Access = Callable[[HttpRequest, Settings], None]


class Route(NamedTuple):
    """One method of one path, with its parameters in angle brackets. GET takes HEAD too.

    `access` raises NotAuthentic. The rest is for the description: the schema of the answer, the errors, what
    may be in the query, the status of success, the type of the body. Without a summary there is none.
    """

    method: str
    rule: str
    answers: View | Endpoint
    summary: str = ""
    schema: str = "Any"
    errors: Mapping[str, str] = MappingProxyType({})
    access: Access | None = None
    query: tuple[str, ...] = ()
    success: int = 200
    takes: str = "application/json"

    @property
    def path(self) -> str:
        """Return the path as OpenAPI writes it."""
        return self.rule.replace("<path:", "<").replace("<", "{").replace(">", "}")


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, Any] = {}
    for route in routes:
        if route.summary:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "capi-bridge",
            "version": __version__,
            "summary": "Webhooks to Meta's Conversions API",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"admin": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(route.method.lower(), route.path),
        "parameters": [*_path_parameters(route.path), *map(_query_parameter, route.query)],
        "responses": {
            str(route.success): _response("It worked.", route.schema),
            **_errors(route.path, route.errors),
        },
    }
    if route.access:
        operation["security"] = [{"admin": []}]
    if route.method == "POST":
        schema = _OBJECT if route.takes == "application/json" else _TEXT
        operation["requestBody"] = {"content": {route.takes: {"schema": schema}}}
    return operation


def _operation_id(method: str, path: str) -> str:
    words = [word.strip("{}").replace("-", "_").replace(".", "_") for word in path.split("/") if word]
    return "_".join([method, *words])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]


def _query_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": _TEXT}


def _response(words: str, schema: str) -> dict[str, Any]:
    if schema == "nothing":
        return {"description": words}
    if schema == "text":
        return {"description": words, "content": {"text/plain": {"schema": _TEXT}}}
    return {"description": words, "content": {"application/json": {"schema": _reference(schema)}}}


def _errors(path: str, errors: Mapping[str, str]) -> dict[str, Any]:
    schema = "MetaError" if "{dataset_id}" in path else "Error"
    return {status: _response(words, schema) for status, words in errors.items()}
