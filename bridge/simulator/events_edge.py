"""One request to the events edge: from method, path and body to a response and an entry in the inbox.

    path → version → fault → parameters → token → judge → inbox → response

Knows no sockets; `server.py` brings the bytes. Faults that are about the connection come back as they are.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from bridge.simulator.checks import Rejection
from bridge.simulator.data import SimulatorData, load_simulator_data
from bridge.simulator.faults import NO_FAULT, Fault, FaultPlan
from bridge.simulator.inbox import Inbox, RejectedRequest
from bridge.simulator.judge import judge
from bridge.simulator.parameters import Unreadable, read_events, read_parameters
from bridge.simulator.response_writer import ResponseWriter, SimulatorResponse, Usage, usage_headers
from bridge.simulator.versions import version_state

_EDGE = re.compile(r"/(?:(?P<version>v\d+\.\d+)/)?(?P<dataset>\d+)/events/?")
_HTML = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry</h1></body></html>"
LOST = 0


@dataclass(frozen=True, slots=True)
class SimulatorRequest:
    """One HTTP request as it came. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class PlannedResponse:
    """A response, and the fault applied before it, or instead of it when its status is LOST."""

    response: SimulatorResponse
    fault: Fault = NO_FAULT


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who may send and read, and how strictly. With `datasets` None every dataset and token is accepted.

    `send_only_tokens` may not read the dataset. With an `app_secret` every call must carry appsecret_proof.
    """

    datasets: Mapping[str, Collection[str]] | None = None
    expired_tokens: set[str] = field(default_factory=set)
    refuse_expired_versions: bool = False
    send_only_tokens: Collection[str] = frozenset()
    token_expires_at: datetime | None = None
    app_secret: str | None = None

    def is_proven(self, token: str, proof: object) -> bool:
        """Say whether a call carries the proof that an app with a secret asks for."""
        if self.app_secret is None:
            return True
        expected = hmac.new(self.app_secret.encode(), token.encode(), "sha256").hexdigest()
        return isinstance(proof, str) and hmac.compare_digest(expected.encode(), proof.encode())


@dataclass(frozen=True, slots=True)
class EventsEdge:
    """Meta's events edge; everything it needs is passed in."""

    clock: Callable[[], datetime]
    responses: ResponseWriter
    faults: FaultPlan
    inbox: Inbox
    policy: AccessPolicy
    data: SimulatorData = field(default_factory=load_simulator_data)

    def handle(self, request: SimulatorRequest) -> PlannedResponse:
        """Respond to one request to `/<version>/<dataset>/events`, or reject the path."""
        edge = _EDGE.fullmatch(request.path)
        if edge is None:
            return PlannedResponse(self.responses.rejected(Rejection("path_unknown")))
        if request.method != "POST":
            return PlannedResponse(self.responses.rejected(Rejection("unsupported_request")))
        return self._post(request, edge["version"], edge["dataset"])

    def _post(self, request: SimulatorRequest, version: str | None, dataset_id: str) -> PlannedResponse:
        now = self.clock()
        fault = self.faults.next()
        response, warning = self._respond(request, version, dataset_id, fault, now)
        usage = Usage(fault.usage_percent if fault.usage_percent is not None else 1, fault.wait_minutes)
        headers = dict(response.headers) | usage_headers(usage, dataset_id)
        if fault.retry_after_seconds is not None:
            headers["Retry-After"] = str(fault.retry_after_seconds)
        if warning:
            headers["X-Ad-Api-Version-Warning"] = warning
        return PlannedResponse(replace(response, headers=headers), fault)

    def _respond(
        self, request: SimulatorRequest, version: str | None, dataset_id: str, fault: Fault, now: datetime
    ) -> tuple[SimulatorResponse, str | None]:
        if version is None:
            return self._reject(Rejection("version_expired"), dataset_id, now), None
        state = version_state(version, self.data, now.date())
        warning = state.warning or (f"{version} is about to end." if fault.version_warning else None)
        if state.state == "unknown":
            return self._reject(Rejection("path_unknown"), dataset_id, now), None
        if state.state == "expired" and self.policy.refuse_expired_versions:
            return self._reject(Rejection("version_expired"), dataset_id, now), warning
        if fault.kind != "ok" and not fault.after_accept:
            return self._fail(fault, dataset_id, now), warning
        return self._receive(request, version, dataset_id, fault, now), warning

    def _receive(
        self, request: SimulatorRequest, version: str, dataset_id: str, fault: Fault, now: datetime
    ) -> SimulatorResponse:
        try:
            parameters = read_parameters(request.query, request.headers.get("content-type", ""), request.body)
        except Unreadable as error:
            return self._reject(Rejection("parameter", f"(#100) {error}."), dataset_id, now)
        events = read_events(parameters.get("data"))
        rejection = (
            self._access(request, parameters, dataset_id)
            or _check_envelope(parameters)
            or judge(events, self.data, now)
        )
        if rejection is not None:
            return self._reject(rejection, dataset_id, now, _length(events))
        self.inbox.take(events, dataset_id, version, now.isoformat(), parameters.get("test_event_code"))
        if fault.kind != "ok":
            return self._fault_response(fault)
        return self.responses.accepted(
            len(events) if fault.events_received is None else fault.events_received
        )

    def _access(
        self, request: SimulatorRequest, parameters: Mapping[str, Any], dataset_id: str
    ) -> Rejection | None:
        token = token_of(request, parameters)
        datasets = self.policy.datasets
        if not token:
            return Rejection("token_missing")
        if token in self.policy.expired_tokens:
            return Rejection("token_expired")
        if not self.policy.is_proven(token, parameters.get("appsecret_proof")):
            return Rejection("proof_invalid")
        if datasets is None:
            return None
        if not any(token in tokens for tokens in datasets.values()):
            return Rejection("token_unknown")
        return None if token in datasets.get(dataset_id, ()) else Rejection("unsupported_request")

    def _reject(
        self, rejection: Rejection, dataset_id: str, now: datetime, events: int = 0
    ) -> SimulatorResponse:
        response = self.responses.rejected(rejection)
        self.inbox.add_rejected(_rejected_request(response, dataset_id, now, events))
        return response

    def _fail(self, fault: Fault, dataset_id: str, now: datetime) -> SimulatorResponse:
        response = self._fault_response(fault)
        self.inbox.add_rejected(_rejected_request(response, dataset_id, now, 0))
        return response

    def _fault_response(self, fault: Fault) -> SimulatorResponse:
        if fault.kind == "error":
            return self.responses.failed(
                fault.code, fault.subcode, status=fault.status, transient=fault.transient
            )
        if fault.kind == "html":
            return SimulatorResponse(fault.status or 502, _HTML, content_type="text/html; charset=utf-8")
        if fault.kind == "garbage":
            return SimulatorResponse(fault.status or 200, b'{"events_recei')
        if fault.kind == "empty":
            return SimulatorResponse(fault.status or 200, b"")
        return SimulatorResponse(LOST, b"")


def token_of(request: SimulatorRequest, parameters: Mapping[str, Any]) -> str:
    """Return the token of a request: of its header, else of its parameters."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return str(parameters.get("access_token") or "")


def _check_envelope(parameters: Mapping[str, Any]) -> Rejection | None:
    """Check the parameters beside `data`."""
    if "data" not in parameters:
        return Rejection("parameter", "(#100) The parameter data is required")
    code = parameters.get("test_event_code")
    if code is not None and not (isinstance(code, str) and code.strip()):
        return Rejection("parameter", "(#100) param test_event_code must be a non-empty string.")
    agent = parameters.get("partner_agent")
    if agent is not None and not (isinstance(agent, str) and _is_agent(agent)):
        return Rejection(
            "parameter", "(#100) param partner_agent must have under 23 characters, two of them letters."
        )
    return None


def _is_agent(agent: str) -> bool:
    return len(agent) < 23 and sum(character.isalpha() for character in agent) >= 2


def _length(events: Any) -> int:
    return len(events) if isinstance(events, list) else 0


def _rejected_request(
    response: SimulatorResponse, dataset_id: str, now: datetime, events: int
) -> RejectedRequest:
    """Describe a rejection by the response, so that the page shows what the client saw."""
    error: dict[str, Any] = {}
    if response.body.startswith(b'{"error"'):
        error = orjson.loads(response.body)["error"]
    return RejectedRequest(
        dataset_id=dataset_id,
        received_at=now.isoformat(),
        status=response.status,
        code=error.get("code"),
        subcode=error.get("error_subcode"),
        message=error.get("message", "no JSON answer"),
        events=events,
    )
