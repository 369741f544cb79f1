"""A PostgreSQL server that says nothing is given up in time; the URL may say how soon."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, text

from bridge.errors import CannotOpen, CannotStore
from bridge.outbox import open_outbox, upgrade
from bridge.outbox.database import Database
from tests.conftest import CIPHER

pytestmark = pytest.mark.postgres

SOCKET_OPTIONS = {
    "SO_KEEPALIVE": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "TCP_KEEPIDLE": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    "TCP_KEEPINTVL": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    "TCP_KEEPCNT": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    "TCP_USER_TIMEOUT": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
}


def on_the_socket(connection: Connection) -> dict[str, int]:
    driver: Any = connection.connection.driver_connection
    with socket.socket(fileno=os.dup(driver.pgconn.socket)) as used:
        return {name: used.getsockopt(*option) for name, option in SOCKET_OPTIONS.items()}


def settings_of(connection: Connection) -> dict[str, str]:
    names = ("synchronous_commit", "idle_in_transaction_session_timeout", "application_name", "work_mem")
    return {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in names}


def test_a_connection_notices_a_server_that_has_vanished(new_postgres_url):
    with closing(Database(new_postgres_url())) as database:
        assert database.read(on_the_socket) == {
            "SO_KEEPALIVE": 1,
            "TCP_KEEPIDLE": 20,
            "TCP_KEEPINTVL": 5,
            "TCP_KEEPCNT": 3,
            "TCP_USER_TIMEOUT": 20_000,
        }
        found = database.read(settings_of)
        assert (found["synchronous_commit"], found["idle_in_transaction_session_timeout"]) == ("on", "1min")
        assert found["application_name"] == "capi-bridge"


def test_the_url_has_the_last_word(new_postgres_url):
    query = (
        "keepalives_idle=7&tcp_user_timeout=1234&application_name=shop"
        "&options=-c%20work_mem%3D5MB%20-c%20idle_in_transaction_session_timeout%3D2min"
    )
    with closing(Database(f"{new_postgres_url()}?{query}")) as database:
        on_socket = database.read(on_the_socket)
        assert (on_socket["TCP_KEEPIDLE"], on_socket["TCP_USER_TIMEOUT"]) == (7, 1234)
        assert on_socket["TCP_KEEPINTVL"] == 5
        assert database.read(settings_of) == {
            "synchronous_commit": "on",
            "idle_in_transaction_session_timeout": "2min",
            "application_name": "shop",
            "work_mem": "5MB",
        }


@contextmanager
def black_hole() -> Iterator[int]:
    """Listen, accept and never say a word, as what is behind a firewall may."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()


def test_a_server_that_never_answers_is_a_refusal_and_no_hanging_process():
    with black_hole() as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/bridge?connect_timeout=2"
        with pytest.raises(CannotOpen, match="the database server does not answer"):
            upgrade(url)
        with closing(open_outbox(url, cipher=CIPHER)) as outbox, pytest.raises(CannotStore):
            outbox.counts()
