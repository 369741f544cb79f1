"""The products of an event as one function: a list of plain objects becomes `contents`, read and cleaned."""

from __future__ import annotations

from bridge.mapping.compiler.code.quick_reads import QuickReads
from bridge.mapping.compiler.code.writer import Writer
from bridge.mapping.compiler.contents import ContentsReader
from bridge.mapping.compiler.context import MAX_ITEMS
from bridge.normalize.ordinary import short_way_of
from bridge.normalize.product_items import ITEM_READERS


def write_contents(writer: Writer, name: str, reader: ContentsReader) -> bool:
    """Write the function, and say whether there can be one; it gives None where the general way must read."""
    keys = {key for key, _, _ in reader.slots}
    if reader.condition is not None or not {"id", "quantity"} <= keys or not keys <= ITEM_READERS.keys():
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
                inner.read("value", read, key)
                with writer.block("if value is not None:"):
                    _clean(writer, key)
            name_of = writer.constants.named
            with writer.block(
                f"if {name_of('key', 'id', 'id')} not in content"
                f" or {name_of('key', 'quantity', 'quantity')} not in content:"
            ):
                writer.line("return None")
            writer.line("contents.append(content)")
            needs_root, inner.needs_root = inner.needs_root, False
            writer.insert(objects_at, inner.objects())
        if needs_root:
            writer.insert(root_at, ["root = scope.root if type(scope.root) is dict else NO_FIELDS"])
        writer.line("return contents")
    return True


def _clean(writer: Writer, key: str) -> None:
    named = writer.constants.named
    key_name, short = named("key", key, key), short_way_of(f"custom_data.contents.{key}")
    if short is None:
        writer.line(f"content[{key_name}] = item_value({key_name}, value, known)")
        return
    writer.line(f"sent = {named('short', short, key)}(value, known)")
    with writer.block("if sent is None:"):
        writer.line("return None")
    writer.line(f"content[{key_name}] = sent")
