"""One request to the events edge: from method, path and body to an answer and a note in the inbox.

    path → version → fault → parameters → token → judge → inbox → answer

Knows no sockets; `server.py` brings the bytes. Faults that are about the connection come back as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from bridge.simulator.context import Refusal
from bridge.simulator.data import SimulatorData, load_simulator_data
from bridge.simulator.faults import NO_FAULT, Fault, FaultPlan
from bridge.simulator.inbox import Inbox, Refused
from bridge.simulator.judge import judge
from bridge.simulator.parameters import Unreadable, read_events, read_parameters
from bridge.simulator.responses import Answer, Usage, Words, usage_headers
from bridge.simulator.versions import version_state

_EDGE = re.compile(r"/(?:(?P<version>v\d+\.\d+)/)?(?P<dataset>\d+)/events/?")
_HTML = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry</h1></body></html>"
LOST = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request as it came. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and what the connection suffers before it, or instead of it when its status is LOST."""

    answer: Answer
    fault: Fault = NO_FAULT


@dataclass(frozen=True, slots=True)
class Rules:
    """How strict this simulator is. `datasets` None takes every dataset and token."""

    datasets: Mapping[str, Collection[str]] | None = None
    dead_tokens: set[str] = field(default_factory=set)
    refuse_expired_versions: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """The edge, with everything it needs brought in."""

    clock: Callable[[], datetime]
    words: Words
    faults: FaultPlan
    inbox: Inbox
    rules: Rules
    data: SimulatorData = field(default_factory=load_simulator_data)

    def handle(self, call: Call) -> Reply:
        """Answer one request to `/<version>/<dataset>/events`, or refuse the path."""
        edge = _EDGE.fullmatch(call.path)
        if edge is None:
            return Reply(self.words.refused(Refusal("path_unknown")))
        if call.method != "POST":
            return Reply(self.words.refused(Refusal("unsupported_request")))
        return self._post(call, edge["version"], edge["dataset"])

    def _post(self, call: Call, version: str | None, dataset_id: str) -> Reply:
        now = self.clock()
        fault = self.faults.next()
        answer, warning = self._answer(call, version, dataset_id, fault, now)
        usage = Usage(fault.usage_percent if fault.usage_percent is not None else 1, fault.wait_minutes)
        headers = dict(answer.headers) | usage_headers(usage, dataset_id)
        if fault.retry_after_seconds is not None:
            headers["Retry-After"] = str(fault.retry_after_seconds)
        if warning:
            headers["X-Ad-Api-Version-Warning"] = warning
        return Reply(replace(answer, headers=headers), fault)

    def _answer(
        self, call: Call, version: str | None, dataset_id: str, fault: Fault, now: datetime
    ) -> tuple[Answer, str | None]:
        if version is None:
            return self._refuse(Refusal("version_expired"), dataset_id, now), None
        state = version_state(version, self.data, now.date())
        warning = state.warning or (f"{version} is about to end." if fault.version_warning else None)
        if state.state == "unknown":
            return self._refuse(Refusal("path_unknown"), dataset_id, now), None
        if state.state == "expired" and self.rules.refuse_expired_versions:
            return self._refuse(Refusal("version_expired"), dataset_id, now), warning
        if fault.kind != "ok" and not fault.after_accept:
            return self._fail(fault, dataset_id, now), warning
        return self._receive(call, version, dataset_id, fault, now), warning

    def _receive(self, call: Call, version: str, dataset_id: str, fault: Fault, now: datetime) -> Answer:
        try:
            parameters = read_parameters(call.query, call.headers.get("content-type", ""), call.body)
        except Unreadable as error:
            return self._refuse(Refusal("parameter", f"(#100) {error}."), dataset_id, now)
        events = read_events(parameters.get("data"))
        refusal = (
            self._access(call, parameters, dataset_id) or _beside(parameters) or judge(events, self.data, now)
        )
        if refusal is not None:
            return self._refuse(refusal, dataset_id, now, _length(events))
        self.inbox.take(events, dataset_id, version, now.isoformat(), parameters.get("test_event_code"))
        if fault.kind != "ok":
            return self._fault_answer(fault)
        return self.words.accepted(len(events) if fault.events_received is None else fault.events_received)

    def _access(self, call: Call, parameters: Mapping[str, Any], dataset_id: str) -> Refusal | None:
        token = _token(call, parameters)
        datasets = self.rules.datasets
        if not token:
            return Refusal("token_missing")
        if token in self.rules.dead_tokens:
            return Refusal("token_expired")
        if datasets is None:
            return None
        if not any(token in tokens for tokens in datasets.values()):
            return Refusal("token_unknown")
        return None if token in datasets.get(dataset_id, ()) else Refusal("unsupported_request")

    def _refuse(self, refusal: Refusal, dataset_id: str, now: datetime, events: int = 0) -> Answer:
        answer = self.words.refused(refusal)
        self.inbox.refuse(_note(answer, dataset_id, now, events))
        return answer

    def _fail(self, fault: Fault, dataset_id: str, now: datetime) -> Answer:
        answer = self._fault_answer(fault)
        self.inbox.refuse(_note(answer, dataset_id, now, 0))
        return answer

    def _fault_answer(self, fault: Fault) -> Answer:
        if fault.kind == "error":
            return self.words.failed(
                fault.code, fault.subcode, status=fault.status, transient=fault.transient
            )
        if fault.kind == "html":
            return Answer(fault.status or 502, _HTML, content_type="text/html; charset=utf-8")
        if fault.kind == "garbage":
            return Answer(fault.status or 200, b'{"events_recei')
        if fault.kind == "empty":
            return Answer(fault.status or 200, b"")
        return Answer(LOST, b"")


def _token(call: Call, parameters: Mapping[str, Any]) -> str:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return str(parameters.get("access_token") or "")


def _beside(parameters: Mapping[str, Any]) -> Refusal | None:
    """Judge what stands beside `data`."""
    if "data" not in parameters:
        return Refusal("parameter", "(#100) The parameter data is required")
    code = parameters.get("test_event_code")
    if code is not None and not (isinstance(code, str) and code.strip()):
        return Refusal("parameter", "(#100) param test_event_code must be a non-empty string.")
    agent = parameters.get("partner_agent")
    if agent is not None and not (isinstance(agent, str) and _is_agent(agent)):
        return Refusal(
            "parameter", "(#100) param partner_agent must have under 23 characters, two of them letters."
        )
    return None


def _is_agent(agent: str) -> bool:
    return len(agent) < 23 and sum(character.isalpha() for character in agent) >= 2


def _length(events: Any) -> int:
    return len(events) if isinstance(events, list) else 0


def _note(answer: Answer, dataset_id: str, now: datetime, events: int) -> Refused:
    """Remember a refusal by what was answered, so that the page shows what the client saw."""
    error: dict[str, Any] = {}
    if answer.body.startswith(b'{"error"'):
        error = orjson.loads(answer.body)["error"]
    return Refused(
        dataset_id=dataset_id,
        received_at=now.isoformat(),
        status=answer.status,
        code=error.get("code"),
        subcode=error.get("error_subcode"),
        message=error.get("message", "no JSON answer"),
        events=events,
    )
