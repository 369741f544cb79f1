"""A stand-in for Meta's events endpoint: checks events as Meta does and fails on demand."""

from __future__ import annotations

from bridge.simulator.inbox import ReceivedEvent, RejectedRequest
from bridge.simulator.server import Simulator

__all__ = ["ReceivedEvent", "RejectedRequest", "Simulator"]
