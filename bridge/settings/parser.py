"""Reads positioned YAML by the table of options, and lists everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.finding import Finding, Position
from bridge.positioned_yaml import Block, Listing, Node, Scalar
from bridge.secret_files import UnusableFile, read_secret_file
from bridge.settings.options import Option, Section
from bridge.spelling import closest

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_FILE = re.compile(r"\$\{file:([^}]+)\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_NAME_OF_MAPPING = re.compile(rf"{_NAME.pattern}(?:/{_NAME.pattern}){{0,3}}")
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spot:
    """Which setting a finding is about, and the line it is on (none for the environment)."""

    path: str
    position: Position | None = None


@dataclass(slots=True)
class Reading:
    """One reading of one file: the environment it may use, where it lies, and the findings so far.

    `positions` are the keys of the file by their path, for what is found wrong between values that were read.
    """

    environment: Mapping[str, str]
    folder: Path = Path()
    findings: list[Finding] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)

    def wrong(
        self, spot: Spot, code: str, message: str, fix: str = "", suggestion: str | None = None
    ) -> None:
        """Add one error."""
        path = f"$.{spot.path}" if spot.path else "$"
        position = spot.position or self.positions.get(spot.path)
        self.findings.append(Finding("error", code, message, fix, path, position, suggestion))


def read_section(reading: Reading, node: Node | None, section: Section, path: str = "") -> Values:
    """Return the values of one block that were given, by name; defaults are filled in later.

    What is wrong is added to the reading and left out of the result.
    """
    block = _as_block(reading, node, section, path)
    given = _known_entries(reading, block, section, path) if block else {}
    values: Values = {}
    for name, entry in section.options.items():
        here = f"{path}{name}"
        if isinstance(entry, Option):
            value = _read_option(reading, given.get(name), entry, here)
            if value is not None:
                values[name] = value
        elif entry.named:
            values[name] = _read_named(reading, given.get(name), entry, here)
        elif name in given or not _asks_for_something(entry):
            values[name] = _read_inner(reading, given.get(name), entry, here)
    if block:
        _report_missing(reading, section, given, path, block.position)
    return values


def _asks_for_something(section: Section) -> bool:
    return any(isinstance(entry, Option) and entry.required for entry in section.options.values())


def _as_block(reading: Reading, node: Node | None, section: Section, path: str) -> Block | None:
    if node is None or (isinstance(node, Scalar) and not node.text):
        return None
    if isinstance(node, Block):
        return node
    name = path.rstrip(".") or "the file"
    fix = f"known keys: {', '.join(section.options)}"
    if section.named and not path.endswith("."):
        fix = f"write a name below {name}, and below the name its keys: {', '.join(section.options)}"
    reading.wrong(Spot(path.rstrip("."), node.position), "wrong_type", f"{name} must be a block of keys", fix)
    return None


def _known_entries(reading: Reading, block: Block, section: Section, path: str) -> dict[str, Node]:
    given = {}
    for key, value in block.entries:
        if key.text in section.options:
            given[key.text] = value
            reading.positions[f"{path}{key.text}"] = key.position
            continue
        reading.wrong(
            Spot(f"{path}{key.text}", key.position),
            "unknown_key",
            f"{path}{key.text} is not a setting",
            f"known keys here: {', '.join(section.options)}",
            closest(key.text, section.options),
        )
    return given


def _report_missing(
    reading: Reading, section: Section, given: Mapping[str, Node], path: str, at: Position
) -> None:
    for name, entry in section.options.items():
        if isinstance(entry, Option) and entry.required and name not in given:
            message = f"{path}{name} is not set"
            reading.wrong(Spot(path + name, at), "missing_key", message, f"it must be {entry.kind.wants}")


def _read_named(reading: Reading, node: Node | None, section: Section, path: str) -> dict[str, Values]:
    block = _as_block(reading, node, section, path)
    named = {}
    for key, value in block.entries if block else ():
        if not (_NAME_OF_MAPPING if section.by_mapping else _NAME).fullmatch(key.text):
            message = f"a name under {path} has characters that names cannot have"
            reading.wrong(Spot(path, key.position), "bad_name", message, "use letters, digits, _ . and -")
            continue
        inner = f"{path}.{key.text}"
        if isinstance(value, Scalar) and not value.text:
            _report_missing(reading, section, {}, f"{inner}.", key.position)
        else:
            named[key.text] = _read_inner(reading, value, section, inner)
    return named


def _read_inner(reading: Reading, node: Node | None, section: Section, path: str) -> Values:
    if section.scalar and isinstance(node, Scalar):
        option = section.options[section.scalar]
        value = _read_option(reading, node, option, path) if isinstance(option, Option) else None
        return {} if value is None else {section.scalar: value}
    return read_section(reading, node, section, f"{path}.")


def _read_option(reading: Reading, node: Node | None, option: Option, path: str) -> Any:
    from_environment = reading.environment.get(option.environment or "", "")
    if from_environment:
        return _read_from_environment(reading, from_environment, option, path)
    if isinstance(node, Listing) and option.many:
        items = [_read_scalar(reading, item, option, path) for item in node.items]
        return tuple(item for item in items if item is not None)
    if node is None:
        return None
    value = _read_scalar(reading, node, option, path)
    return (value,) if option.many and value is not None else value


def _read_from_environment(reading: Reading, text: str, option: Option, path: str) -> Any:
    reading.positions.pop(path, None)  # what the file says there is not in force
    parts = [part.strip() for part in text.split(",")] if option.many else [text.strip()]
    try:
        parsed = tuple(option.kind.parse(part) for part in parts if part)
    except ValueError:
        message = f"the environment variable {option.environment} must be {option.kind.wants}"
        reading.wrong(Spot(path), "wrong_type", message, f"change or unset {option.environment}")
        return None
    return parsed if option.many else next(iter(parsed), None)


def _read_scalar(reading: Reading, node: Node, option: Option, path: str) -> Any:
    spot = Spot(path, node.position)
    wants = option.kind.wants
    if not isinstance(node, Scalar):
        reading.wrong(spot, "wrong_type", f"{path} must be {wants}", "write one value here")
        return None
    text = _filled(reading, node, path)
    if not text:
        if option.required and text is not None:
            reading.wrong(spot, "missing_key", f"{path} is empty", f"it must be {wants}")
        return None
    try:
        return option.kind.parse(text)
    except ValueError:
        reading.wrong(spot, "wrong_type", f"{path} must be {wants}", "correct the value")
        return None


def _filled(reading: Reading, node: Scalar, path: str) -> str | None:
    """Return the text with `${NAME}` and `${NAME:-otherwise}` filled in; None when one is not set.

    A variable that is set to nothing counts as not set: an empty token is never what was meant.
    """
    environment = reading.environment
    references = list(_REFERENCE.finditer(node.text))
    missing = [match[1] for match in references if match[2] is None and not environment.get(match[1])]
    for name in missing:
        reading.wrong(
            Spot(path, node.position),
            "unset_variable",
            f"{path}: the environment variable {name} is {'empty' if name in environment else 'not set'}",
            f"add a line {name}=… to .env, or set the environment variable; "
            f"write ${{{name}:-}} when it may be empty",
            closest(name, [known for known in environment if "_" in known and known != name]),
        )
    files = {name: _file_text(reading, name, Spot(path, node.position)) for name in _FILE.findall(node.text)}
    if missing or None in files.values():
        return None
    text = _REFERENCE.sub(lambda match: environment.get(match[1]) or match[2] or "", node.text)
    return _FILE.sub(lambda match: files.get(match[1]) or "", text).strip()


def _file_text(reading: Reading, name: str, spot: Spot) -> str | None:
    """Return what a `${file:…}` holds, without the line end behind it; None when it cannot be used."""
    try:
        return read_secret_file(reading.folder / name.strip())
    except UnusableFile as unusable:
        message = f"{spot.path}: {unusable.problem}"
        reading.wrong(spot, "unusable_file", message, "check its path, and who may read it")
        return None
