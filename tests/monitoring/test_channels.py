"""Alerts by e-mail reach a real SMTP server; `alerts test` says of each way whether it works."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.cli.conftest import SETTINGS, Folder, folder

__all__ = ["folder"]


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every e-mail, or answers RCPT with the code it is told."""

    daemon_threads = True

    def __init__(self, refusal: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.refusal = refusal
        self.mails: list[bytes] = []


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self._say("354 go on")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            if word == b"RCPT" and self.server.refusal:
                self._say(self.server.refusal)
            else:
                self._say("221 bye" if word == b"QUIT" else "250 fine")
            if word == b"QUIT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class Receiver(HTTPServer):
    """Takes alerts over HTTP, or answers the status it is told."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.status = status
        self.bodies: list[dict[str, object]] = []


class _Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def serving() -> Iterator[object]:
    """Run servers on loopback until the test ends."""
    running: list[socketserver.BaseServer] = []

    def run(server: socketserver.BaseServer) -> socketserver.BaseServer:
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    yield run
    for server in running:
        server.shutdown()
        server.server_close()


def alerts(folder: Folder, text: str) -> None:
    folder.settings(SETTINGS.format(graph_url="http://127.0.0.1:9") + f"alerts: {text}\n")


def email(port: int, **others: str) -> str:
    given = {"to": "[ops@example.com, boss@example.com]", "sender": "bridge@example.com", "security": "none"}
    parts = {**given, "host": "127.0.0.1", "port": str(port), **others}
    return "{email: {" + ", ".join(f"{name}: {value}" for name, value in parts.items()) + "}}"


def test_an_alert_reaches_everybody_by_email(folder, serving):
    server = serving(MailServer())
    alerts(folder, email(server.server_address[1]))

    ran = folder.run("alerts", "test", "--json")

    assert (ran.code, ran.json) == (
        0,
        {"alerts": [{"alert": "alert test by e-mail", "sent": True, "problem": None}]},
    )
    [mail] = server.mails
    message = message_from_bytes(mail, policy=default)
    assert message["To"] == "ops@example.com, boss@example.com"
    assert message["Subject"] == "capi-bridge: this is a test alert; nothing is wrong"
    assert "this is a test alert" in message.get_content()


def test_an_email_that_is_refused_is_told_without_addresses_or_the_password(folder, serving):
    server = serving(MailServer(refusal="550 no such person ops@example.com"))
    alerts(folder, email(server.server_address[1]))

    ran = folder.run("alerts", "test")

    assert ran.code == 1
    assert "127.0.0.1" in ran.out
    assert "ops@example.com" not in ran.out + ran.err


def test_nobody_listening_is_told(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        alerts(folder, email(probe.getsockname()[1]))
        ran = folder.run("alerts", "test")
    assert (ran.code, ran.out.strip()) == (1, "alert test by e-mail: Connection refused")


@pytest.mark.parametrize(("style", "status", "code"), [("json", 200, 0), ("slack", 204, 0), ("json", 404, 1)])
def test_an_alert_reaches_a_webhook_in_its_style(folder, serving, style, status, code):
    server = serving(Receiver(status))
    alerts(folder, f"{{url: 'http://127.0.0.1:{server.server_address[1]}/secret-token', style: {style}}}")

    ran = folder.run("alerts", "test")

    assert ran.code == code
    assert "secret-token" not in ran.out + ran.err
    [body] = server.bodies
    assert set(body) == (
        {"text"} if style == "slack" else {"type", "kind", "about", "severity", "text", "at"}
    )


def test_without_a_way_it_is_said_what_to_set(folder):
    ran = folder.run("alerts", "test")
    assert (ran.code, "no way to send alerts" in ran.err) == (2, True)
