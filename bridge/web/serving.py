"""One request from beginning to end, whatever brought it: request id, answer, log line, bytes.

A view that stores a webhook is a generator: it yields what is to be stored and is given the receipt. So the
same view runs in a thread that waits for its own commit (`reply`), and beside many others that wait for
one (`bridge.web.together`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Generator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from bridge.errors import BridgeError, UnknownMapping
from bridge.monitoring.log import failure
from bridge.outbox import NewWebhook, Receipt
from bridge.web.answers import Answer, Line, answer_to_error, answer_to_fault
from bridge.web.arrival import Environ, clock
from bridge.web.browser import reading_headers
from bridge.web.door import Door

AnswerSteps = Generator[NewWebhook, Receipt, Answer]
View = Callable[..., Answer | AnswerSteps]
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")


class Reply(NamedTuple):
    """What goes back to the sender."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


ReplySteps = Generator[NewWebhook, Receipt, Reply]


def reply(door: Door, view: View, environ: Environ, arguments: Mapping[str, str]) -> Reply:
    """Run one view, and store in this thread what it wants stored."""
    steps = replying(door, view, environ, arguments)
    webhook = started(steps)
    if isinstance(webhook, Reply):
        return webhook
    stored: Receipt | Exception
    try:
        stored = door.outbox().add(webhook)
    except Exception as error:  # noqa: BLE001 - for the view's own handling of errors
        stored = error
    return resumed(steps, stored)


def started(steps: ReplySteps) -> NewWebhook | Reply:
    """Run a view up to what it wants stored, or to its reply when that is nothing."""
    try:
        return next(steps)
    except StopIteration as done:
        return _reply_of(done)


def resumed(steps: ReplySteps, stored: Receipt | Exception) -> Reply:
    """Hand a view its receipt, or what went wrong with storing; return its reply."""
    try:
        if isinstance(stored, Exception):
            steps.throw(stored)
        else:
            steps.send(stored)
    except StopIteration as done:
        return _reply_of(done)
    raise RuntimeError("a view stores one webhook")


def _reply_of(done: StopIteration) -> Reply:
    replied: Reply = done.value
    return replied


def replying(door: Door, view: View, environ: Environ, arguments: Mapping[str, str]) -> ReplySteps:
    """Run one view; leave one log line, and one reply whatever happens."""
    started = clock()
    request_id = request_id_of(environ)
    line = Line()
    answer = yield from _answering(door, view, environ, {**arguments, "request_id": request_id, "line": line})
    note(door, environ, request_id, line, answer, clock() - started)
    return as_reply(answer, request_id, environ)


def _answering(door: Door, view: View, environ: Environ, arguments: Mapping[str, Any]) -> AnswerSteps:
    """Run the view. A fault of ours is logged without what the sender sent, and is never a 500."""
    try:
        answer = view(door, environ, **arguments)
        return answer if isinstance(answer, Answer) else (yield from answer)
    except BridgeError as error:
        if not isinstance(error, UnknownMapping):  # which quotes whatever stood in the address
            arguments["line"].extra["reason"] = error.message
        return answer_to_error(error)
    except Exception as error:  # noqa: BLE001 - the last resort, see above
        told = {"request_id": arguments["request_id"], "path": known_path(environ), **failure(error)}
        door.log.error("fault", **told)  # noqa: TRY400
        return answer_to_fault()


def note(  # noqa: PLR0913, PLR0917 - one log line
    door: Door, environ: Environ, request_id: str, line: Line, answer: Answer, seconds: float
) -> None:
    """Count and log one answered request: every webhook, and of the others those that were refused."""
    if line.is_webhook:
        status = line.status or answer.code or str(answer.status)
        door.metrics.webhook(line.mapping, status, seconds)
        door.log.info(
            "webhook",
            request_id=request_id,
            mapping=line.mapping,
            status=status,
            code=answer.status,
            events=line.events,
            ms=round(seconds * 1000, 2),
            **line.extra,
        )
    elif answer.status >= 400:
        path = known_path(environ)
        door.log.info("request", request_id=request_id, path=path, code=answer.status, **line.extra)


def known_path(environ: Environ) -> str:
    """Return the first part of the path: the rest may be anything a stranger typed."""
    return "/" + str(environ.get("PATH_INFO", "/")).lstrip("/").split("/")[0][:40]


def request_id_of(environ: Environ) -> str:
    """Return the sender's own request id when it is harmless, or a new one."""
    given = environ.get("HTTP_X_REQUEST_ID")
    if given and _REQUEST_ID.fullmatch(given):
        return str(given)
    return f"{random.getrandbits(64):016x}"


def as_reply(answer: Answer, request_id: str, environ: Environ) -> Reply:
    """Turn an answer into bytes and headers."""
    body, content_type = answer.as_bytes(request_id)
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), "X-Request-Id": request_id}
    if answer.headers:
        headers.update(answer.headers)
    if "HTTP_ORIGIN" in environ:
        headers.update(reading_headers(environ))
    return Reply(answer.status, list(headers.items()), body)
