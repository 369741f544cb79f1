"""A value as a block: one source, then options that change what it gave, in the order of the grammar table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from bridge.mapping.compiling import MAX_ITEMS, Compiling, Read, Shape
from bridge.mapping.conditions import Condition, compile_condition, folded, matcher
from bridge.mapping.grammar import SOURCES
from bridge.mapping.loading import Entries, Entry
from bridge.mapping.scope import MISSING, Scope, text_of
from bridge.mapping.templates import compile_template
from bridge.reading import date_pattern, minor_unit_digits, read_number, read_time
from bridge.values import Finding
from bridge.yamltext import Block, Scalar

CompileValue = Callable[..., Read]
Change = Callable[[Scope, Any], Any]


class Skip:
    """What a lookup gives when its `otherwise` says that the event is not to be sent."""

    __slots__ = ()


SKIP: Final = Skip()

MAX_PARTS = 1_000


def compile_block(compiling: Compiling, node: Block, shape: Shape, compile_value: CompileValue) -> Read:
    """Return the reader of a value written as a block."""
    loading = compiling.loading
    if _unquoted_brace(node):
        loading.error(
            node, "brace_in_text", "a text that starts with { needs quotes", 'write it as "{field}"'
        )
        return lambda scope: None
    entries = loading.block(node, "value", "the block of a value")
    source = _source(compiling, node, entries, shape, compile_value)
    changes = tuple(
        (name, change)
        for name in loading.grammar["value"].keys
        if name in entries
        and name in _CHANGES
        and (change := _CHANGES[name](compiling, entries[name], entries))
    )
    condition = compile_condition(compiling, entries["when"].node) if "when" in entries else None
    default = entries["default"].value if "default" in entries else None
    required = _required_finding(entries) if "required" in entries and entries["required"].value else None
    _check_companions(compiling, entries)
    return _block_reader(compiling, source, changes, condition, default, required)


def _unquoted_brace(node: Block) -> bool:
    return len(node.entries) == 1 and isinstance(node.entries[0][1], Scalar) and node.entries[0][1].null


def _block_reader(
    compiling: Compiling,
    source: Read,
    changes: tuple[tuple[str, Change], ...],
    condition: Condition | None,
    default: str | None,
    required: Finding | None,
) -> Read:
    is_empty, skips = compiling.empty.is_empty, compiling.skips

    def read(scope: Scope) -> Any:
        if condition is not None and (failed := condition(scope)) is not None:
            if scope.trace is not None:
                scope.trace.dropped(scope.field, f"when: {failed}")
            return None
        value = source(scope)
        for name, change in changes:
            if value is None:
                break
            value = change(scope, value)
            if value is not SKIP and is_empty(value):
                value = None
            if scope.trace is not None:
                scope.trace.step(scope.field, name, None if value is SKIP else value)
        if value is SKIP and not skips:
            value = None
        if value is None and default is not None:
            value = default
            if scope.trace is not None:
                scope.trace.record(scope.field).defaulted = True
        if value is None and required is not None:
            scope.findings.append(required)
        return value

    return read


def _required_finding(entries: Entries) -> Finding:
    return Finding(
        "error",
        "required_value_missing",
        "a value that the mapping calls required is empty",
        "have the sender fill it, or name another field",
        position=entries["required"].position,
    )


def _check_companions(compiling: Compiling, entries: Entries) -> None:
    """Report options that say nothing alone."""
    for name, needs in (("otherwise", "lookup"),):
        if name in entries and needs not in entries:
            compiling.loading.error(
                entries[name].key, "option_alone", f"{name} says nothing without {needs}", f"add {needs}"
            )


# --- sources ---------------------------------------------------------------------------------------


def _source(
    compiling: Compiling, node: Block, entries: Entries, shape: Shape, compile_value: CompileValue
) -> Read:
    loading = compiling.loading
    named = [name for name in SOURCES if name in entries]
    if "for_each" in named and len(named) == 2:
        return _each_source(
            compiling, entries, named[0] if named[1] == "for_each" else named[1], compile_value
        )
    if len(named) > 1:
        second = entries[named[1]].key
        loading.error(
            second, "two_sources", f"{named[0]} and {named[1]} are both sources of this value", "keep one"
        )
    elif not named:
        if "remove" not in entries and "default" not in entries:
            fix = "add from, text, all, sum, count or hash_of"
            loading.error(node, "no_source", "this block does not say where its value comes from", fix)
        return lambda scope: None
    elif named == ["for_each"]:
        loading.error(
            entries["for_each"].key, "no_source", "for_each needs from or text beside it", "add from"
        )
        return lambda scope: None
    return _SOURCES[named[0]](compiling, entries[named[0]], _inner_shape(entries, shape), compile_value)


_LIST_OPTIONS = ("split", "take", "join", "limit")


def _inner_shape(entries: Entries, shape: Shape) -> Shape:
    return "many" if any(name in entries for name in _LIST_OPTIONS) else shape


def _from(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    if isinstance(entry.node, Block):
        compiling.loading.error(
            entry.node, "block_in_block", "from is a field or a list of fields", "write the field"
        )
        return lambda scope: None
    return compile_value(compiling, entry.node, shape)


def _text(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    if not isinstance(entry.node, Scalar) or entry.value is None:
        return lambda scope: None
    if "{" in entry.node.text or "}" in entry.node.text:
        return compile_template(compiling, entry.node)
    constant = entry.node.text

    def read(scope: Scope) -> str:
        if scope.trace is not None:
            scope.trace.supplied(scope.field, "the mapping's text")
        return constant

    return read


def _many(compiling: Compiling, entry: Entry, compile_value: CompileValue) -> Callable[[Scope], list[Any]]:
    """Return a reader of every value of a list of sources, lists flattened."""
    nodes = getattr(entry.node, "items", (entry.node,))
    reads = tuple(compile_value(compiling, item, "many") for item in nodes)

    def read(scope: Scope) -> list[Any]:
        values: list[Any] = []
        for one in reads:
            value = one(scope)
            values.extend(value if isinstance(value, list) else [] if value is None else [value])
        return values

    return read


def _all(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    read_many = _many(compiling, entry, compile_value)

    def read(scope: Scope) -> list[Any] | None:
        distinct = {folded(value) or repr(value): value for value in reversed(read_many(scope))}
        return list(reversed(distinct.values())) or None

    return read


def _sum(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    read_many = _many(compiling, entry, compile_value)
    example = compiling.settings.number_format
    broken = Finding(
        "warning", "sum_of_text", "a sum leaves out an entry that is no number", position=entry.position
    )

    def read(scope: Scope) -> Decimal | None:
        numbers = [read_number(value, example) for value in read_many(scope)]
        if None in numbers:
            scope.findings.append(broken)
        known = [number for number in numbers if number is not None]
        return sum(known, Decimal(0)) if known else None

    return read


def _count(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    if not isinstance(entry.node, Scalar):
        compiling.loading.error(entry.node, "wrong_shape", "count is one field", "write the list's path")
        return lambda scope: None
    compiled = compiling.path(entry.node, entry.node.text)
    if compiled is None:
        return lambda scope: None
    _, locate = compiled

    def read(scope: Scope) -> int | None:
        value = locate(scope)
        return len(value) if isinstance(value, list | dict) else None

    return read


def _hash_of(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    nodes = getattr(entry.node, "items", (entry.node,))
    reads = tuple(compile_value(compiling, item) for item in nodes)

    def read(scope: Scope) -> str | None:
        texts = [text_of(one(scope)) for one in reads]
        if any(text is None for text in texts):
            return None
        return digest_of([text for text in texts if text is not None])

    return read


def digest_of(texts: list[str]) -> str:
    """Return a fingerprint of texts; their lengths are part of it, so that `ab, c` and `a, bc` differ."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()[:32]


def _each_source(compiling: Compiling, entries: Entries, source: str, compile_value: CompileValue) -> Read:
    """Return a reader that reads one source for every entry of a list."""
    each = entries["for_each"]
    if not isinstance(each.node, Scalar) or len(compiling.base) >= 2:
        compiling.loading.error(each.key, "for_each_too_deep", "for_each is one path, at most 2 levels deep")
        return lambda scope: None
    compiled = compiling.path(each.node, each.node.text)
    if compiled is None:
        return lambda scope: None
    _, locate = compiled
    below = compiling.below(each.node.text, locate)
    inner = _SOURCES[source](below, entries[source], "one", compile_value)

    def read(scope: Scope) -> list[Any] | None:
        items = locate(scope)
        if not isinstance(items, list):
            return None
        values = (
            inner(scope.inside(item, index, f"{each.node.text}.{index}" if scope.trace else ""))
            for index, item in enumerate(items[:MAX_ITEMS])
        )
        return [value for value in values if value is not None] or None

    return read


_SOURCES: dict[str, Callable[[Compiling, Entry, Shape, CompileValue], Read]] = {
    "from": _from,
    "text": _text,
    "all": _all,
    "sum": _sum,
    "count": _count,
    "hash_of": _hash_of,
}


# --- changes ---------------------------------------------------------------------------------------


def _each_entry(change: Callable[[Scope, Any], Any]) -> Change:
    """Let a change of one value work on every entry of a list."""

    def changed(scope: Scope, value: Any) -> Any:
        if isinstance(value, list):
            return [new for entry in value if (new := change(scope, entry)) is not None] or None
        return change(scope, value)

    return changed


def _lookup(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    rows = entry.value
    if rows is None:
        return None
    table = {key.strip().casefold(): result for key, result in rows.items()}
    if len(table) < len(rows):
        compiling.loading.error(
            entry.node, "duplicate_key", "two rows of this lookup mean the same", "keep one"
        )
    otherwise = entries["otherwise"].value if "otherwise" in entries else None
    unknown = Finding(
        "error",
        "no_lookup_row",
        "a lookup has no row for what the webhook holds",
        "add the row, or say otherwise: skip, keep or a text",
        position=entry.position,
    )

    def change(scope: Scope, value: Any) -> Any:
        key = folded(value)
        found = table.get(key) if key is not None else None
        if found is not None:
            return found
        if otherwise == "keep":
            return value
        if otherwise == "skip":
            return SKIP
        if otherwise == "error":
            scope.findings.append(unknown)
            return None
        return otherwise

    return _each_entry(change) if otherwise != "skip" else change


def _split(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    separator = entry.value
    if not separator:
        return None

    def change(scope: Scope, value: Any) -> Any:
        parts: list[str] = []
        for one in value if isinstance(value, list) else [value]:
            text = text_of(one)
            parts.extend(part.strip() for part in (text or "").split(separator, MAX_PARTS))
        return [part for part in parts if part]

    return change


def _take(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    wanted = entry.value
    glue = entries["split"].value if "split" in entries else None

    def change(scope: Scope, value: Any) -> Any:
        parts = value if isinstance(value, list) else [value]
        if wanted == "rest":
            rest = parts[1:]
            return glue.join(str(part) for part in rest) if glue else rest
        at = {"first": 0, "last": len(parts) - 1}.get(wanted, wanted - 1 if isinstance(wanted, int) else 0)
        return parts[at] if 0 <= at < len(parts) else None

    return change if wanted is not None else None


def _replace(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    rows = entry.value

    def change(scope: Scope, value: Any) -> Any:
        text = text_of(value)
        if text is None:
            return value
        for old, new in rows.items():
            text = text.replace(old, new)[:65_536] if old else text
        return text

    return _each_entry(change) if rows else None


def _minor_units(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    if not entry.value:
        return None
    currency, example = compiling.currency, compiling.settings.number_format
    unknown = Finding(
        "error",
        "minor_units_without_currency",
        "an amount counts cents, but its currency is not known, so the point cannot be set",
        "map custom_data.currency, or put one under defaults",
        position=entry.position,
    )

    def change(scope: Scope, value: Any) -> Any:
        code = text_of(currency(scope)) if currency is not None else None
        digits = minor_unit_digits(code) if code else None
        if digits is None:
            scope.findings.append(unknown)
            return None
        number = read_number(value, example)
        return value if number is None else number.scaleb(-digits)

    return _each_entry(change)


def _divide_by(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    divisor: Decimal | None = entry.value
    example = compiling.settings.number_format
    if divisor is not None and not divisor:
        compiling.loading.error(entry.node, "no_number", "divide_by cannot be 0", "write another number")
    if not divisor:
        return None

    def change(scope: Scope, value: Any) -> Any:
        number = read_number(value, example)
        return value if number is None else number / divisor

    return _each_entry(change)


def _date_format(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    pattern = entry.value
    if pattern is not None and date_pattern(pattern) is None:
        fix = "write it as DD.MM.YYYY HH:mm"
        compiling.loading.error(
            entry.node, "bad_date_format", "a date format needs day, month and year once", fix
        )
    zone = entries["timezone"].value if "timezone" in entries else compiling.settings.timezone
    has_time = pattern is not None and "h" in pattern.lower()

    def change(scope: Scope, value: Any) -> Any:
        seconds = read_time(value, pattern, zone if has_time else "UTC")
        if seconds is None:
            return value
        moment = datetime.fromtimestamp(seconds, UTC)
        return moment.isoformat() if has_time else moment.date().isoformat()

    return _each_entry(change) if pattern else None


def _timezone(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    """Read a time of this zone; with a date_format beside it the zone was used there already."""
    if "date_format" in entries or entry.value is None:
        return None
    zone, pattern = entry.value, compiling.settings.date_format

    def change(scope: Scope, value: Any) -> Any:
        seconds = read_time(value, pattern, zone)
        return value if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()

    return _each_entry(change)


def _number_format(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    example = entry.value

    def change(scope: Scope, value: Any) -> Any:
        number = read_number(value, example)
        return value if number is None else number

    return _each_entry(change) if example else None


def _true_when(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    """Turn words into true and false; with one of the two lists every other value is the opposite."""
    if "true_when" in entries and entry is not entries["true_when"]:
        return None
    true = (
        matcher(entries["true_when"].value) if "true_when" in entries and entries["true_when"].value else None
    )
    false = (
        matcher(entries["false_when"].value)
        if "false_when" in entries and entries["false_when"].value
        else None
    )

    def change(scope: Scope, value: Any) -> Any:
        if true is not None and true(value):
            return True
        if false is not None and false(value):
            return False
        return None if true is not None and false is not None else true is None

    return _each_entry(change) if true or false else None


def _join(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    glue = entry.value

    def change(scope: Scope, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return glue.join(text for one in value if (text := text_of(one)))

    return change if glue is not None else None


def _limit(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    most = entry.value
    if most is None:
        return None
    return lambda scope, value: value[:most] if isinstance(value, list | str) else value


_CHANGES: dict[str, Callable[[Compiling, Entry, Entries], Change | None]] = {
    "lookup": _lookup,
    "split": _split,
    "take": _take,
    "replace": _replace,
    "minor_units": _minor_units,
    "divide_by": _divide_by,
    "date_format": _date_format,
    "timezone": _timezone,
    "number_format": _number_format,
    "true_when": _true_when,
    "false_when": _true_when,
    "join": _join,
    "limit": _limit,
}

__all__ = ["MISSING", "SKIP", "compile_block", "digest_of"]
