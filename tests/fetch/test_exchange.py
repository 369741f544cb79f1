"""One call over real sockets: what is sent, what is refused, and that no answer can hurt or delay us."""

from __future__ import annotations

import gzip
import json
import os
import socket
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from bridge.fetch.exchange import SourceCall, TimeLimits, open_exchange
from bridge.settings import Source

HOST = "api.example.com"
SHORT = TimeLimits(connect=1, total=0.3)


def headers_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}


def test_the_checked_address_is_called_by_the_name_of_its_host(api, source_of, exchange_with):
    call = SourceCall(source_of(api, "/api/v2"), "GET", "/persons/7?fields=email")
    response = exchange_with("127.0.0.1")(call)

    assert (response.status, json.loads(response.body)["data"]["id"], response.failure) == (200, 7, "")
    [request] = api.requests
    assert request.startswith(b"GET /api/v2/persons/7?fields=email HTTP/1.1\r\n")
    assert headers_of(request) == {
        "accept": "application/json",
        "accept-encoding": "gzip",
        "connection": "close",
        "host": f"{HOST}:{api.port}",
        "user-agent": headers_of(request)["user-agent"],
        "x-api-token": "s3cret-token",
    }
    assert headers_of(request)["user-agent"].startswith("capi-bridge/")
    assert api.names == [HOST]  # SNI


def test_a_post_carries_json(api, source_of, exchange_with):
    body = b'{"inputs":[{"id":"7"}]}'
    exchange_with()(SourceCall(source_of(api), "POST", "/batch/read", body))

    [request] = api.requests
    assert request.startswith(b"POST /batch/read HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\n" + body)
    assert headers_of(request)["content-type"] == "application/json"
    assert headers_of(request)["content-length"] == str(len(body))


def test_a_header_of_the_settings_replaces_our_own(api, source_of, exchange_with):
    source = source_of(api, headers={"accept": "application/vnd.api+json", "User-Agent": "shop"})
    exchange_with()(SourceCall(source, "GET", "/"))
    found = headers_of(api.requests[0])
    assert (found["accept"], found["user-agent"]) == ("application/vnd.api+json", "shop")
    assert api.requests[0].lower().count(b"\r\naccept:") == 1


def test_the_host_is_looked_up_once_so_that_what_was_checked_is_what_is_called(api, source_of, exchange_with):
    lookups = []

    def rebinding(host, port):
        lookups.append((host, port))
        return ["127.0.0.1"] if len(lookups) == 1 else ["169.254.169.254"]

    exchange = exchange_with(lookup=rebinding)
    call = SourceCall(source_of(api), "GET", "/persons/7")
    assert exchange(call).status == 200
    assert lookups == [(HOST, api.port)]
    assert exchange(call).failure == (
        "an IP address of its host is a link-local, multicast or metadata address, which is never called"
    )
    assert len(api.requests) == 1


def test_one_forbidden_address_among_many_refuses_them_all(api, source_of, exchange_with):
    response = exchange_with("127.0.0.1", "64:ff9b::a9fe:a9fe")(SourceCall(source_of(api), "GET", "/"))
    assert (response.status, response.cause) == (None, "setup")
    assert api.requests == []


def test_a_private_address_needs_the_operators_word(api, source_of, exchange_with):
    response = exchange_with()(SourceCall(source_of(api, allow_private=False), "GET", "/"))
    assert (response.status, response.cause, response.failure) == (
        None,
        "setup",
        "an IP address of its host is private; allow_private: yes lets this source have one",
    )
    assert api.requests == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::ffff:127.0.0.1]"],
)
def test_no_way_to_write_this_machine_gets_past_the_check(api, host):
    source = Source("crm", f"https://{host}:{api.port}", headers={})
    response = open_exchange(TimeLimits(2, 2))(SourceCall(source, "GET", "/"))
    assert (response.status, response.cause) == (None, "setup")
    assert "an IP address of its host is" in response.failure
    assert api.requests == []


def test_the_next_address_is_tried_when_one_does_not_answer(api, source_of, exchange_with):
    with socket.create_server(("127.0.0.9", 0)) as busy:
        assert busy.getsockname()[1] != api.port  # nobody listens on that port there
    assert exchange_with("127.0.0.9", "127.0.0.1")(SourceCall(source_of(api), "GET", "/")).status == 200


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(HOST, not_after=datetime.now(UTC) - timedelta(days=1))


@pytest.mark.parametrize(
    ("certificate", "failure"),
    [
        pytest.param(lambda a: a.issue_cert("other.example.com"), "Hostname mismatch", id="of another name"),
        pytest.param(
            lambda _: trustme.CA().issue_cert(HOST), "unable to get local issuer", id="of a stranger"
        ),
        pytest.param(expired, "certificate has expired", id="expired"),
    ],
)
def test_a_certificate_that_is_not_valid_is_a_matter_of_setup(
    start_api, authority, source_of, exchange_with, certificate, failure
):
    api = start_api(certificate(authority))
    response = exchange_with()(SourceCall(source_of(api), "GET", "/"))
    assert (response.status, response.cause) == (None, "setup")
    assert failure in response.failure
    assert api.requests == []


def test_a_server_that_speaks_no_tls_learns_nothing(exchange_with):
    def greet(listener):
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b"220 ready for mail\r\n")
            heard.append(sock.recv(65_536))

    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet, args=(listener,))
        thread.start()
        source = Source("crm", f"https://{HOST}:{listener.getsockname()[1]}/s3cret", allow_private=True)
        response = exchange_with()(SourceCall(source, "GET", "/persons/7"))
        thread.join()
    assert (response.status, response.failure) == (None, "it speaks no TLS that is safe")
    assert b"s3cret" not in heard[0]
    assert b"persons" not in heard[0]


def test_plain_http_reaches_this_machine(start_api, source_of, exchange_with):
    assert exchange_with()(SourceCall(source_of(start_api(None)), "GET", "/")).status == 200


def test_a_redirect_is_handed_back_and_not_followed(api, source_of, exchange_with, http_answer):
    api.answers(http_answer(b"{}", "302 Found", Location="http://169.254.169.254/latest/meta-data/"))
    response = exchange_with()(SourceCall(source_of(api), "GET", "/"))
    assert (response.status, len(api.requests)) == (302, 1)


def test_no_cookie_is_kept(api, source_of, exchange_with, json_answer):
    api.answers(json_answer({}, Set_Cookie="session=1; Path=/"))
    exchange = exchange_with()
    for _ in range(2):
        exchange(SourceCall(source_of(api), "GET", "/"))
    assert "cookie" not in headers_of(api.requests[1])


def test_no_proxy_of_the_environment_is_used(api, source_of, trust, start_api):
    proxy = start_api(None)
    before = {name: os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")}
    os.environ |= dict.fromkeys(before, f"http://127.0.0.1:{proxy.port}")
    try:
        exchange = open_exchange(TimeLimits(2, 2), lambda _host, _port: ["127.0.0.1"], trust)
        assert exchange(SourceCall(source_of(api), "GET", "/")).status == 200
    finally:
        for name, text in before.items():
            os.environ.pop(name)
            if text is not None:
                os.environ[name] = text
    assert proxy.requests == []


# --- answers that would hurt ------------------------------------------------------------------------------


def drip(head: bytes, each: bytes):
    """Return what answers a byte or so at a time, for ever: each one of them would start a timeout anew."""

    def play(_request, sock):
        sock.sendall(head)
        stop = threading.Event()
        while not stop.wait(0.05):
            sock.sendall(each)

    return play


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(lambda _request, sock: sock.recv(1), id="says nothing"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), id="drips headers"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"), id="drips one header"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "), id="drips a body"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\n\r\n", b"1"), id="drips a body of no length"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n1\r\n"), id="drips chunks"
        ),
    ],
)
def test_a_call_ends_in_time_however_slowly_it_is_answered(api, source_of, exchange_with, play):
    api.play = play
    response = exchange_with(limits=SHORT)(SourceCall(source_of(api), "GET", "/"))
    assert (response.status, response.cause) == (None, "unreachable")
    assert response.failure == "it did not answer within 0.3 s"


def flood(head: bytes, each: bytes):
    """Return what answers as fast as it can, for ever."""

    def play(_request, sock):
        sock.sendall(head)
        while True:
            sock.sendall(each)

    return play


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(flood(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 9000), id="headers"),
        pytest.param(flood(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 65_536), id="one header"),
        pytest.param(flood(b"HTTP/1.1 200 ", b"b" * 65_536), id="the status line"),
        pytest.param(flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 9000), id="100 Continue"),
        pytest.param(flood(CHUNKED, b"1" * 65_536), id="the length of a chunk"),
        pytest.param(flood(CHUNKED + b"2;x=", b"1" * 65_536), id="what is beside a chunk"),
        pytest.param(flood(CHUNKED + b"2\r\n{}\r\n0\r\nA: ", b"b" * 65_536), id="one trailer"),
        pytest.param(flood(CHUNKED + b"2\r\n{}\r\n0\r\n", b"A: b\r\n" * 9000), id="trailers"),
        pytest.param(
            flood(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b" " * 65_536), id="a body"
        ),
        pytest.param(flood(CHUNKED + b"40000000\r\n", b" " * 65_536), id="a chunk"),
    ],
)
def test_an_answer_without_end_costs_neither_time_nor_memory(api, source_of, exchange_with, play):
    api.play = play
    tracemalloc.start()
    try:
        response = exchange_with(limits=SHORT)(SourceCall(source_of(api), "GET", "/"))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (response.status, response.body) == (None, b"")
    assert most < 10_000_000


def long_body(_request, sock):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    for _ in range(200):
        sock.sendall(b"0," * 32_768)


def test_an_answer_of_many_megabytes_is_not_read_to_its_end(api, source_of, exchange_with):
    api.play = long_body
    response = exchange_with()(SourceCall(source_of(api), "GET", "/"))
    assert (response.status, response.cause) == (None, "record")
    assert response.failure == "its answer is longer than 1 MiB"


def test_an_answer_that_is_small_until_it_is_inflated_is_refused(api, source_of, exchange_with, http_answer):
    api.answers(http_answer(gzip.compress(b" " * 2_000_000), Content_Encoding="gzip"))
    response = exchange_with()(SourceCall(source_of(api), "GET", "/"))
    assert response.failure == "its answer is longer than 1 MiB"


def test_a_compressed_answer_is_inflated(api, source_of, exchange_with, http_answer):
    api.answers(http_answer(gzip.compress(b'{"id":7}'), Content_Encoding="gzip"))
    assert exchange_with()(SourceCall(source_of(api), "GET", "/")).body == b'{"id":7}'


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        pytest.param(b"", "the connection broke before it had answered", id="nothing"),
        pytest.param(b"garbage\r\n\r\n", "the connection broke before it had answered", id="no HTTP"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
            "the connection broke before it had answered",
            id="cut off",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n{}",
            "the connection broke before it had answered",
            id="too many headers",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
            "the connection broke before it had answered",
            id="two lengths",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n{}",
            "its answer is damaged",
            id="unknown encoding",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00{}",
            "its answer is damaged",
            id="broken gzip",
        ),
    ],
)
def test_an_answer_that_is_none_is_an_ordinary_failure(api, source_of, exchange_with, answer, failure):
    api.answers(answer)
    response = exchange_with()(SourceCall(source_of(api), "GET", "/"))
    assert (response.status, response.cause, response.failure) == (None, "unreachable", failure)


def test_nobody_listens(exchange_with):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        source = Source("crm", f"https://{HOST}:{silent.getsockname()[1]}", allow_private=True)
        response = exchange_with()(SourceCall(source, "GET", "/"))
    assert (response.status, response.failure) == (None, "it could not be connected to")


def test_a_host_without_an_address_is_an_ordinary_failure(source_of, exchange_with, api):
    def unknown(_host, _port):
        raise socket.gaierror(-2, "Name or service not known")

    for lookup, failure in (
        (unknown, "its host name could not be resolved"),
        (lambda _host, _port: [], "its host name has no IP address"),
    ):
        response = exchange_with(lookup=lookup)(SourceCall(source_of(api), "GET", "/"))
        assert (response.status, response.failure) == (None, failure)


# --- secrets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nBroken Header\r\nA: b\r\n\r\n{}",
        b"garbage",
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n",
    ],
)
def test_a_secret_in_the_url_is_neither_logged_nor_shown(api, source_of, exchange_with, caplog, answer):
    caplog.set_level("DEBUG")
    api.answers(answer)
    call = SourceCall(source_of(api, "/rest/1/s3cret-path"), "GET", "/crm.lead.get?email=zoe%40example.com")
    response = exchange_with()(call)
    assert b"/rest/1/s3cret-path/" in api.requests[0]
    for text in (caplog.text, repr(response), repr(call), repr(call.source)):
        assert "s3cret" not in text
        assert "zoe" not in text
