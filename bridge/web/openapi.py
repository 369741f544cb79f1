"""The description of every address, for programs that read OpenAPI 3.1; made from one table."""

from __future__ import annotations

from functools import cache
from typing import Any

from bridge import __version__
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response

_TEXT = {"type": "string"}
_NULL_TEXT = {"type": ["string", "null"]}
_OBJECT = {"type": "object"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


FINDING = {
    **_object(
        severity={"enum": ["error", "warning"]},
        code=_TEXT,
        message=_TEXT,
        fix=_NULL_TEXT,
        path=_NULL_TEXT,
        file=_NULL_TEXT,
        line={"type": ["integer", "null"]},
        column={"type": ["integer", "null"]},
        suggestion=_NULL_TEXT,
    ),
    "required": ["severity", "code", "message", "fix", "path", "file", "line", "column", "suggestion"],
}
SCHEMAS: dict[str, Any] = {
    "Finding": FINDING,
    "Error": {
        **_object(
            error=_object(
                code=_TEXT,
                message=_TEXT,
                details=_list_of(
                    _object(code=_TEXT, path=_NULL_TEXT, message=_TEXT, fix=_NULL_TEXT, where=_NULL_TEXT)
                ),
            ),
            request_id=_TEXT,
        ),
        "required": ["error", "request_id"],
    },
    "Event": _object(
        id=_TEXT, event_name=_TEXT, event_id=_NULL_TEXT, destination=_TEXT, status=_TEXT, reason=_NULL_TEXT
    ),
    "Taken": {
        **_object(
            status={"enum": ["queued", "duplicate", "skipped", "suppressed", "held", "sent"]},
            events=_list_of(_reference("Event")),
            reasons=_list_of(_TEXT),
            findings=_list_of(_reference("Finding")),
            events_received={"type": "integer"},
            fbtrace_id=_NULL_TEXT,
            test=_OBJECT,
            request_id=_TEXT,
        ),
        "required": ["status", "request_id"],
    },
    "Preview": _object(
        events=_list_of(_OBJECT),
        findings=_list_of(_reference("Finding")),
        skipped=_list_of(_OBJECT),
        held=_list_of(_OBJECT),
        suppressed=_list_of(_OBJECT),
        explain=_list_of(_OBJECT),
        empty=_list_of(_OBJECT),
        unused=_list_of(_OBJECT),
        request=_OBJECT,
        request_id=_TEXT,
    ),
    "Findings": _object(findings=_list_of(_reference("Finding")), request_id=_TEXT),
    "MetaAnswer": _object(events_received={"type": "integer"}, messages=_list_of(_TEXT), fbtrace_id=_TEXT),
    "MetaError": _object(
        error=_object(
            message=_TEXT,
            type=_TEXT,
            code={"type": "integer"},
            error_subcode={"type": "integer"},
            is_transient={"type": "boolean"},
            error_user_title=_TEXT,
            error_user_msg=_TEXT,
            fbtrace_id=_TEXT,
        )
    ),
    "Any": _OBJECT,
}
_HOOK_ERRORS = {
    "400": "The body cannot be read; the message names line and column.",
    "401": "The signature or token is wrong.",
    "404": "There is no such mapping.",
    "413": "The body is too large.",
    "415": "The mapping does not take this content type.",
    "422": "The events have problems and are kept for repair.",
    "429": "Over a rate limit; see Retry-After.",
    "502": "Meta refused (with ?wait=true).",
    "503": "It could not be stored; see Retry-After and send it again.",
}
_ADMIN_ERRORS = {"401": "The admin token is missing or wrong."}
_FILTERS = (
    "status",
    "mapping",
    "destination",
    "event_name",
    "event_id",
    "reason",
    "since",
    "until",
    "limit",
    "before",
)

# (method, path, summary, schema of the 200, errors, query parameters, is for the admin, schema of errors)
ENDPOINTS: tuple[tuple[str, str, str, str, dict[str, str], tuple[str, ...], bool], ...] = (
    ("post", "/hooks/{name}", "Take in a webhook", "Taken", _HOOK_ERRORS, ("wait", "test_event_code"), False),
    ("get", "/hooks/{name}", "Answer a sender's handshake", "Taken", {"404": _HOOK_ERRORS["404"]}, (), False),
    (
        "post",
        "/dry-run/{name}",
        "Show what a webhook would become",
        "Preview",
        _HOOK_ERRORS,
        ("reveal",),
        False,
    ),
    ("post", "/dry-run", "Try a mapping that is only text so far", "Preview", _ADMIN_ERRORS, (), True),
    ("post", "/validate", "Check a finished Conversions API body", "Findings", _ADMIN_ERRORS, (), True),
    (
        "post",
        "/{version}/{dataset_id}/events",
        "Take what one would send to Meta",
        "MetaAnswer",
        {"400": "What Meta would refuse, in Meta's shape."},
        ("access_token", "wait"),
        False,
    ),
    (
        "post",
        "/capi/{dataset_id}/events",
        "Take what one would send to a Conversions API Gateway",
        "MetaAnswer",
        {"400": "What Meta would refuse, in Meta's shape."},
        ("wait",),
        False,
    ),
    ("get", "/api/mappings", "List the mappings", "Any", _ADMIN_ERRORS, (), True),
    (
        "get",
        "/api/mappings/{name}",
        "Show one mapping and how its lines fare",
        "Any",
        _ADMIN_ERRORS,
        (),
        True,
    ),
    ("get", "/api/counts", "Count what is stored", "Any", _ADMIN_ERRORS, (), True),
    ("get", "/api/events", "List events, newest first", "Any", _ADMIN_ERRORS, _FILTERS, True),
    ("get", "/api/events/{event_id}", "Show one event", "Event", _ADMIN_ERRORS, (), True),
    ("post", "/api/events/{event_id}/replay", "Send one event again", "Any", _ADMIN_ERRORS, (), True),
    ("post", "/api/events/{event_id}/discard", "Give one event up", "Any", _ADMIN_ERRORS, (), True),
    ("post", "/api/replay", "Send many events again", "Any", _ADMIN_ERRORS, (), True),
    ("get", "/healthz", "Check that the process is alive", "Any", {}, (), False),
    (
        "get",
        "/readyz",
        "Check whether webhooks can be taken",
        "Any",
        {"503": "Not ready; see reasons."},
        (),
        False,
    ),
    ("get", "/metrics", "Counters and gauges for Prometheus", "text", {}, (), False),
    ("get", "/openapi.json", "This description", "Any", {}, (), False),
)


def description(context: AppContext, request: HttpRequest) -> Response:
    """Answer with the description of every address."""
    return Response(200, document())


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, Any] = {}
    for method, path, summary, schema, errors, parameters, for_admin in ENDPOINTS:
        operation: dict[str, Any] = {
            "summary": summary,
            "operationId": _operation_id(method, path),
            "parameters": [*_path_parameters(path), *map(_query_parameter, parameters)],
            "responses": {_success(path): _response("It worked.", schema), **_errors(path, errors)},
        }
        if for_admin:
            operation["security"] = [{"admin": []}]
        if method == "post":
            operation["requestBody"] = {"content": {"application/json": {"schema": _OBJECT}}}
        paths.setdefault(path, {})[method] = operation
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


def _operation_id(method: str, path: str) -> str:
    words = [word.strip("{}").replace("-", "_").replace(".", "_") for word in path.split("/") if word]
    return "_".join([method, *words])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]


def _query_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": _TEXT}


def _response(words: str, schema: str) -> dict[str, Any]:
    if schema == "text":
        return {"description": words, "content": {"text/plain": {"schema": _TEXT}}}
    return {"description": words, "content": {"application/json": {"schema": _reference(schema)}}}


def _success(path: str) -> str:
    return "202" if path.startswith("/capi/") else "200"


def _errors(path: str, errors: dict[str, str]) -> dict[str, Any]:
    schema = "MetaError" if "{dataset_id}" in path else "Error"
    return {status: _response(words, schema) for status, words in errors.items()}
