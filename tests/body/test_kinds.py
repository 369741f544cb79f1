"""Which reader a body gets: by content type, by its look, by what the mapping accepts; and decompression."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.body.parse import parse, read_body
from bridge.errors import Refused, TooLarge, UnreadableBody, WrongContentType
from bridge.models import Receive, Request, Verified

NOW = datetime(2026, 11, 1, tzinfo=UTC)
JSON = b'{"email": "a@b.example"}'
FORM = b"email=a%40b.example"
FIELDS = {"email": "a@b.example"}


def request(body: bytes, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", "https://bridge.example/hooks/x", named, {}, body, None, NOW)


@pytest.mark.parametrize(
    ("body", "content_type", "notes"),
    [
        (JSON, "application/json", []),
        (JSON, "Application/JSON; charset=UTF-8", []),
        (JSON, "application/vnd.api+json", []),
        (JSON, "application/cloudevents+json;charset=utf-8", []),
        (JSON, "text/json", []),
        (JSON, "text/plain;charset=UTF-8", []),
        (JSON, "text/html", ["content_type_mistaken"]),
        (JSON, "application/octet-stream", ["content_type_mistaken"]),
        (JSON, "application/x-www-form-urlencoded", ["content_type_mistaken"]),
        (JSON, "application/xml", ["content_type_mistaken"]),
        (JSON, "nonsense", ["content_type_mistaken"]),
        (JSON, "", ["content_type_mistaken"]),
        (b"\n  " + JSON, "", ["content_type_mistaken"]),
        (FORM, "application/x-www-form-urlencoded", []),
        (FORM, "application/x-www-form-urlencoded; charset=utf-8", []),
        (FORM, "", ["content_type_mistaken"]),
        (FORM, "text/plain", []),
        (JSON, 'application/json; charset="UTF-8"', []),
        (JSON, " application/json ; Charset = 'utf-8' ", []),
        (JSON, "application/json;", []),
        (JSON, "application/json; ;charset=", []),
        (JSON, "application/json; charset*=us-ascii'en'utf-8", []),
        (JSON, "application/json; charset=\u20ac\ud800", []),
        (JSON, 'application/json; charset="utf-8', []),
    ],
)
def test_a_body_is_read_as_what_it_is(body, content_type, notes):
    found = read_body(request(body, content_type=content_type))
    assert (found.data, [note.code for note in found.notes]) == (FIELDS, notes)


@pytest.mark.parametrize(
    ("body", "content_type", "refusal"),
    [
        (b"<lead/>", "text/xml", WrongContentType),
        (b"<lead/>", "", WrongContentType),
        (b"\x89PNG", "image/png", WrongContentType),
        (b"hello there", "text/plain", UnreadableBody),
        (b"", "application/x-www-form-urlencoded", UnreadableBody),
        (b"", "", UnreadableBody),
        (b"x", "multipart/form-data", UnreadableBody),
    ],
)
def test_what_nobody_reads_is_refused(body, content_type, refusal):
    with pytest.raises(refusal):
        read_body(request(body, content_type=content_type))


def test_a_mapping_may_take_only_some_kinds():
    receive = Receive(accept=frozenset({"json"}))
    assert parse(Verified(request(JSON)), receive).data == FIELDS
    with pytest.raises(WrongContentType, match="form"):
        parse(Verified(request(FORM, content_type="application/x-www-form-urlencoded")), receive)


def test_a_mapping_bounds_the_size():
    with pytest.raises(TooLarge, match="23 bytes"):
        parse(Verified(request(JSON)), Receive(max_size_bytes=23))


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", gzip.compress(JSON), id="gzip"),
        pytest.param("GZIP", gzip.compress(JSON[:9]) + gzip.compress(JSON[9:]), id="two gzip members"),
        pytest.param("gzip", JSON, id="said gzip, sent plain"),
        pytest.param("deflate", zlib.compress(JSON), id="zlib"),
        pytest.param("deflate", raw_deflate(JSON), id="raw deflate"),
        pytest.param("identity", JSON, id="identity"),
        pytest.param("deflate, gzip", gzip.compress(zlib.compress(JSON)), id="one over the other"),
    ],
)
def test_compression_is_undone(encoding, body):
    assert read_body(request(body, content_encoding=encoding, content_type="application/json")).data == FIELDS


@pytest.mark.parametrize(
    ("encoding", "body", "refusal"),
    [
        pytest.param("gzip", gzip.compress(b" " * 20_000_000), TooLarge, id="gzip bomb"),
        pytest.param("deflate", zlib.compress(b" " * 20_000_000), TooLarge, id="zlib bomb"),
        pytest.param("gzip", gzip.compress(b" " * 600_000) * 2, TooLarge, id="a bomb in two members"),
        pytest.param("gzip", gzip.compress(JSON)[:-9], UnreadableBody, id="cut"),
        pytest.param("deflate", b"\x78\x9cnonsense", UnreadableBody, id="damaged"),
        pytest.param("br", JSON, WrongContentType, id="brotli"),
        pytest.param("gzip, gzip, gzip", JSON, WrongContentType, id="three layers"),
    ],
)
def test_a_bad_compression_is_refused(encoding, body, refusal):
    with pytest.raises(refusal):
        read_body(request(body, content_encoding=encoding, content_type="application/json"))


BOUNDARY = b"----b"
content_types = st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=gb18030",
        "multipart/form-data; boundary=----b",
        "multipart/form-data; boundary*=utf-8''%ff",
        "text/plain",
        "",
    ]
) | st.text(max_size=40)
fragments = st.sampled_from(
    [
        b"--" + BOUNDARY + b"\r\n",
        b'Content-Disposition: form-data; name="a[b][]"\r\n',
        b"\r\n",
        b"--" + BOUNDARY + b"--",
        b"a[",
        b"]",
        b"&",
        b"=",
        b"%00",
        b"%ff",
        b"{",
        b"}",
        b'"',
        b":",
        b",",
        b"\\ud800",
        b"1e999",
        b"NaN",
        b"\xff\xfe",
        b"\x1f\x8b\x08",
    ]
)
bodies = st.binary(max_size=200) | st.lists(fragments | st.binary(max_size=4), max_size=30).map(b"".join)


@given(
    body=bodies,
    content_type=content_types,
    encoding=st.sampled_from(["", "gzip", "deflate", "br", "identity"]) | st.text(max_size=10),
)
@settings(max_examples=200, deadline=None)
def test_whatever_comes_ends_as_data_or_as_a_refusal(body, content_type, encoding):
    try:
        found = read_body(request(body, content_type=content_type, content_encoding=encoding))
    except Refused as refusal:
        assert refusal.message
    else:
        assert isinstance(found.data, dict | list)
        repr(found.data).encode("utf-8")
