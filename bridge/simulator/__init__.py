"""A stand-in for Meta's events endpoint: judges as Meta does, shows what came, fails when told to."""

from __future__ import annotations

from bridge.simulator.inbox import Received, Refused
from bridge.simulator.server import Simulator

__all__ = ["Received", "Refused", "Simulator"]
