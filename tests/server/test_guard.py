"""What the guard allows a client, on real sockets: so much time, so many connections, so many bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bridge.errors import UnreadableBody
from bridge.server.guard import (
    Connections,
    GuardedTransport,
    Limits,
    current,
    limit_connections,
    most_connections,
)

FAST = Limits(waiting=0.2, headers=0.2, body=0.2, unsent=0.2)


class Lines(asyncio.Protocol):
    """A toy server: a line is the headers, the next one the body, and is answered with itself."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self.serve())

    def data_received(self, data: bytes) -> None:
        for line in data.splitlines():
            self.lines.put_nowait(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self.task.cancel()

    async def serve(self) -> None:
        while True:
            await self.lines.get()
            guard = current()
            guard.headers_complete()
            try:
                await self.answer(guard)
            finally:
                guard.answered()

    async def answer(self, guard: Any) -> None:
        try:
            body = await guard.read(self.lines.get)
        except UnreadableBody as error:
            body = error.message.encode()
        guard.request_complete()
        self.transport.write(body * (50_000_000 if body == b"much" else 1) + b"\n")


class LateToLetGo(Lines):
    """Ends a request only some time after its connection is lost, and says so."""

    ended: asyncio.Event

    def connection_lost(self, exc: Exception | None) -> None:
        asyncio.get_running_loop().call_later(0.2, self.task.cancel)

    async def answer(self, guard: Any) -> None:
        try:
            await super().answer(guard)
        except asyncio.CancelledError:
            self.ended.set()
            raise


class BreaksDown(Lines):
    """Cannot read a length."""

    def data_received(self, data: bytes) -> None:
        int(data)


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


Talk = Callable[[Callable[[], Awaitable[Client]], Connections], Awaitable[Any]]


def serving(limits: Limits, talk: Talk, protocol: type[asyncio.Protocol] = Lines) -> Any:
    """Run a server of guarded lines, and what clients do with it."""

    async def run() -> Any:
        loop = asyncio.get_running_loop()
        connections = limit_connections(loop, limits, lambda: False)
        server = await loop.create_server(protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        opened: list[asyncio.StreamWriter] = []

        async def connect() -> Client:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.append(writer)
            return reader, writer

        try:
            return await talk(connect, connections)
        finally:
            server.close()
            for writer in opened:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    return asyncio.run(run())


async def is_cut(client: Client) -> bool:
    try:
        return await asyncio.wait_for(client[0].read(), 10) == b""
    except ConnectionError:
        return True


def test_requests_pass_one_after_the_other():
    async def talk(connect: Any, connections: Connections) -> list[bytes]:
        reader, writer = await connect()
        answers = []
        for number in range(3):
            writer.write(b"headers\nbody %d\n" % number)
            answers.append(await reader.readline())
        return [*answers, b"%d" % connections.bytes_arriving]

    assert serving(Limits(), talk) == [b"body 0\n", b"body 1\n", b"body 2\n", b"0"]


@pytest.mark.parametrize("sent", [b"", b"headers\nbody\n"], ids=["silent", "idle after a request"])
def test_who_keeps_us_waiting_without_a_request_is_cut_off(sent):
    async def talk(connect: Any, _connections: Connections) -> bool:
        client = await connect()
        client[1].write(sent)
        if sent:
            await client[0].readline()
        return await is_cut(client)

    assert serving(FAST, talk)


def test_who_sends_what_the_server_breaks_down_over_is_cut_off_and_only_the_kind_is_logged(capfd):
    async def talk(connect: Any, connections: Connections) -> tuple[bool, int]:
        client = await connect()
        client[1].write(b"jane@example.com")
        return await is_cut(client), len(connections.guards)

    assert serving(Limits(), talk, BreaksDown) == (True, 0)
    logged = capfd.readouterr().err
    assert "ValueError" in logged
    assert "jane" not in logged


def test_much_is_passed_on_in_pieces_in_its_order_and_others_have_their_turn_in_between():
    passed: list[bytes] = []

    class Notes(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            passed.append(data)
            asyncio.get_running_loop().call_soon(passed.append, b"turn")

    async def talk(connect: Any, connections: Connections) -> None:
        client = await connect()
        client[1].write(bytes(range(256)) * 1000)
        client[1].close()
        await asyncio.sleep(0.01)
        while connections.guards:
            await asyncio.sleep(0.01)

    serving(Limits(), talk, Notes)
    pieces = [data for data in passed if data != b"turn"]
    assert b"".join(pieces) == bytes(range(256)) * 1000
    assert max(map(len, pieces)) <= 16_384
    assert all(passed[at + 1] == b"turn" for at, data in enumerate(passed[:-1]) if data != b"turn")


def test_a_body_that_does_not_come_in_time_is_answered():
    async def talk(connect: Any, _connections: Connections) -> bytes:
        reader, writer = await connect()
        writer.write(b"headers\n")
        return await asyncio.wait_for(reader.readline(), 10)

    assert serving(FAST, talk) == b"the body took longer than 0.2 s to arrive\n"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(b"headers\nbody\n", b"body\n"), (b"headers\n", b"the body ended early\n"), (b"", b"")],
    ids=["after a whole request", "in the midst of one", "before one"],
)
def test_a_client_that_sends_no_more_still_gets_its_answer(sent, expected):
    async def talk(connect: Any, _connections: Connections) -> bytes:
        reader, writer = await connect()
        writer.write(sent)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 10)

    assert serving(Limits(), talk) == expected


def test_who_does_not_take_the_answer_is_cut_off():
    async def talk(connect: Any, connections: Connections) -> bool:
        _, writer = await connect()
        writer.transport.pause_reading()
        writer.write(b"headers\nmuch\n")
        await asyncio.sleep(0.1)
        while connections.guards:
            await asyncio.sleep(0.05)
        return True

    assert serving(FAST, talk)


def test_when_there_are_too_many_the_one_that_has_waited_longest_without_a_request_goes():
    async def talk(connect: Any, connections: Connections) -> list[bytes]:
        busy = await connect()
        busy[1].write(b"headers\n")
        await asyncio.sleep(0.05)
        idle = [await connect() for _ in range(2)]
        await asyncio.sleep(0.05)
        newest = await connect()
        assert await is_cut(idle[0])
        answers = []
        for client in (busy, idle[1], newest):
            client[1].write(b"body\n" if client is busy else b"headers\nbody\n")
            answers.append(await asyncio.wait_for(client[0].readline(), 10))
        return answers

    assert serving(Limits(connections=3), talk) == [b"body\n"] * 3


def test_when_too_many_bytes_arrive_the_slowest_sender_goes():
    async def talk(connect: Any, connections: Connections) -> bytes:
        slow, quick = await connect(), await connect()
        slow[1].write(b"headers\n")
        await asyncio.sleep(0.05)
        quick[1].write(b"headers\n" + b"x" * 990 + b"\n")
        assert await is_cut(slow)
        return await asyncio.wait_for(quick[0].readline(), 10)

    assert serving(Limits(bytes_arriving=1000), talk) == b"x" * 990 + b"\n"


def test_as_many_go_as_it_takes():
    async def talk(connect: Any, connections: Connections) -> int:
        slow = [await connect() for _ in range(3)]
        for client in slow:
            client[1].write(b"headers\n")
            await asyncio.sleep(0.05)
        last = await connect()
        last[1].write(b"x" * 990)
        assert [await is_cut(client) for client in slow[:2]] == [True, True]
        return connections.bytes_arriving

    assert serving(Limits(bytes_arriving=1000), talk) == 998


def test_nobody_is_read_from_until_the_memory_of_who_had_to_go_is_free():
    async def talk(connect: Any, connections: Connections) -> list[Any]:
        LateToLetGo.ended = asyncio.Event()
        slow, quick = await connect(), await connect()
        slow[1].write(b"headers\n")
        await asyncio.sleep(0.05)
        quick[1].write(b"x" * 995)
        assert await is_cut(slow)
        held = connections.bytes_arriving
        quick[1].write(b"body\n")
        answer = await asyncio.wait_for(quick[0].readline(), 10)
        return [held, LateToLetGo.ended.is_set(), answer]

    assert serving(Limits(bytes_arriving=1000), talk, LateToLetGo) == [1003, True, b"body\n"]


@pytest.mark.parametrize(
    ("asked", "reads"),
    [
        ("hold release", True),
        ("hold resume_reading", False),
        ("pause_reading hold release", False),
        ("hold pause_reading resume_reading release", True),
        ("pause_reading hold resume_reading release", True),
    ],
)
def test_a_connection_is_read_from_while_the_server_and_the_guard_both_want_it(asked, reads):
    async def talk(_connect: Any, _connections: Connections) -> bool:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        with near, far:
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
            guarded = GuardedTransport(transport)
            for name in asked.split():
                getattr(guarded, name)()
            is_reading = guarded.is_reading()
            transport.abort()
        return bool(is_reading)

    assert serving(Limits(), talk) is reads


def test_the_bound_on_connections_leaves_files_for_everything_else():
    assert 16 <= most_connections() <= 2000
