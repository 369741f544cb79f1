"""Which destination an event goes to when the webhook decides it: one mapping for many clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.finding import Finding, Position
from bridge.mapping.compiler.context import Read
from bridge.mapping.runtime.scope import Scope
from bridge.mode import UNKNOWN_DESTINATION

UNDECIDED: Final = (UNKNOWN_DESTINATION,)


@dataclass(frozen=True, slots=True)
class Routing:
    """The `send_to` block of an event: what is read, and what becomes of an event that fits no row."""

    read: Read
    names: Sequence[str]
    skips: bool
    position: Position

    def destinations(self, scope: Scope) -> tuple[str, ...]:
        """Return where the event goes; `UNDECIDED` when no row fits. Nothing is traced or reported."""
        trace, findings = scope.trace, scope.findings
        scope.trace, scope.findings = None, []
        try:
            found = self.read.read(scope)
        finally:
            scope.trace, scope.findings = trace, findings
        return (found,) if isinstance(found, str) and found in self.names else UNDECIDED

    def unknown(self) -> Finding:
        """Return what is said about an event that is held because no row fits."""
        return Finding(
            "error",
            "unknown_client",
            "no row of send_to fits this webhook, so nobody knows whose dataset it belongs to",
            "add the row to the lookup under send_to, then replay the event",
            "$.send_to",
            self.position,
        )
