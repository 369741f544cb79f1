"""YAML as text with positions: nothing is guessed to be a number, a date or a truth value.

Mappings and settings are written by people who do not know YAML's surprises (`country: NO`,
`zip: 01234`, `on: get`), so every scalar stays the text that was written, and the key it
belongs to decides what it means. Anchors, aliases, merge keys and tags are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from bridge.finding import Finding, Position
from bridge.plurals import counted

MAX_BYTES = 262_144
MAX_DEPTH = 64
DOUBLE_BRACE = "{{…}} is how a sender writes a field; here its name stands alone, or inside a text as {name}"

_PARSER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as written. `null` marks a key without a value; `quoted` one in quotes or a block text."""

    text: str
    position: Position
    quoted: bool = False
    null: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of nodes."""

    items: tuple[Node, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Block:
    """Keys and their values, in the order written; each key occurs once."""

    entries: tuple[tuple[Scalar, Node], ...]
    position: Position

    def get(self, key: str) -> Node | None:
        """Return the value of a key."""
        return next((node for name, node in self.entries if name.text == key), None)


Node = Scalar | Listing | Block


def one_or_more(node: Node) -> tuple[Node, ...]:
    """Return the items of a list; anything else stands for a list of one."""
    return node.items if isinstance(node, Listing) else (node,)


def rows_of(node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    """Return the keys of a block, each with what stands below it; nothing else has any."""
    return node.entries if isinstance(node, Block) else ()


def read_yaml(source: bytes | str, file: str) -> tuple[Node | None, list[Finding]]:
    """Read one YAML document into nodes; return None when it cannot be read at all.

    The findings hold every problem that could be distinguished; an empty document is None without any.
    """
    text, problem = _decoded(source, file)
    if text is None:
        return None, [problem] if problem else []
    builder = _Builder(file)
    try:
        root = builder.document(yaml.parse(text, Loader=_PARSER))
    except yaml.YAMLError as error:
        return None, builder.findings + _explained(error, text, file)
    return root, builder.findings


def _decoded(source: bytes | str, file: str) -> tuple[str | None, Finding | None]:
    start = Position(file, 1, 1)
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
    if len(source) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1024} KiB"
        return None, Finding(
            "error", "file_too_large", message, "split it into several files", position=start
        )
    try:
        return source.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        column = (
            len(source[source.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        )
        fix = "save the file as UTF-8"
        where = Position(file, line, column)
        return None, Finding("error", "not_utf8", "the file is not UTF-8 text", fix, position=where)


class _TooDeep(yaml.YAMLError):
    """Blocks inside blocks without end; carries the place."""

    def __init__(self, mark: Any) -> None:
        super().__init__()
        self.problem_mark = mark
        self.problem = "nested too deep"


class _Builder:
    """Turns the parser's events into nodes and notes what the language does not allow."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def document(self, events: Iterator[Any]) -> Node | None:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._refuse(
                        event, "second_document", "a second document starts here", "keep one per file"
                    )
                    break
                root = self._node(next(events), events, 0)
        if isinstance(root, Scalar) and root.null:
            return None
        return root

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _TooDeep(event.start_mark)
        self._refuse_decoration(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._block(event, events, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._listing(event, events, depth)
        return self._scalar(event)

    def _scalar(self, event: Any) -> Scalar:
        if isinstance(event, yaml.AliasEvent):
            fix = "text that starts with * needs quotes; repeat a value instead of referring to it"
            self._refuse(
                event, "alias", "a * at the start means an alias in YAML, and aliases are not used here", fix
            )
            return Scalar(f"*{event.anchor}", self._position(event), quoted=True)
        quoted = event.style in {"'", '"', "|", ">"}
        return Scalar(event.value, self._position(event), quoted, null=not event.value and not quoted)

    def _listing(self, start: Any, events: Iterator[Any], depth: int) -> Listing:
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
        return Listing(tuple(items), self._position(start))

    def _block(self, start: Any, events: Iterator[Any], depth: int) -> Node:
        entries: dict[str, tuple[Scalar, Node]] = {}
        meant: Scalar | None = None
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if isinstance(key, Block):
                self._refuse(event, "double_brace", DOUBLE_BRACE, "write the name of the field alone")
                meant = next((name for name, _ in key.entries), None)
            elif not isinstance(key, Scalar):
                self._refuse(
                    event, "key_not_text", "a key must be a text", "text that starts with { or [ needs quotes"
                )
            elif key.text == "<<" and not key.quoted:
                self._refuse(event, "merge_key", "merge keys (<<) are not used here", "write the lines out")
            elif key.text in entries:
                first = entries[key.text][0].position.line
                message = f"{key.text!r} occurs twice in this block; the first is on line {first}"
                self._refuse(event, "duplicate_key", message, "keep one of them")
            else:
                entries[key.text] = (key, value)
        return meant or Block(tuple(entries.values()), self._position(start))

    def _refuse_decoration(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            return
        if event.anchor is not None:
            fix = "text that starts with & needs quotes"
            self._refuse(
                event,
                "anchor",
                "a & at the start means an anchor in YAML, and anchors are not used here",
                fix,
            )
        if event.tag is not None:
            fix = "text that starts with ! needs quotes"
            self._refuse(
                event, "tag", "a ! at the start means a tag in YAML, and tags are not used here", fix
            )

    def _refuse(self, event: Any, code: str, message: str, fix: str) -> None:
        self.findings.append(Finding("error", code, message, fix, position=self._position(event)))

    def _position(self, event: Any) -> Position:
        return Position(self.file, event.start_mark.line + 1, event.start_mark.column + 1)


# what the parser says -> what that means, and what to do
_PARSER_WORDS: tuple[tuple[str, str, str, str], ...] = (
    (
        "nested too deep",
        "too_deep",
        f"blocks are nested more than {MAX_DEPTH} deep",
        "flatten them",
    ),
    ("tab character", "tab", "a tab is used as indentation", "indent with spaces"),
    (
        "could not find expected ':'",
        "no_colon",
        "this line has no colon followed by a space",
        "write key: value",
    ),
    (
        "mapping values are not allowed",
        "colon_in_text",
        "a text contains a colon followed by a space, or this line is indented wrongly",
        "put the text in quotes, or align the line with its neighbours",
    ),
    (
        "unexpected end of stream",
        "quote_not_closed",
        "a quoted text is never closed",
        "add the closing quote",
    ),
    (
        "unknown escape character",
        "bad_escape",
        "a backslash has a meaning inside double quotes",
        "use single quotes",
    ),
    (
        "expected ',' or '}'",
        "brace_not_closed",
        "a { is not closed, or a comma is missing",
        "text that starts with { needs quotes",
    ),
    (
        "expected ',' or ']'",
        "bracket_not_closed",
        "a [ is not closed, or a comma is missing",
        "text that starts with [ needs quotes",
    ),
    (
        "block sequence entries are not allowed",
        "list_on_line",
        "a list with - starts on a line of its own",
        "move it to the next line, indented",
    ),
    (
        "expected alphabetic or numeric character",
        "star",
        "a * or & at the start of a text has a meaning in YAML",
        "put the text in quotes",
    ),
    (
        "tag",
        "tag",
        "a ! at the start means a tag in YAML, and tags are not used here",
        "put the text in quotes",
    ),
    (
        "expected <document start>",
        "after_the_end",
        "this line does not belong to the block above it",
        "align it with its neighbours",
    ),
    ("document indicator", "second_document", "a second document starts here", "keep one per file"),
    (
        "did not find expected key",
        "indentation",
        "this line is not aligned, or the line before is not finished",
        "align it, or put the text before it in quotes",
    ),
    ("expected <block end>", "indentation", "this line is not aligned with its neighbours", "align it"),
    (
        "did not find expected '-' indicator",
        "indentation",
        "this line is between the entries of a list",
        "start it with - or indent it",
    ),
    (
        "cannot start any token",
        "odd_start",
        "no text may start with this character",
        "put the text in quotes",
    ),
    ("control characters", "control_character", "the file holds a control character", "remove it"),
    ("special characters", "control_character", "the file holds a control character", "remove it"),
)

_KEY = re.compile(r" *[^\s:][^:]*")  # the beginning of a line, up to its first colon

_LONGEST_LINE = 2_000  # some patterns below look back and forth: on a long line that takes seconds

# a line that shows what went wrong, whatever the parser says about it
_TRAPS: tuple[tuple[re.Pattern[str], str, str, str], ...] = (
    (re.compile(r" *(?P<at>\t)"), "tab", "a tab is used as indentation", "indent with spaces"),
    (
        re.compile(r"\s*(?:- +)?[^#:{}\[\]'\"]*: +(?P<at>[@`%])"),
        "odd_start",
        "no text may start with @, % or a backtick",
        "put the text in quotes",
    ),
    (
        re.compile(r"\s*(?:- +)?[^#:{}\[\]'\"]*: +(?P<at>\*)"),
        "star",
        "a * at the start of a text has a meaning in YAML",
        "put the text in quotes",
    ),
    (
        re.compile(r"\s*(?:- +)?[^#:{}\[\]'\"]*: +(?P<at>\{[^{}]*\}) *[^\s,#]"),
        "brace_in_text",
        "a text that starts with { needs quotes",
        'write it as "{field} and text"',
    ),
    (
        re.compile(r"[^#'\"]*[\[{][^#'\"]*?(?P<at>[\w.-]+\[[\w -]+\])"),
        "bracket_in_braces",
        "a field with [ ] inside { } or a list needs quotes",
        "put it in quotes, or write it with a point: contact.email",
    ),
    (
        re.compile(r"\s*(?:- +)?(?P<at>[a-z_]+:)(?!//)[^\s:]"),
        "no_blank_after_colon",
        "a space is missing after the colon",
        "write key: value",
    ),
)


def _explained(error: yaml.YAMLError, text: str, file: str) -> list[Finding]:
    """Say in plain words why YAML gave up: the well-known traps of the lines, else the parser's reason."""
    if isinstance(error, _TooDeep):
        return [_from_parser(error, text, file)]
    traps = [
        Finding("error", code, message, fix, position=Position(file, number, match.start("at") + 1))
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) <= _LONGEST_LINE
        for pattern, code, message, fix in _TRAPS
        if (match := pattern.match(line))
    ]
    return traps or [_from_parser(error, text, file)]


def _from_parser(error: yaml.YAMLError, text: str, file: str) -> Finding:
    said = str(getattr(error, "problem", None) or getattr(error, "reason", ""))
    if "quoted scalar" in str(getattr(error, "context", "")) or "flow" in str(getattr(error, "context", "")):
        mark = getattr(error, "context_mark", None)
    else:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    code, message, fix = next(
        ((code, message, fix) for words, code, message, fix in _PARSER_WORDS if words in said),
        ("not_yaml", "this is not YAML", "look at this line and the one before it"),
    )
    if code == "indentation" and (around := _between(mark, error, text)):
        message, fix = around
    if code == "colon_in_text" and (deeper := _deeper(mark, text)):
        message, fix = deeper
    return Finding("error", code, message, fix, position=_marked(mark, error, text, file))


def _deeper(mark: Any, text: str) -> tuple[str, str] | None:
    """Say of a key that is indented more than the line above how far; None where that is not the reason."""
    lines = text.splitlines()
    if not mark or mark.line >= len(lines) or not _KEY.fullmatch(lines[mark.line][: mark.column]):
        return None
    above, here = _indentation(_above(lines, mark.line)), _indentation(lines[mark.line])
    if here <= above:
        return None
    message = f"this line begins with {counted(here, 'space')}, the one above it with {above}"
    return message, f"begin it with {above}, or end the line above with a colon if this belongs to it"


def _above(lines: list[str], number: int) -> str:
    """Return the last line above that says something."""
    return next((line for line in reversed(lines[:number]) if line.strip()[:1] not in {"", "#"}), "")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _between(mark: Any, error: yaml.YAMLError, text: str) -> tuple[str, str] | None:
    """Say how far a line is indented that stands between the block above it and the one around both.

    None where the parser gave up for another reason.
    """
    outer, lines = getattr(error, "context_mark", None), text.splitlines()
    if not (mark and outer and mark.line < len(lines) and "mapping" in str(getattr(error, "context", ""))):
        return None
    inner = _indentation(_above(lines, mark.line))
    if lines[mark.line][: mark.column].strip() or not outer.column < mark.column < inner:
        return None
    begins = counted(mark.column, "space")
    message = f"this line begins with {begins}, those above it with {inner} or {outer.column}"
    fix = f"begin it with {inner} spaces to go on with the block above it, or with {outer.column} to end it"
    return message, fix


def _marked(mark: Any, error: yaml.YAMLError, text: str, file: str) -> Position:
    if mark is not None:
        return Position(file, mark.line + 1, mark.column + 1)
    offset = getattr(error, "position", 0)
    before = text.encode()[:offset].decode("utf-8", "replace") if isinstance(offset, int) else ""
    return Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
