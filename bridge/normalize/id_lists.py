"""Lists of ids, also where a sender put them into one text: JSON, or `A1,B2`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bridge.coerce.identifiers import why_unusable
from bridge.coerce.json_text import opened_text
from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.context import ValueDropped
from bridge.normalize.custom_values import CustomData, identifier

_FIELD: Final = "custom_data.content_ids"
_BETWEEN: Final = re.compile(r"[,;|\r\n]")
_IN_BRACKETS: Final = re.compile(r"[\[{]([^][{}]+)[\]}]").fullmatch
_OPENING: Final = frozenset("[{")
_QUOTES: Final = " '\""
# An id for certain: no spaces, and a digit, a dash or an underscore among its letters.
_CERTAIN: Final = re.compile(r"(?=.*[0-9_-])[A-Za-z0-9][A-Za-z0-9._:/#+=-]*").fullmatch
_COMMA_OF_NUMBER: Final = re.compile(r"[0-9],[0-9]").search
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+,[0-9]{1,2}").fullmatch


def identifiers(value: Any, block: CustomData) -> list[str]:
    """Read a list of ids; a single id is a list of one."""
    if not isinstance(value, list | tuple):
        value = opened_text(value)
        if type(value) is str and (_BETWEEN.search(value) or value.strip()[:1] in _OPENING):
            return _ids_in(value, block)
        if not isinstance(value, list):
            return [identifier(value, block)]
    return _usable(value, block)


def _usable(values: Sequence[Any], block: CustomData) -> list[str]:
    """Read each of several ids; those that cannot be used are left out one by one."""
    ids = []
    holds_texts_of_json = any(entry.lstrip()[:1] == "[" for entry in values if type(entry) is str)
    for place, entry in enumerate(_flat(values) if holds_texts_of_json else values):
        try:
            ids.append(identifier(entry, block))
        except ValueDropped as reason:
            if reason.code != "empty_value":
                block.findings.add(reason.code, f"{_FIELD}[{place}]", **reason.names)
    if not ids:
        raise ValueDropped("empty_value")
    return ids


def _ids_in(text: str, block: CustomData) -> list[str]:
    """Return the ids that a text lists. Where it may be one id, it is sent as one, with a finding."""
    bare = text.strip()
    in_brackets = _IN_BRACKETS(bare)
    parts = _parts(in_brackets[1] if in_brackets else bare)
    if len(parts) < 2:
        return [identifier(text, block)]
    are_apart = in_brackets is not None or _are_apart(bare, parts)
    if are_apart and all(_is_certain(part, block.spec) for part in parts):
        if block.findings.trace is not None:
            block.findings.trace.step(_FIELD, "several ids in one text, each on its own", parts)
        return _usable(parts, block)
    alone = identifier(text, block)
    block.findings.add("ids_in_one_text", _FIELD)
    return [alone]


def _parts(text: str) -> list[str]:
    return [part for piece in _BETWEEN.split(text) if (part := piece.strip(_QUOTES))]


def _are_apart(text: str, parts: Sequence[str]) -> bool:
    """Say whether no comma of a text can be that of a number (`1,234`, `KABEL-2,5`)."""
    if _COMMA_OF_NUMBER(text) is None:
        return True
    return len({len(part) for part in parts}) == 1 and all(map(str.isdigit, parts)) and not _GROUPED(text)


def _is_certain(part: str, spec: MetaSpec) -> bool:
    return _CERTAIN(part) is not None or part.lower() in spec.empty_texts or why_unusable(part) is not None


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    """Yield the entries of a list, and those of a JSON text in it."""
    for value in values:
        entries = opened_text(value) if type(value) is str and value.lstrip()[:1] == "[" else value
        yield from entries if isinstance(entries, list) else (entries,)
