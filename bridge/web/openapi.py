"""The description of every endpoint, for programs that read OpenAPI 3.1; made from one table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

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
    "Job": {
        **_object(
            id=_TEXT,
            kind={"enum": ["replay", "discard", "import", "export", "compare"]},
            state={"enum": ["queued", "running", "done", "failed", "cancelled"]},
            request=_OBJECT,
            done={"type": "integer"},
            total={"type": ["integer", "null"]},
            counts={"type": "object", "additionalProperties": {"type": "integer"}},
            message=_NULL_TEXT,
            has_result={"type": "boolean"},
            created_at={"type": "string", "format": "date-time"},
            changed_at={"type": "string", "format": "date-time"},
            request_id=_TEXT,
        ),
        "required": ["id", "kind", "state", "done", "total", "counts", "message", "has_result"],
    },
    "Jobs": _object(jobs=_list_of(_reference("Job")), request_id=_TEXT),
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


class Operation(NamedTuple):
    """One method of one path: what it does, what it answers, and what else may be in its query."""

    method: str
    path: str
    summary: str
    schema: str = "Any"
    errors: Mapping[str, str] = MappingProxyType({})
    parameters: tuple[str, ...] = ()
    for_admin: bool = False
    success: str = "200"
    takes: str = "application/json"


def _admin(method: str, path: str, summary: str, schema: str = "Any", **others: Any) -> Operation:
    """Return an operation that asks for the admin token."""
    refused = {"401": "The admin token is missing or wrong."}
    return Operation(method, path, summary, schema, refused, for_admin=True, **others)


OPERATIONS = (
    Operation(
        "post",
        "/hooks/{name}",
        "Take in a webhook",
        "Taken",
        _HOOK_ERRORS,
        ("wait", "test_event_code"),
    ),
    Operation(
        "get",
        "/hooks/{name}",
        "Answer a sender's handshake",
        "Taken",
        {"404": _HOOK_ERRORS["404"]},
    ),
    Operation(
        "post", "/dry-run/{name}", "Show what a webhook would become", "Preview", _HOOK_ERRORS, ("reveal",)
    ),
    _admin("post", "/dry-run", "Try a mapping that is only text so far", "Preview"),
    _admin("post", "/validate", "Check a finished Conversions API body", "Findings"),
    Operation(
        "post",
        "/{version}/{dataset_id}/events",
        "Take what one would send to Meta",
        "MetaAnswer",
        {"400": "What Meta would refuse, in Meta's shape."},
        ("access_token", "wait"),
    ),
    _admin("get", "/api/mappings", "List the mappings"),
    _admin("get", "/api/mappings/{name}", "Show one mapping and how its lines fare"),
    _admin("get", "/api/counts", "Count what is stored"),
    _admin("get", "/api/events", "List events, newest first", parameters=_FILTERS),
    _admin("get", "/api/events/{event_id}", "Show one event", "Event"),
    _admin("post", "/api/events/{event_id}/replay", "Send one event again"),
    _admin("post", "/api/events/{event_id}/discard", "Give one event up"),
    _admin("post", "/api/replay", "Send many events again; more than 1,000 by a job"),
    _admin(
        "post",
        "/api/import/{name}",
        "Import a file by a job",
        "Job",
        parameters=("format", "per_second", "dry_run"),
        success="202",
        takes="text/csv",
    ),
    _admin("post", "/api/jobs", "Start a job: replay, discard, export or compare", "Job", success="202"),
    _admin("get", "/api/jobs", "List the jobs, newest first", "Jobs"),
    _admin("get", "/api/jobs/{job_id}", "Show how far a job has come", "Job"),
    _admin("get", "/api/jobs/{job_id}/result", "Read what a job has written", "text", parameters=("part",)),
    _admin("post", "/api/jobs/{job_id}/cancel", "End a job that is not finished", "Job"),
    Operation("get", "/healthz", "Tell that the process answers"),
    Operation(
        "get",
        "/readyz",
        "Tell whether webhooks can be taken",
        errors={"503": "Not ready; see reasons."},
    ),
    Operation("get", "/metrics", "Counters and gauges for Prometheus", "text"),
    Operation("get", "/openapi.json", "This description"),
)


def description(context: AppContext, request: HttpRequest) -> Response:
    """Answer with the description of every endpoint."""
    return Response(200, document())


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
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


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _operation_id(operation.method, operation.path),
        "parameters": [*_path_parameters(operation.path), *map(_query_parameter, operation.parameters)],
        "responses": {
            operation.success: _response("It worked.", operation.schema),
            **_errors(operation.path, operation.errors),
        },
    }
    if operation.for_admin:
        described["security"] = [{"admin": []}]
    if operation.method == "post":
        schema = _OBJECT if operation.takes == "application/json" else _TEXT
        described["requestBody"] = {"content": {operation.takes: {"schema": schema}}}
    return described


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


def _errors(path: str, errors: Mapping[str, str]) -> dict[str, Any]:
    schema = "MetaError" if "{version}" in path else "Error"
    return {status: _response(words, schema) for status, words in errors.items()}
