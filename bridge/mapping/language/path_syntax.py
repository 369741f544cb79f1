"""Reading a path as written (`customer.email`, `line_items.*.sku`, `note_attributes(name=_fbc).value`).

path   = root? step*     root: (none) current item   $ whole webhook   $name system value or answer
step   = .key | .N | .first | .last | .* | [key] | (subpath=text)
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from bridge.spelling import closest

MAX_STEPS: Final = 32
MAX_LENGTH: Final = 512

SYSTEM_VALUES: Final = {
    "$headers": "a header of the request",
    "$query": "a parameter of the URL",
    "$cookies": "a cookie of the visitor",
    "$ip": "the visitor's IP address",
    "$user_agent": "the visitor's browser",
    "$received_at": "when the webhook arrived",
    "$index": "the number of the entry inside for_each, from 0",
    "$source": "the mapping's name",
}
_WITH_NAME: Final = {"$headers", "$query", "$cookies"}
BROWSER_ONLY: Final = {"$cookies", "$ip", "$user_agent"}

CLEANING_WORDS: Final = frozenset(
    [
        "sha256",
        "sha1",
        "md5",
        "hash",
        "hashed",
        "hashing",
        "lower",
        "lowercase",
        "lower_case",
        "upper",
        "uppercase",
        "upper_case",
        "trim",
        "trimmed",
        "strip",
        "stripped",
        "normalize",
        "normalise",
        "normalized",
        "clean",
        "cleaned",
        "digits",
        "to_lower",
        "to_upper",
        "tolower",
        "toupper",
        "downcase",
        "upcase",
        "encode",
    ]
)
_CALL: Final = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]*)\s*\((?P<inner>[^=()]*)\)\s*$")
_PIPE: Final = re.compile(r"(?P<field>.*?)\s*\|\s*(?P<name>\w+)\b.*$")

_NAME: Final = re.compile(r"\$([A-Za-z_]\w*)(?=[.\[(]|\Z)")

StepKind = Literal["key", "each", "match"]
Root = Literal["item", "webhook", "system", "answer"]


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step of a path; `start` and `end` are its place in the text, for keys that hold dots."""

    kind: StepKind
    key: str
    start: int
    end: int
    subpath: Path | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """A path, taken apart. `body` is what follows the root.

    `name` is the argument of a system value, and the step of `fetch` whose answer is read.
    """

    text: str
    root: Root
    body: str
    steps: tuple[PathStep, ...]
    system: str = ""
    name: str = ""


class BadPath(Exception):
    """A path that cannot be read. `offset` counts characters from its start."""

    def __init__(
        self, code: str, message: str, fix: str = "", *, offset: int = 0, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.fix = code, message, fix
        self.offset, self.suggestion = offset, suggestion


def read_path(text: str, answers: Collection[str] = ()) -> Path:
    """Take a path apart; raises BadPath with the place and what to write instead.

    `answers` are the names that read the answer of a call: the steps of `fetch`.
    """
    if len(text) > MAX_LENGTH:
        raise BadPath("path_too_long", f"a path has at most {MAX_LENGTH} characters")
    _refuse_functions(text)
    if text.startswith("$") and not text.startswith(("$.", "$[")) and text != "$":
        named = _NAME.match(text)
        if named is None or named[1] not in answers:
            return _system_value(text, answers)
        return _with_steps(text, "answer", text[named.end() :].removeprefix("."), named[1])
    if text.startswith("$"):
        return _with_steps(text, "webhook", text[1:].removeprefix("."))
    return _with_steps(text, "item", text)


def _with_steps(text: str, root: Root, body: str, name: str = "") -> Path:
    steps = _steps(body, len(text) - len(body)) if body else ()
    if len(steps) > MAX_STEPS:
        raise BadPath("path_too_long", f"a path has at most {MAX_STEPS} steps")
    return Path(text, root, body, steps, name=name)


def _refuse_functions(text: str) -> None:
    match = _CALL.match(text) or _PIPE.match(text)
    if match is None or match["name"].lower().rpartition(".")[2] not in CLEANING_WORDS:
        if match is not None and match.re is _PIPE and "{" not in text:
            raise BadPath(
                "no_functions",
                "there are no functions here",
                "write the field alone, or use a block with options",
            )
        return
    field = (match.groupdict().get("inner") or match.groupdict().get("field") or "").strip()
    raise BadPath(
        "cleaning_happens_by_itself",
        f"{match['name']} is not needed: cleaning and hashing happen by themselves",
        f"write {field} alone" if field else "write the field alone",
        suggestion=field or None,
    )


def _system_value(text: str, answers: Collection[str]) -> Path:
    name, dot, rest = text.partition(".")
    if name not in SYSTEM_VALUES:
        fetched = [f"${answer}" for answer in answers]
        known = closest(name, (*fetched, *SYSTEM_VALUES))
        suggestion = (known + dot + rest) if known else None
        steps = f", and the answers of fetch are {', '.join(fetched)}" if fetched else ""
        raise BadPath(
            "unknown_system_value",
            f"{name} is not a system value; they are {', '.join(SYSTEM_VALUES)}{steps}",
            "a field of the webhook is written without $, or with $. from the top",
            suggestion=suggestion,
        )
    if name in _WITH_NAME and not rest:
        raise BadPath("path_unfinished", f"{name} needs a name", f"write {name}.name")
    if name not in _WITH_NAME and dot:
        raise BadPath("path_too_deep", f"{name} is a single value with nothing below it", f"write {name}")
    return Path(text, "system", "", (), name, rest)


def _steps(body: str, offset: int) -> tuple[PathStep, ...]:
    steps: list[PathStep] = []
    at, fresh = 0, True
    while at < len(body):
        character = body[at]
        if character == "[":
            step, at = _bracket(body, at, offset)
        elif character == "(" and not fresh and _closing(body, at) and "=" in body[at : _closing(body, at)]:
            step, at = _match(body, at, offset)
        elif character == "." and not fresh:
            at, fresh = at + 1, True
            if at == len(body):
                raise BadPath(
                    "path_unfinished",
                    "a path ends with a dot",
                    "write what comes after it, or remove it",
                    offset=offset + at - 1,
                )
            continue
        else:
            step, at = _plain(body, at, offset)
        steps.append(step)
        fresh = False
    return tuple(steps)


def _plain(body: str, at: int, offset: int) -> tuple[PathStep, int]:
    end = at
    while end < len(body) and body[end] not in ".[":
        closing = _closing(body, end) if body[end] == "(" else 0
        if closing and end > at and "=" in body[end:closing]:
            break
        end = closing + 1 if closing else end + 1
    key = body[at:end]
    if not key.strip():
        fix = "keys that hold dots are written in brackets: [a..b]"
        raise BadPath("path_empty_step", "two dots in a row", fix, offset=offset + at)
    return PathStep("each" if key == "*" else "key", key, at, end), end


def _bracket(body: str, at: int, offset: int) -> tuple[PathStep, int]:
    end = body.find("]", at)
    if end < 0:
        raise BadPath("bracket_not_closed", "a [ is not closed", "add the ]", offset=offset + at)
    key = body[at + 1 : end]
    if not key.strip():
        fix = "write .* for every entry, .first. for the first one"
        raise BadPath("path_empty_step", "there is nothing in the brackets", fix, offset=offset + at)
    if len(key) > 2 and key[0] == key[-1] and key[0] in "'\"":
        key = key[1:-1]
    return PathStep("each" if key == "*" else "key", key, at, end + 1), end + 1


def _match(body: str, at: int, offset: int) -> tuple[PathStep, int]:
    end = _closing(body, at)
    subpath, _, wanted = body[at + 1 : end].partition("=")
    if not subpath.strip() or not wanted.strip():
        fix = "write (field=text), as in answers(question=Email).value"
        raise BadPath(
            "path_unfinished", "a condition in a path needs a field and a text", fix, offset=offset + at
        )
    inner = read_path(subpath.strip())
    if any(step.kind != "key" for step in inner.steps) or inner.root != "item":
        raise BadPath("path_too_deep", "a condition in a path compares one plain field", offset=offset + at)
    return PathStep("match", wanted.strip().strip("'\"").casefold(), at, end + 1, inner), end + 1


def _closing(body: str, at: int) -> int:
    """Return where the parenthesis opened at `at` is closed, or 0."""
    depth = 0
    for position in range(at, len(body)):
        depth += {"(": 1, ")": -1}.get(body[position], 0)
        if depth == 0:
            return position
    return 0
