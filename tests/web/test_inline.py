"""Which requests the worker's main loop may take itself: those it can read without waiting for anybody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.errors import CannotStore
from bridge.outbox import Receipt
from bridge.server.inline import has_whole_webhook
from bridge.web.serving import Reply
from bridge.web.together import Begun, begin, reply_to, store

HEAD = b"POST /hooks/lead HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def connection(sock: socket.socket, *, left: bytes | None = None, is_http2: bool = False) -> Any:
    parser = None if left is None else SimpleNamespace(unreader=SimpleNamespace(buf=BytesIO(left)))
    return SimpleNamespace(sock=sock, parser=parser, is_http2=is_http2)


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        pytest.param(HEAD + b"{}", True, id="whole"),
        pytest.param(HEAD + b"{}POST /hooks/lead", True, id="whole, and the beginning of the next"),
        pytest.param(HEAD.replace(b"lead", b"lead?token=abc") + b"{}", True, id="with a query"),
        pytest.param(HEAD.replace(b"Content-Length", b"content-length") + b"{}", True, id="small letters"),
        pytest.param(HEAD.replace(b"Length: 2", b"Length: 0"), True, id="an empty body"),
        pytest.param(HEAD + b"{", False, id="a byte is missing"),
        pytest.param(HEAD[:-1], False, id="the head has not ended"),
        pytest.param(b"", False, id="nothing"),
        pytest.param(HEAD.replace(b"lead", b"lead?wait=true") + b"{}", False, id="waits for Meta"),
        pytest.param(HEAD.replace(b"lead", b"a/b") + b"{}", False, id="no hook's address"),
        pytest.param(HEAD.replace(b"lead", b"%6cead") + b"{}", False, id="an encoded address"),
        pytest.param(HEAD.replace(b"POST", b"GET") + b"{}", False, id="another method"),
        pytest.param(HEAD.replace(b"/hooks/", b"/dry-run/") + b"{}", False, id="another address"),
        pytest.param(HEAD.replace(b"1.1", b"1.0") + b"{}", False, id="an old HTTP"),
        pytest.param(
            HEAD.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
            False,
            id="chunks",
        ),
        pytest.param(HEAD.replace(b"2", b"-2") + b"{}", False, id="a negative length"),
        pytest.param(HEAD.replace(b": 2", b": " + b"9" * 5000) + b"{}", False, id="an endless length"),
        pytest.param(HEAD.replace(b"2", b"20000") + b"x" * 20_000, False, id="long"),
    ],
)  # fmt: skip
def test_what_has_arrived_whole_is_told_without_taking_it(pair, arrived, expected):
    ours, theirs = pair
    theirs.sendall(arrived)
    assert has_whole_webhook(connection(ours)) is expected
    assert ours.recv(65_536, socket.MSG_DONTWAIT) == arrived if arrived else True


def test_what_is_not_plain_is_left_to_a_thread(pair):
    ours, theirs = pair
    theirs.sendall(HEAD + b"{}")
    assert not has_whole_webhook(connection(ours, is_http2=True))
    assert not has_whole_webhook(connection(ours, left=b"POST /hooks"))
    assert has_whole_webhook(connection(ours, left=b""))
    ours.close()
    assert not has_whole_webhook(connection(ours))


# --- together ----------------------------------------------------------------------------------------


def environ(name: str, body: bytes) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/hooks/{name}",
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": BytesIO(body),
    }


def lead(number: int) -> dict[str, Any]:
    return environ("lead", b'{"id": %d, "mail": "jane@example.com"}' % number)


def started(web: Any, *numbers: int) -> list[Begun]:
    return [begin(web.door, lead(number), f"sender {place}") for place, number in enumerate(numbers)]


def answered(web: Any, begun: list[Begun]) -> list[tuple[str, Reply]]:
    return [(one.sender, reply_to(one, stored)) for one, stored in store(web.door, lambda: begun)]


def finished(web: Any, begun: list[Begun]) -> list[int]:
    answers = answered(web, begun)
    assert sorted(sender for sender, _ in answers) == sorted(one.sender for one in begun)
    return [reply.status for _, reply in answers]


def test_webhooks_begun_apart_are_stored_together(web):
    begun = started(web, 1, 2, 1)
    assert web.stored() == []

    told = [(sender, reply.status, b'"duplicate"' in reply.body) for sender, reply in answered(web, begun)]
    assert told == [("sender 0", 200, False), ("sender 1", 200, False), ("sender 2", 200, True)]
    assert len(web.stored()) == 2


def test_what_comes_while_the_turn_to_write_is_awaited_goes_along(web):
    gathered: list[Begun] = started(web, 1)
    with ThreadPoolExecutor(1) as other:
        with web.door.outbox()._database.turn():
            answers = other.submit(finished, web, gathered)
            assert wait([answers], timeout=0.05).not_done
            gathered += started(web, 2)
        assert answers.result(30) == [200, 200]


def test_what_is_not_to_be_stored_is_answered_at_once(web):
    assert begin(web.door, environ("nothing", b"{}"), None).status == 404
    assert begin(web.door, environ("lead", b"{"), None).status == 400


def test_a_webhook_that_cannot_be_stored_does_not_take_the_others_along(web, monkeypatch):
    begun = started(web, 1, 2, 3)
    outbox = web.door.outbox()
    whole = outbox._store
    bad = begun[1].packed

    def storing(parcels: Any, position: Any = None) -> Any:
        if bad in parcels:
            raise CannotStore("it does not fit")
        return whole(parcels, position)

    monkeypatch.setattr(outbox, "_store", storing)
    assert finished(web, begun) == [200, 503, 200]
    assert len(web.stored()) == 2


def test_a_database_that_does_nothing_is_asked_three_times_and_no_more(web, monkeypatch):
    begun = started(web, *range(10))
    asked = []

    def storing(parcels: Any, _position: Any = None) -> list[Receipt]:
        asked.append(len(parcels))
        raise CannotStore("locked")

    monkeypatch.setattr(web.door.outbox(), "_store", storing)
    told = [(reply.status, dict(reply.headers)["Retry-After"]) for _, reply in answered(web, begun)]
    assert told == [(503, "5")] * 10
    assert asked == [10, 1, 1]


def test_without_a_turn_nobody_is_left_without_an_answer(web, monkeypatch):
    def turn() -> Any:
        raise PermissionError("bridge.db.turn")

    begun = started(web, 1, 2)
    monkeypatch.setattr(web.door.outbox()._database, "turn", turn)
    assert finished(web, begun) == [503, 503]


def test_a_fault_of_ours_is_answered_too(web, monkeypatch):
    begun = started(web, 1, 2)
    monkeypatch.setattr(web.door.outbox(), "_store", lambda *_: 1 // 0)
    assert finished(web, begun) == [503, 503]


def test_those_who_waited_too_long_are_told_to_come_again(web):
    late, fresh = started(web, 1, 2)
    late = late._replace(since=late.since - 60)
    assert finished(web, [late, fresh]) == [200, 503]
    assert len(web.stored()) == 1
