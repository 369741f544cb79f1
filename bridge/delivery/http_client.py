"""One batch, one HTTP call: the only place that calls Meta.

The body is assembled from the stored JSON, byte for byte; nothing is encoded again. The call is
made by a `Send` function, so that everything else can be tested without a network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import orjson

from bridge import __version__

if TYPE_CHECKING:
    from bridge.http_calls import HttpCalls

_ENVELOPE_BYTES = 512
_HEADERS = {"Content-Type": "application/json", "User-Agent": f"capi-bridge/{__version__}"}


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """One request to a destination. The token, sent in a header, and the query are kept out of the repr."""

    url: str
    token: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    method: Literal["POST", "GET"] = "POST"
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back; `status` is None when nothing did, and `failure` then names the kind of failure.

    Header names are in lower case. `body` is decoded JSON, or None when it is not JSON.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    failure: str | None = None
    duration_ms: int = 0


Send = Callable[[GraphRequest], HttpResponse]


def events_url(graph_url: str, api_version: str, dataset_id: str) -> str:
    """Return the URL that events of a dataset are posted to."""
    return f"{graph_url.rstrip('/')}/{api_version}/{dataset_id}/events"


def batch_body(
    bodies: Sequence[bytes],
    test_event_code: str | None,
    partner_agent: str | None = None,
    proof: str | None = None,
) -> bytes:
    """Join stored events to one request body. The test code stands beside `data`, never inside an event.

    One join and no other copy: a full batch is a megabyte and more.
    """
    extras = {
        "test_event_code": test_event_code,
        "partner_agent": partner_agent,
        "appsecret_proof": proof,
    }
    beside = b"".join(
        b',"%b":%b' % (name.encode(), orjson.dumps(text)) for name, text in extras.items() if text
    )
    parts = list(bodies)
    parts[0] = b'{"data":[' + parts[0]
    parts[-1] += b"]" + beside + b"}"
    return b",".join(parts)


def in_batches(sizes: Sequence[int], *, most_events: int, most_bytes: int) -> Iterator[slice]:
    """Cut a list of bodies, given by their sizes, into batches that stay under both bounds.

    A body that is over the bound by itself is sent alone.
    """
    start, total = 0, 0
    for index, size in enumerate(sizes):
        full = index - start == most_events or total + size + 1 > most_bytes - _ENVELOPE_BYTES
        if full and index > start:
            yield slice(start, index)
            start, total = index, 0
        total += size + 1
    if start < len(sizes):
        yield slice(start, len(sizes))


def http_sender(timeout: timedelta, connections: int) -> Send:
    """Return a `Send` over kept-alive connections, as many as there are batches in flight.

    No call lasts longer than `timeout` from beginning to end, however slowly a response arrives; no
    redirect is followed, since it would be sent the token.
    """
    from bridge.http_calls import HttpCalls  # 70 ms to import, and not needed for taking in webhooks

    return partial(_send, HttpCalls(timeout.total_seconds(), connections))


def _send(calls: HttpCalls, post: GraphRequest) -> HttpResponse:
    started = time.monotonic()
    headers = {**_HEADERS, "Authorization": f"Bearer {post.token}"}
    url = f"{post.url}?{urlencode(post.query)}" if post.query else post.url
    try:
        received = calls.call(post.method, url, post.body or None, headers)
    except OSError as error:
        return HttpResponse(None, failure=str(error), duration_ms=_since(started))
    return HttpResponse(
        received.status, received.headers, _decoded(received.content), duration_ms=_since(started)
    )


def _decoded(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return None


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
