"""Writes Python source in which a mapping's names and texts are constants, never a part of the source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_SAFE_NAME: Final = re.compile(r"(?=.{1,30}\Z)[a-z][a-z0-9]*(?:_[a-z0-9]+)*").fullmatch
_NOT_PRINTABLE: Final = re.compile(r"[^ -~]")
_LONGEST_COMMENT: Final = 100
_INDENT: Final = "    "


class Constants:
    """The values that the source names; a name is a word of ours, with the hint if that is harmless."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._names: dict[tuple[type, Any], str] = {}

    def named(self, kind: str, value: Any, hint: str = "") -> str:
        """Return the name of a value, the same for equal texts and for one object."""
        same = (type(value), value if isinstance(value, str) else id(value))
        name = self._names.get(same)
        if name is None:
            name = self._names[same] = self._new_name(kind, hint)
            self.values[name] = value
        return name

    def _new_name(self, kind: str, hint: str) -> str:
        wanted = f"{kind}_{hint}" if _SAFE_NAME(hint) else f"{kind}_{len(self.values)}"
        name, number = wanted, len(self.values)
        while name in self.values:
            name, number = f"{wanted}_{number}", number + 1
        return name


class Writer:
    """Collects the lines of one function."""

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.lines: list[str] = []
        self._depth = 0

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(f"{_INDENT * self._depth}{text}")

    def by_short_way(  # noqa: PLR0913, PLR0917 - one argument for each part of the three lines
        self, short: str, quick: str, again: str | None, put: str, general: str, key: str
    ) -> None:
        """Write the lines of one field: what its short way sends is put, another value goes the general way.

        `quick` is the expression of the value, `again` the one that reads it with all care if that differs.
        """
        if again is None and not quick.isidentifier():
            self.line(f"value = {quick}")
            quick = "value"
        self.line(f"sent = {short.format(quick)}")
        self.line(f"if sent is not None: {put}")
        self.line(f"else: {general.format(key, again or quick)}")

    def comment(self, text: str) -> None:
        """Add a comment; nothing that a mapping's author wrote can end it."""
        shown = _NOT_PRINTABLE.sub("?", text)
        self.line(f"# {shown if len(shown) <= _LONGEST_COMMENT else f'{shown[:_LONGEST_COMMENT]}...'}")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Indent what is written inside, below a line such as `if x:`."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def insert(self, at: int, other: list[str]) -> None:
        """Put lines in front of others, as deep as the line that stands there now."""
        indent = _INDENT * self._depth
        self.lines[at:at] = [f"{indent}{line}" for line in other]
