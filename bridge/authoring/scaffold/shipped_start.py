"""Starts a mapping from the shipped one for the sample's sender, and adds the fields of this sample to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.authoring.scaffold.plan import Plan, Wishes
from bridge.authoring.scaffold.yaml_writer import SCHEMA_LINE, SCHEMA_MARK, yaml_text
from bridge.positioned_yaml import Block, Node, Scalar, read_yaml
from bridge.recognize.recognition_tables import KnownShape

_OWN = "this sample's own field"
_NOT_TAKEN_OVER = ("samples", "tests")


def can_start_from_shipped(wishes: Wishes) -> bool:
    """Say whether a shipped mapping can fulfil what the author asked for; another event it cannot."""
    return wishes.event_name is None and wishes.action_source is None


def shipped_start(shape: KnownShape, original: str, made_from: str) -> str:
    """Return a shipped mapping's text under a new heading, without its own samples and tests."""
    text = original
    for key in _NOT_TAKEN_OVER:
        text = _without(text, key)
    lines = [line for line in text.splitlines() if not line.startswith(SCHEMA_MARK)]
    head = [
        SCHEMA_LINE,
        f"# Started by `capi-bridge init` from the shipped mapping {shape.like}:",
        f"# {made_from} looks like {shape.name}.",
        "# What was added from the sample says so. Read every line once, and the settings twice.",
        "#",
    ]
    return "\n".join([*head, *lines]).rstrip() + "\n"


@dataclass(frozen=True, slots=True)
class FoundBySample:
    """What the shipped mapping makes of the sample: the fields with a value, and those it looks for in vain.

    `nowhere` are the fields all of whose paths are missing in the sample, not only empty.
    """

    filled: frozenset[str]
    nowhere: frozenset[str]


def with_own_fields(text: str, plan: Plan, found: FoundBySample) -> str:
    """Add what the sample holds about the person and the shipped mapping does not read."""
    for destination, paths in plan.paths.items():
        block, _, name = destination.partition(".")
        filled = [path for path in paths if path not in plan.empty]
        if block == "user_data" and filled and not found.filled & {name, *_FILLED_TOGETHER.get(name, ())}:
            text = _with_field(text, name, filled, replaces=name in found.nowhere)
    return text


def with_wishes(text: str, wishes: Wishes) -> str:
    """Write what the author asked for into the settings, the defaults and `send_to`."""
    settings = {
        "timezone": wishes.timezone,
        "phone_country": wishes.country,
        "date_format": wishes.date_format,
        "number_format": wishes.number_format,
    }
    for key, value in settings.items():
        if value:
            text = _with_line(text, "settings", key, yaml_text(value))
    if wishes.currency:
        text = _with_line(text, "defaults", "currency", yaml_text(wishes.currency))
    return text


_FILLED_TOGETHER = {"full_name": ("first_name", "last_name"), "fbclid": ("fbc",)}


def _with_field(text: str, name: str, paths: Sequence[str], *, replaces: bool) -> str:
    before = _scalars_of(text, "user_data", name)
    if before is None:
        return text  # a block with options: its author knew why
    written = list(dict.fromkeys([*(() if replaces else before), *paths]))
    texts = [yaml_text(path) if re.fullmatch(r"[\w$.@-]+", path) else _quoted(path) for path in written]
    return _with_line(text, "user_data", name, f"[{', '.join(texts)}]" if len(texts) > 1 else texts[0], _OWN)


def _quoted(path: str) -> str:
    text = yaml_text(path)
    return text if text.startswith('"') else f'"{text}"'


def _scalars_of(text: str, block: str, name: str) -> list[str] | None:
    node = _block(text, block)
    value = node.get(name) if node else None
    if value is None:
        return []
    if isinstance(value, Scalar):
        return [value.text]
    items = getattr(value, "items", None)
    if isinstance(items, tuple) and all(isinstance(item, Scalar) for item in items):
        return [item.text for item in items]
    return None


# --- editing lines ------------------------------------------------------------------------------------


def _root(text: str) -> Block | None:
    root, _ = read_yaml(text, "the shipped mapping")
    return root if isinstance(root, Block) else None


def _block(text: str, name: str) -> Block | None:
    root = _root(text)
    node: Node | None = root.get(name) if root else None
    return node if isinstance(node, Block) else None


def _lines_of(text: str, block: Block, name: str) -> tuple[int, int] | None:
    """Return the first line of a key and the line after its value, counted from 0."""
    lines, starts = text.splitlines(), [key.position.line - 1 for key, _ in block.entries]
    for number, (key, _) in enumerate(block.entries):
        if key.text == name:
            return starts[number], _end(lines, starts[number], key.position.column - 1)
    return None


def _end(lines: Sequence[str], start: int, indent: int) -> int:
    """Return the line after what is indented deeper than a key."""
    end = start + 1
    while end < len(lines) and (
        len(lines[end]) - len(lines[end].lstrip()) > indent or _is_item(lines[end], indent)
    ):
        end += 1
    return end


def _is_item(line: str, indent: int) -> bool:
    return line.startswith(" " * indent + "- ")


def _without(text: str, name: str) -> str:
    root = _root(text)
    place = _lines_of(text, root, name) if root else None
    if place is None:
        return text
    lines = text.splitlines()
    return "\n".join([*lines[: place[0]], *lines[place[1] :]]) + "\n"


def _with_line(text: str, block: str, name: str, value: str, remark: str = "") -> str:
    """Write `name: value` into a block of the file, in the place of the line that was there."""
    lines, root = text.splitlines(), _root(text)
    place = _lines_of(text, root, block) if root else None
    line = f"{name}: {value}" + (f"   # {remark}" if remark else "")
    if root is None or place is None:
        return "\n".join([*lines, f"{block}:", f"  {line}"]) + "\n"
    inner = _block(text, block)
    if inner is None or inner.position.line - 1 == place[0]:
        return text  # written on one line, or no block at all
    old = _lines_of(text, inner, name)
    start, end = old or (place[1], place[1])
    return "\n".join([*lines[:start], f"  {line}", *lines[end:]]) + "\n"
