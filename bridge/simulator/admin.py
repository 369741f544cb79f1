"""The simulator's own pages: `/`, `/received`, `/faults`, `/tokens`. Everything else is Meta's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.errors import WrongUse
from bridge.simulator.faults import FaultPlan
from bridge.simulator.graph import Call, Rules
from bridge.simulator.home_page import render
from bridge.simulator.inbox import Inbox
from bridge.simulator.responses import Answer


@dataclass(frozen=True, slots=True)
class AdminPages:
    """Shows what came, and takes orders."""

    inbox: Inbox
    faults: FaultPlan
    rules: Rules

    def handle(self, call: Call) -> Answer | None:
        """Answer a request to one of our own pages; None means that it was for Meta."""
        deeds = _PAGES.get(call.path)
        if deeds is None:
            return None
        deed = deeds.get("GET" if call.method == "HEAD" else call.method)
        return deed(self, call) if deed else _json(405, {"error": {"message": "not possible here"}})

    def show_page(self, _call: Call) -> Answer:
        """Show the page for people."""
        return Answer(200, render(self.inbox, self.faults.waiting()), content_type="text/html; charset=utf-8")

    def show_received(self, _call: Call) -> Answer:
        """Show everything that came as JSON."""
        return _json(200, self.inbox.as_json())

    def clear_received(self, _call: Call) -> Answer:
        """Forget what came."""
        self.inbox.clear()
        return _json(200, self.inbox.as_json())

    def show_faults(self, _call: Call) -> Answer:
        """Show the faults to come."""
        return _json(200, {"faults": self.faults.waiting()})

    def add_faults(self, call: Call) -> Answer:
        """Add a plan: plain text, or JSON with the key `faults`."""
        try:
            self.faults.add(_plan(call.body))
        except WrongUse as error:
            return _json(400, {"error": {"message": error.message, "fix": error.fix}})
        return self.show_faults(call)

    def clear_faults(self, call: Call) -> Answer:
        """Forget the faults to come."""
        self.faults.clear()
        return self.show_faults(call)

    def change_tokens(self, call: Call) -> Answer:
        """Kill and revive tokens: {"dead": [...], "alive": [...]}."""
        orders = _json_object(call.body)
        self.rules.dead_tokens.update(map(str, orders.get("dead") or ()))
        self.rules.dead_tokens.difference_update(map(str, orders.get("alive") or ()))
        return _json(200, {"dead": len(self.rules.dead_tokens)})


def _plan(body: bytes) -> str:
    return str(_json_object(body).get("faults", "")) or body.decode("utf-8", "replace")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _json(status: int, value: Any) -> Answer:
    return Answer(status, orjson.dumps(value, option=orjson.OPT_INDENT_2))


_PAGES: Mapping[str, Mapping[str, Callable[[AdminPages, Call], Answer]]] = {
    "/": {"GET": AdminPages.show_page},
    "/received": {"GET": AdminPages.show_received, "DELETE": AdminPages.clear_received},
    "/faults": {
        "GET": AdminPages.show_faults,
        "POST": AdminPages.add_faults,
        "DELETE": AdminPages.clear_faults,
    },
    "/tokens": {"POST": AdminPages.change_tokens},
}
