"""A stand-in for Meta that checks nothing and answers at once: the sender's speed is measured, not its own.

`python -m benchmarks.mock_meta PORT [LATENCY_SECONDS]`. Counts events by their `event_id`. GET /counts
answers {"requests", "events", "distinct", "first_batch", "first_at", "last_at"}, GET /times when each
`event_id` came.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import ClassVar

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_EVENT_ID = re.compile(rb'"event_id": ?"([^"]+)"')


class Mock(asyncio.Protocol):
    """One connection: reads requests, answers each with the number of events in it."""

    latency = 0.0
    requests = 0
    events = 0
    first_batch = 0
    first_at = 0.0
    last_at = 0.0
    times: ClassVar[dict[bytes, float]] = {}

    def connection_made(self, transport):
        self.transport = transport
        self.received = bytearray()

    def data_received(self, data):
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self.received, 0, end)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self.received) < total:
                return
            request = bytes(self.received[:total])
            del self.received[:total]
            self.answer(request, end + 4)

    def answer(self, request: bytes, body_at: int) -> None:
        if request.startswith(b"GET /counts"):
            self.write(json.dumps(Mock.counts()).encode())
        elif request.startswith(b"GET /times"):
            self.write(json.dumps({name.decode(): at for name, at in Mock.times.items()}).encode())
        elif request.startswith(b"GET"):
            self.write(b"{}")
        else:
            self.take(request, body_at)

    def take(self, request: bytes, body_at: int) -> None:
        now = time.time()
        ids = _EVENT_ID.findall(request, body_at)
        if not Mock.requests:
            Mock.first_batch, Mock.first_at = len(ids), now
        Mock.last_at = now
        Mock.requests += 1
        Mock.events += len(ids)
        for name in ids:
            Mock.times.setdefault(name, now)
        body = b'{"events_received":%d,"messages":[],"fbtrace_id":"Abench"}' % len(ids)
        if Mock.latency:
            asyncio.get_running_loop().call_later(Mock.latency, self.write, body)
        else:
            self.write(body)

    @classmethod
    def counts(cls) -> dict[str, float]:
        return {
            "requests": cls.requests,
            "events": cls.events,
            "distinct": len(cls.times),
            "first_batch": cls.first_batch,
            "first_at": cls.first_at,
            "last_at": cls.last_at,
        }

    def write(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


async def main() -> None:
    Mock.latency = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", int(sys.argv[1]), backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
