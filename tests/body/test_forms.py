"""Forms: brackets nest, repeated names are lists, numbers are names unless they count from zero."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from bridge.body.reader import Body, read_body
from bridge.errors import TooLarge, UnreadableBody
from bridge.models import Request

URLENCODED = "application/x-www-form-urlencoded"


def read(body: bytes | str, content_type: str = URLENCODED) -> Body:
    raw = body.encode() if isinstance(body, str) else body
    now = datetime(2026, 11, 1, tzinfo=UTC)
    return read_body(
        Request("POST", "https://bridge.example/", {"content-type": content_type}, {}, raw, None, now)
    )


FORMS = {
    "flat": ("a=1&b=two+words&c=", {"a": "1", "b": "two words", "c": ""}),
    "percent twenty": ("name=Jane%20Doe", {"name": "Jane Doe"}),
    "no value": ("a&b=1", {"a": "", "b": "1"}),
    "several equal signs": ("a=b=c", {"a": "b=c"}),
    "repeated": ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
    "empty brackets": ("a[]=1&a[]=2", {"a": ["1", "2"]}),
    "empty brackets once": ("a[]=1", {"a": ["1"]}),
    "nested": ("contact[email]=x&contact[id]=7", {"contact": {"email": "x", "id": "7"}}),
    "nested and escaped": ("contact%5Bemail%5D=x", {"contact": {"email": "x"}}),
    "three levels": ("a[b][c]=1", {"a": {"b": {"c": "1"}}}),
    "numbered from zero": ("l[0][id]=7&l[1][id]=8", {"l": [{"id": "7"}, {"id": "8"}]}),
    "numbers are names": ("f[5]=x&f[6]=y", {"f": {"5": "x", "6": "y"}}),
    "ids in the millions": ("f[4837262]=x", {"f": {"4837262": "x"}}),
    "a gap in the numbers": ("f[0]=x&f[2]=y", {"f": {"0": "x", "2": "y"}}),
    "numbers with leading zeros": ("f[00]=x", {"f": {"00": "x"}}),
    "empty brackets among numbers": (
        "a[2]=x&a[]=y&a[]=z&a[4]=w&a[]=v",
        {"a": {"2": "x", "1": "y", "3": "z", "4": "w", "5": "v"}},
    ),
    "list of records": ("i[][id]=1&i[][qty]=2&i[][id]=3", {"i": [{"id": "1", "qty": "2"}, {"id": "3"}]}),
    "dots and blanks stay": ("1.3=x&What+is+it%3F=y", {"1.3": "x", "What is it?": "y"}),
    "text in the way": ("a=1&a[b]=2", {"a": "1", "a[b]": "2"}),
    "text beside fields": ("a[b]=2&a=1", {"a": {"b": "2", "": "1"}}),
    "unbalanced brackets": ("a[b=1&]c=2&[d]=3", {"a[b": "1", "]c": "2", "[d]": "3"}),
    "text after the brackets": ("a[b]c=1", {"a[b]c": "1"}),
    "several fields, one JSON": ("a=1&p=%7B%22x%22%3A1%7D", {"a": "1", "p": '{"x":1}'}),
    "a NUL": ("a=x%00y", {"a": "xy"}),
    "a NUL in the one JSON": (
        "p=%7B%22x%22%3A%22a%5Cu0000b%22%7D",
        {"p": r'{"x":"a\u0000b"}', "x": "ab"},
    ),
    "stray ampersands": ("&a=1&&b=2&", {"a": "1", "b": "2"}),
    "raw line end": ("a=1\r\n", {"a": "1"}),
    "no valid escape": ("a=100%&b=%zz", {"a": "100%", "b": "%zz"}),
    "every script": ("n=" + quote("Zoë 山田 Ωmega שלום 😀"), {"n": "Zoë 山田 Ωmega שלום 😀"}),
}


@pytest.mark.parametrize(("body", "expected"), FORMS.values(), ids=FORMS)
def test_a_form_becomes_nested_data(body, expected):
    assert read(body).data == expected


def test_the_one_field_that_holds_json_is_opened_and_stays_readable_by_its_name():
    found = read("payload=" + quote('{"email": "a@b.example", "n": 12.50}'))
    text = '{"email": "a@b.example", "n": 12.50}'
    assert {**found.data, "n": str(found.data["n"])} == {
        "payload": text,
        "email": "a@b.example",
        "n": "12.50",
    }
    assert [note.code for note in found.notes] == ["json_in_form_field"]


@pytest.mark.parametrize(
    ("body", "content_type", "expected", "notes"),
    [
        ("n=Zo%C3%AB", URLENCODED, "Zoë", []),
        ("n=Zo%EB", URLENCODED, "Zoë", ["charset_guessed"]),
        (b"n=Zo\xeb", URLENCODED, "Zoë", ["charset_guessed"]),
        ("n=Zo%EB", f"{URLENCODED}; charset=ISO-8859-1", "Zoë", []),
        ("n=%D6%EC", f"{URLENCODED}; charset=gb2312", "朱", []),
        ("n=%8D%81", URLENCODED, "\x8d\x81", ["charset_guessed"]),
    ],
)
def test_a_form_is_read_in_the_charset_it_really_has(body, content_type, expected, notes):
    found = read(body, content_type)
    assert (found.data, [note.code for note in found.notes]) == ({"n": expected}, notes)


def test_many_empty_brackets_among_many_numbers_cost_little():
    """The first free number is not sought from the beginning again: that took half a minute."""
    numbers = range(9_900, 19_800)
    body = "&".join([f"a[{n}]=x" for n in numbers] + ["a[]=y"] * len(numbers))
    assert len(read(body).data["a"]) == 2 * len(numbers)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("&".join(f"f{n}=1" for n in range(20_001)), id="20,001 fields"),
        pytest.param("a=1&" * 20_001, id="20,001 times the same field"),
        pytest.param("a" + "[b]" * 1_000 + "=1", id="1,000 levels"),
        pytest.param("a" + "[]" * 1_000 + "=1", id="1,000 empty brackets"),
        pytest.param("a" + "[b]" * 64 + "=1", id="65 levels"),
    ],
)
def test_a_form_over_a_bound_is_refused(body):
    with pytest.raises(TooLarge):
        read(body)


def multipart(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n" for head, value in parts) + end


MULTIPART = "multipart/form-data; boundary=b"


def test_multipart_fields_are_read_and_files_left_aside():
    body = multipart(
        ('Content-Disposition: form-data; name="email"', b"a@b.example"),
        (
            'Content-Disposition: form-data; name="cv"; filename="cv.pdf"\r\nContent-Type: application/pdf',
            b"%PDF",
        ),
        ('Content-Disposition: form-data; name="q[name]"', "Zoë".encode()),
        ('Content-Disposition: form-data; name="tag[]"', b"x"),
        ('Content-Disposition: form-data; name="tag[]"', b"y"),
        ('Content-Disposition: form-data; name="note"', b"two\r\nlines"),
    )
    assert read(body, MULTIPART).data == {
        "email": "a@b.example",
        "q": {"name": "Zoë"},
        "tag": ["x", "y"],
        "note": "two\r\nlines",
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(multipart(('Content-Disposition: form-data; name="a"', b"1"), end=b""), id="no end"),
        pytest.param(b"a=1&b=2", id="a form"),
        pytest.param(multipart(("Content-Type: text/plain", b"1")), id="a part without a name"),
        pytest.param(b"--b", id="cut in the first line"),
        pytest.param(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n', id="cut in a part"),
    ],
)
def test_a_damaged_multipart_body_is_refused(body):
    with pytest.raises(UnreadableBody):
        read(body, MULTIPART)


def test_20_001_multipart_fields_are_refused():
    with pytest.raises(TooLarge):
        read(multipart(*[('Content-Disposition: form-data; name="a"', b"")] * 20_001), MULTIPART)
