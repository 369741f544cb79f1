"""The products of an event as one function: a list of plain objects becomes `contents`, read and cleaned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bridge.mapping.compiler.code.quick_reads import QuickReads
from bridge.mapping.compiler.code.writer import Writer
from bridge.mapping.compiler.contents import ContentsReader
from bridge.mapping.compiler.context import MAX_ITEMS
from bridge.mapping.runtime.scope import Reader
from bridge.normalize.product_items import ITEM_READERS

_EACH_HAS: Final = frozenset({"id", "quantity"})


def write_contents(
    writer: Writer, name: str, reader: ContentsReader, short_of: Callable[[str], str | None]
) -> bool:
    """Write the function, and say whether there can be one; it gives None where the general way must read."""
    keys = {key for key, _, _ in reader.slots}
    if reader.condition is not None or not keys >= _EACH_HAS or not keys <= ITEM_READERS.keys():
        return False
    with writer.block(f"def {name}(scope, item, known):"):
        outer = QuickReads(writer, "item", "{}(scope)")
        start = len(writer.lines)
        if not outer.list_of("items", reader.compiled):
            return False
        writer.insert(start, outer.objects())
        with writer.block(f"if type(items) is not list or not 0 < len(items) <= {MAX_ITEMS}:"):
            writer.line("return None")
        writer.line("contents = []")
        root_at = len(writer.lines)
        inner = QuickReads(writer, "one", "read_inside(scope, one, index, {})")
        with writer.block("for index, one in enumerate(items):"):
            with writer.block("if type(one) is not dict:"):
                writer.line("return None")
            objects_at = len(writer.lines)
            writer.line("content = {}")
            for key, _, read in reader.slots:
                _item_field(writer, inner, key, read, short_of(f"custom_data.contents.{key}"))
            writer.line("contents.append(content)")
            needs_root, inner.needs_root = inner.needs_root, False
            writer.insert(objects_at, inner.objects())
        if needs_root:
            writer.insert(root_at, ["root = scope.root if type(scope.root) is dict else NO_FIELDS"])
        writer.line("return contents")
    return True


def _item_field(writer: Writer, reads: QuickReads, key: str, reader: Reader, short: str | None) -> None:
    key_name, general = writer.constants.named("key", key, key), "add_item(content, {0}, {1}, known)"
    if short is None:
        writer.line(general.format(key_name, reads.generally(reader, key)))
    else:
        put = f"content[{key_name}] = sent"
        writer.by_short_way(short, *reads.quickly(reader, key), put, general, key_name)
    if key in _EACH_HAS:
        writer.line(f"if {key_name} not in content: return None")
