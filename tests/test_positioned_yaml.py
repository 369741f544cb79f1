"""YAML as text: nothing is guessed, every node has its place, and YAML's traps are told in plain words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.positioned_yaml import Block, Listing, Scalar, read_yaml


def plain(node):
    if isinstance(node, Block):
        return {key.text: plain(below) for key, below in node.entries}
    return [plain(item) for item in node.items] if isinstance(node, Listing) else node.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("country: NO", {"country": "NO"}, id="a country is no truth value"),
        pytest.param("zip: 01234", {"zip": "01234"}, id="a zip keeps its zero"),
        pytest.param("phone: +4915112345678", {"phone": "+4915112345678"}, id="a phone keeps its plus"),
        pytest.param("1.3: 16:9", {"1.3": "16:9"}, id="numbers and ratios are texts"),
        pytest.param("on: 2026-11-21", {"on": "2026-11-21"}, id="on and dates are texts"),
        pytest.param(
            "a: 'x'\nb: \"y\\n\"\nc: |\n  z\n", {"a": "x", "b": "y\n", "c": "z\n"}, id="quoted texts"
        ),
        pytest.param("a: [b, {c: d}]", {"a": ["b", {"c": "d"}]}, id="lists and blocks in one line"),
        pytest.param(
            "\ufeffa: b\r\nc: d\r\n", {"a": "b", "c": "d"}, id="a byte order mark and Windows line ends"
        ),
        pytest.param("a:", {"a": ""}, id="a key without value"),
    ],
)
def test_every_value_is_the_text_that_was_written(text, expected):
    root, findings = read_yaml(text, "m.yaml")
    assert (plain(root), findings) == (expected, [])


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n"])
def test_nothing_is_nothing(text):
    assert read_yaml(text, "m.yaml") == (None, [])


def test_every_node_knows_its_place_and_how_it_was_written():
    root, _ = read_yaml("a: b\nlist:\n  - 'c'\n  - d:\n", "m.yaml")
    scalars = []

    def collect(node):
        if isinstance(node, Scalar):
            scalars.append((node.text, str(node.position), node.quoted, node.null))
        for key, below in getattr(node, "entries", ()):
            collect(key)
            collect(below)
        for item in getattr(node, "items", ()):
            collect(item)

    collect(root)
    assert scalars == [
        ("a", "m.yaml:1:1", False, False),
        ("b", "m.yaml:1:4", False, False),
        ("list", "m.yaml:2:1", False, False),
        ("c", "m.yaml:3:5", True, False),
        ("d", "m.yaml:4:5", False, False),
        ("", "m.yaml:4:7", False, True),
    ]
    assert root.get("a").text == "b"
    assert root.get("missing") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("a:\n\tb: c", [("tab", 2, 1)], id="a tab"),
        pytest.param("a: @x", [("odd_start", 1, 4)], id="an at sign"),
        pytest.param("a: `x`", [("odd_start", 1, 4)], id="a backtick"),
        pytest.param("a: %x", [("odd_start", 1, 4)], id="a percent sign"),
        pytest.param("a: *x", [("alias", 1, 4)], id="a star"),
        pytest.param("a: *.x", [("star", 1, 4)], id="a star and a dot"),
        pytest.param("a: &x y", [("anchor", 1, 4)], id="an anchor"),
        pytest.param("a: !x y", [("tag", 1, 4)], id="a tag"),
        pytest.param("<<: {a: b}", [("merge_key", 1, 1)], id="a merge key"),
        pytest.param("a: {x}-{y}", [("brace_in_text", 1, 4)], id="an unquoted brace"),
        pytest.param("a: b\nc:d", [("no_blank_after_colon", 2, 1)], id="no blank after the colon"),
        pytest.param("a: {b: c[d]}", [("bracket_in_braces", 1, 8)], id="a bracket inside braces"),
        pytest.param("a: [b, c[d]]", [("bracket_in_braces", 1, 8)], id="a bracket inside a list"),
        pytest.param("a: b: c", [("colon_in_text", 1, 5)], id="a colon in a text"),
        pytest.param("a: 'x\nb: c", [("quote_not_closed", 1, 4)], id="an open quote"),
        pytest.param("a: {b: c\n", [("brace_not_closed", 1, 4)], id="an open brace"),
        pytest.param("a: [b, c\n", [("bracket_not_closed", 1, 4)], id="an open bracket"),
        pytest.param('a: "\\d"', [("bad_escape", 1, 4)], id="a backslash in double quotes"),
        pytest.param("a: b\n  c: d", [("colon_in_text", 2, 4)], id="indented too far"),
        pytest.param("a:\n  b: c\n d: e", [("indentation", 3, 2)], id="between two levels"),
        pytest.param("a: b\na: c", [("duplicate_key", 2, 1)], id="a key twice"),
        pytest.param("? [a]\n: b", [("key_not_text", 1, 3)], id="a list as key"),
        pytest.param("a: b\n---\nc: d", [("second_document", 2, 1)], id="two documents"),
        pytest.param("a: - b", [("list_on_line", 1, 4)], id="a list on the line of its key"),
        pytest.param("a: b\x00", [("control_character", 1, 5)], id="a NUL byte"),
        pytest.param(b"a: \xff", [("not_utf8", 1, 4)], id="not UTF-8"),
        pytest.param(b"\xfe\xff\x00a", [("not_utf8", 1, 1)], id="UTF-16"),
        pytest.param(
            "a: @x\nb: %y\n\tc: d",
            [("odd_start", 1, 4), ("odd_start", 2, 4), ("tab", 3, 1)],
            id="many at once",
        ),
        pytest.param(
            "a: &x b\nc: *x\nd: !e f",
            [("anchor", 1, 4), ("alias", 2, 4), ("tag", 3, 4)],
            id="all that is refused",
        ),
    ],
)
def test_a_trap_is_told_with_its_place(text, found):
    _, findings = read_yaml(text, "m.yaml")
    assert [(f.code, f.position.line, f.position.column) for f in findings] == found
    assert all(finding.severity == "error" and finding.fix for finding in findings)


def test_a_field_as_its_sender_writes_it_is_told_once_and_read_as_its_name():
    root, findings = read_yaml("a: {{order.id}}\nb: {c: {{ customer.email }}, d: e}", "m.yaml")
    assert plain(root) == {"a": "order.id", "b": {"c": "customer.email", "d": "e"}}
    assert [(f.code, f.position.line, f.position.column) for f in findings] == [
        ("double_brace", 1, 5),
        ("double_brace", 2, 9),
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        pytest.param(b"a: " + b"x" * 5_000_000, "file_too_large", id="five megabytes"),
        pytest.param(b"[" * 200_000, "too_deep", id="two hundred thousand brackets"),
        pytest.param(b"- " * 100_000, "too_deep", id="a hundred thousand dashes"),
        pytest.param(
            b"a: &a [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(b"b%d: &b%d [*a,*a,*a,*a]\n" % (n, n) for n in range(200)),
            "anchor",
            id="a billion laughs",
        ),
    ],
)
def test_what_is_made_to_hurt_is_refused_at_once(source, code):
    started = time.process_time()
    _, findings = read_yaml(source, "m.yaml")
    assert findings[0].code == code
    assert time.process_time() - started < 5


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200),
        st.text(alphabet="ab: -[]{}'\"\n\t#&*!|>%@", max_size=60),
    )
)
def test_any_bytes_give_nodes_or_findings_and_never_an_exception(source):
    root, findings = read_yaml(source, "m.yaml")
    assert root is not None or findings or not source or plain_nothing(source)


def plain_nothing(source) -> bool:
    """Say whether a source holds nothing but blanks, comments and document marks."""
    text = source if isinstance(source, str) else source.decode("utf-8", "replace")
    return all(
        line.strip(" \t\r\ufeff\x85\u2028\u2029") in {"", "---", "..."}
        or line.lstrip(" \t\ufeff").startswith(("#", "---", "...", "%"))
        for line in text.splitlines()
    )


@pytest.mark.parametrize(
    ("text", "line", "message", "fix"),
    [
        pytest.param(
            "a: 1\nb:\n   c: d\n  # a comment\n\n  e: f\n",
            6,
            "this line begins with 2 spaces, those above it with 3 or 0",
            "begin it with 3 spaces to go on with the block above it, or with 0 to end it",
            id="too little for the block, too much for the one around",
        ),
        pytest.param(
            "a:\n  b: c\n settings:\n  d: e\n",
            3,
            "this line begins with 1 space, those above it with 2 or 0",
            "begin it with 2 spaces to go on with the block above it, or with 0 to end it",
            id="a comment sign was deleted, and the space behind it was not",
        ),
        pytest.param(
            "a:\n  b: c\n    d: e\n",
            3,
            "this line begins with 4 spaces, the one above it with 2",
            "begin it with 2, or end the line above with a colon if this belongs to it",
            id="too much for the block",
        ),
        pytest.param(
            "a: b: c\n",
            1,
            "a text contains a colon followed by a space, or this line is indented wrongly",
            "put the text in quotes, or align the line with its neighbours",
            id="a colon in a text",
        ),
        pytest.param(
            "a: {{1.email}}\n",
            1,
            "{{…}} is how a sender writes a field; here its name stands alone, or inside a text as {name}",
            "write the name of the field alone",
            id="a field as the sender writes it",
        ),
        pytest.param(
            'a: "b" c\n',
            1,
            "this line is not aligned, or the line before is not finished",
            "align it, or put the text before it in quotes",
            id="something behind a quoted text",
        ),
        pytest.param(
            "a:\n    - b: c\n      d: e\n     f: g\n",
            4,
            "this line is between the entries of a list",
            "start it with - or indent it",
            id="in a list, where fewer spaces need a hyphen",
        ),
    ],
)
def test_a_usual_mistake_is_told_in_its_own_words(text, line, message, fix):
    (finding,) = read_yaml(text, "m.yaml")[1]
    assert finding.position is not None
    assert (finding.position.line, finding.message, finding.fix) == (line, message, fix)
