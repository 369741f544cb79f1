"""Stands in for the APIs that mappings fetch from: answers as they were recorded beside the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from bridge.simulator.events_edge import SimulatorRequest
from bridge.simulator.response_writer import SimulatorResponse

# source, method, path with query, body -> the JSON that was recorded for it
RecordedCalls = Mapping[tuple[str, str, str, bytes], bytes]

_PREFIX = "/sources/"
_NO_RECORD = b'{"error": "there is no such record here; the simulator knows those beside the samples"}'


@dataclass(frozen=True, slots=True)
class SourceEdge:
    """Answers calls at `/sources/<name>/…`, with 404 for a record that nobody wrote down."""

    recorded: RecordedCalls = field(default_factory=dict)

    def handle(self, request: SimulatorRequest) -> SimulatorResponse | None:
        """Return the answer of a call, or None for a request that is none."""
        if not request.path.startswith(_PREFIX):
            return None
        source, _, path = request.path.removeprefix(_PREFIX).partition("/")
        target = f"/{path}?{request.query}" if request.query else f"/{path}"
        answer = self.recorded.get((source, request.method, target, request.body))
        if answer is None:
            return SimulatorResponse(HTTPStatus.NOT_FOUND, _NO_RECORD)
        return SimulatorResponse(HTTPStatus.OK, answer)
