"""The simulator's own pages: `/`, `/received`, `/faults`, `/tokens`. Everything else is Meta's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.errors import WrongUse
from bridge.simulator.events_edge import AccessPolicy, SimulatorRequest
from bridge.simulator.faults import FaultPlan
from bridge.simulator.home_page import render
from bridge.simulator.inbox import Inbox
from bridge.simulator.response_writer import SimulatorResponse


@dataclass(frozen=True, slots=True)
class AdminPages:
    """Shows what was received, and changes faults and tokens."""

    inbox: Inbox
    faults: FaultPlan
    policy: AccessPolicy

    def handle(self, request: SimulatorRequest) -> SimulatorResponse | None:
        """Respond to a request for one of our own pages; None means that it is meant for Meta."""
        actions = _PAGES.get(request.path)
        if actions is None:
            return None
        action = actions.get("GET" if request.method == "HEAD" else request.method)
        return (
            action(self, request)
            if action
            else _json(405, {"error": {"message": "this page does not take this method"}})
        )

    def show_page(self, _request: SimulatorRequest) -> SimulatorResponse:
        """Show the page for people."""
        return SimulatorResponse(
            200, render(self.inbox, self.faults.waiting()), content_type="text/html; charset=utf-8"
        )

    def show_received(self, _request: SimulatorRequest) -> SimulatorResponse:
        """Show everything that was received, as JSON."""
        return _json(200, self.inbox.as_json())

    def clear_received(self, _request: SimulatorRequest) -> SimulatorResponse:
        """Forget what was received."""
        self.inbox.clear()
        return _json(200, self.inbox.as_json())

    def show_faults(self, _request: SimulatorRequest) -> SimulatorResponse:
        """Show the faults to come."""
        return _json(200, {"faults": self.faults.waiting()})

    def add_faults(self, request: SimulatorRequest) -> SimulatorResponse:
        """Add a plan: plain text, or JSON with the key `faults`."""
        try:
            self.faults.add(_plan(request.body))
        except WrongUse as error:
            return _json(400, {"error": {"message": error.message, "fix": error.fix}})
        return self.show_faults(request)

    def clear_faults(self, request: SimulatorRequest) -> SimulatorResponse:
        """Forget the faults to come."""
        self.faults.clear()
        return self.show_faults(request)

    def change_tokens(self, request: SimulatorRequest) -> SimulatorResponse:
        """Expire and restore tokens: {"dead": [...], "alive": [...]}."""
        changes = _json_object(request.body)
        self.policy.expired_tokens.update(map(str, changes.get("dead") or ()))
        self.policy.expired_tokens.difference_update(map(str, changes.get("alive") or ()))
        return _json(200, {"dead": len(self.policy.expired_tokens)})


def _plan(body: bytes) -> str:
    return str(_json_object(body).get("faults", "")) or body.decode("utf-8", "replace")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _json(status: int, value: Any) -> SimulatorResponse:
    return SimulatorResponse(status, orjson.dumps(value, option=orjson.OPT_INDENT_2))


_PAGES: Mapping[str, Mapping[str, Callable[[AdminPages, SimulatorRequest], SimulatorResponse]]] = {
    "/": {"GET": AdminPages.show_page},
    "/received": {"GET": AdminPages.show_received, "DELETE": AdminPages.clear_received},
    "/faults": {
        "GET": AdminPages.show_faults,
        "POST": AdminPages.add_faults,
        "DELETE": AdminPages.clear_faults,
    },
    "/tokens": {"POST": AdminPages.change_tokens},
}
