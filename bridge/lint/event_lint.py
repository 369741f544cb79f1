"""Finds events that Meta would reject every time, that can never happen, or that cannot be distinguished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from bridge.finding import Finding, Position, Severity
from bridge.mapping.runtime.event import CompiledEvent, MappedLine
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Webhook
from bridge.positioned_yaml import Block, Listing, Node, Scalar, one_or_more, rows_of
from bridge.recognize.recognition_tables import recognition_tables, words_of
from bridge.validate.event_rules import event_name as event_name_findings

_WORDS_OF_OTHERWISE = frozenset({"skip", "keep", "error"})
_ARRIVAL, _SAME_FOR_ALL = "$received_at", frozenset({"$index", "$source"})
_EQUAL, _UNEQUAL = frozenset({"is", "one_of"}), frozenset({"is_not", "none_of"})


def lint_events(
    mapping: CompiledMapping, spec: MetaSpec, webhooks: Sequence[Webhook] = ()
) -> Iterator[Finding]:
    """Yield what is wrong with the events of a mapping, as far as the file alone shows it.

    `webhooks` are what is known of its sender: where they say nothing of products, none can be mapped.
    """
    words = recognition_tables().product_words
    has_products = not webhooks or any(_names_products(webhook.data, words) for webhook in webhooks)
    for event in mapping.events:
        view = _View(mapping, event)
        yield from _name(view, spec)
        yield from _purchase(view)
        yield from _recommended(view, spec, has_products=has_products)
        yield from _website(view)
        yield from _identity(view, spec)
        yield from _conditions(view)
        yield from _lookups(view)
        yield from _ids_of_entries(view)
        yield from _ids_of_webhooks(view, spec)
    yield from _hidden_by_an_earlier_one(mapping)
    yield from _twins(mapping)
    if mapping.test_event_code is not None:
        node = mapping.node.get("test_event_code")
        fix = "remove the line when testing is over; Meta does not discard test events"
        message = "events of this mapping are sent as test events"
        yield Finding("warning", "test_event_code", message, fix, position=node.position if node else None)


class _View:
    """One event of a file together with its nodes: its own keys first, then those it shares."""

    def __init__(self, mapping: CompiledMapping, event: CompiledEvent) -> None:
        self.mapping = mapping
        self.event = event
        self.own = _own_block(mapping, event)
        self.fields = _fields(event)
        self.names = _event_names(self.node("event_name"))

    def node(self, key: str) -> Node | None:
        """Return the node under a key, in the event or at the top of the file."""
        return self.own.get(key) or self.mapping.node.get(key)

    def whens(self) -> list[Block]:
        """Return the `when` blocks that must all hold."""
        blocks = [
            self.mapping.node.get("when"),
            self.own.get("when") if self.own is not self.mapping.node else None,
        ]
        return [block for block in blocks if isinstance(block, Block)]

    def position(self, key: str) -> Position:
        """Return where a key is, else where the event starts."""
        for block in (self.own, self.mapping.node):
            for name, _ in block.entries:
                if name.text == key:
                    return name.position
        return self.own.position

    def finding(
        self, severity: Severity, code: str, message: str, fix: str, key: str = "event_name"
    ) -> Finding:
        """Return a finding at one key of the event."""
        return Finding(severity, code, message, fix, position=self.position(key))


def _own_block(mapping: CompiledMapping, event: CompiledEvent) -> Block:
    listed = mapping.node.get("events")
    if isinstance(listed, Listing) and len(listed.items) >= event.number:
        block = listed.items[event.number - 1]
        if isinstance(block, Block):
            return block
    return mapping.node


def _fields(event: CompiledEvent) -> frozenset[str]:
    """Return every field the event may send."""
    written = {line.field for line in event.lines if line.field not in event.removed}
    return frozenset(written | {f"{block}.{name}" if block else name for block, name, _ in event.defaults})


def _event_names(node: Node | None) -> frozenset[str]:
    """Return every name the event may have, as far as the file says it."""
    if isinstance(node, Scalar):
        return frozenset() if "{" in node.text else frozenset({node.text})
    if not isinstance(node, Block):
        return frozenset()
    rows, otherwise = node.get("lookup"), node.get("otherwise")
    names = (
        {row.text for _, row in rows.entries if isinstance(row, Scalar)} if isinstance(rows, Block) else set()
    )
    if isinstance(otherwise, Scalar) and otherwise.text not in _WORDS_OF_OTHERWISE:
        names.add(otherwise.text)
    return frozenset(names)


# --- what Meta asks of an event --------------------------------------------------------------------


def _purchase(view: _View) -> Iterator[Finding]:
    if "Purchase" not in view.names or view.event.copy is not None:
        return
    for name in ("value", "currency"):
        if f"custom_data.{name}" not in view.fields:
            where = "map it under custom_data" + (", or put it under defaults" if name == "currency" else "")
            message = f"a Purchase needs {name}; without it Meta rejects the event"
            yield view.finding("error", f"purchase_without_{name}", message, where)


def _name(view: _View, spec: MetaSpec) -> Iterator[Finding]:
    """Yield what is wrong with the names that the file gives, such as `purchase` for Purchase."""
    for name in sorted(view.names):
        for finding in event_name_findings({"event_name": name}, 0, spec):
            yield finding.at(view.position("event_name"))


def _recommended(view: _View, spec: MetaSpec, *, has_products: bool) -> Iterator[Finding]:
    """Yield what Meta's documentation asks for beyond that without which it rejects an event."""
    if view.event.copy is not None:
        return
    for name in sorted(view.names & spec.recommended.keys()):
        wanted = [key for key in spec.recommended[name] if key != "contents" or has_products]
        missing = [key for key in wanted if not _is_mapped(key, view)]
        if missing:
            message = f"a {name} should carry {', '.join(missing)}"
            fix = f"map {'it' if len(missing) == 1 else 'them'} under custom_data, if the webhook has it"
            yield view.finding("warning", "recommended_parameters", message, fix)


def _names_products(data: Any, words: frozenset[str]) -> bool:
    """Say whether a webhook may say what was bought: in a list of objects, or in a field of such a name."""
    if isinstance(data, list):
        return any(_names_products(entry, words) for entry in data)
    return isinstance(data, dict) and any(
        not words.isdisjoint(words_of(key)) or _lists_objects(value) or _names_products(value, words)
        for key, value in data.items()
    )


def _lists_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(entry, dict) for entry in value)


def _is_mapped(key: str, view: _View) -> bool:
    if key == "contents":  # for catalog ads, which follow what people do on a website or in an app
        named = {"custom_data.contents", "custom_data.content_ids"} & view.fields
        return bool(named) or view.event.action_source not in {"website", "app"}
    return f"custom_data.{key}" in view.fields


def _website(view: _View) -> Iterator[Finding]:
    if view.event.action_source != "website":
        return
    if "event_source_url" not in view.fields:
        fix = "map event_source_url, or use the action_source that is true, such as system_generated"
        message = "a website event should carry event_source_url; Meta documents it as required"
        yield view.finding("warning", "website_without_url", message, fix, "action_source")
    if "user_data.client_user_agent" not in view.fields:
        fix = "map user_agent, or use the action_source that is true, such as system_generated"
        message = "a website event should carry the visitor's user agent"
        yield view.finding("warning", "website_without_user_agent", message, fix, "action_source")
    if "event_id" not in view.fields:
        fix = "map the id that the pixel sends as eventID, such as the number of the order or the submission"
        message = "a website event without event_id counts twice where the pixel reports it, too"
        yield view.finding("warning", "website_without_event_id", message, fix, "action_source")


def _identity(view: _View, spec: MetaSpec) -> Iterator[Finding]:
    people = {name.removeprefix("user_data.") for name in view.fields if name.startswith("user_data.")}
    if people & _identifying(spec):
        return
    fix = "map an e-mail, a phone, a click id or an id of the person under user_data"
    message = "nothing in user_data identifies a person to Meta: every event would be held"
    key = "user_data" if view.node("user_data") else "event_name"
    yield view.finding("warning", "no_identity_field", message, fix, key)


def _identifying(spec: MetaSpec) -> frozenset[str]:
    """Return the fields of which one is enough to match a person, or two are together."""
    return frozenset(spec.user_data) - _TOO_BROAD


_TOO_BROAD = frozenset({"ct", "st", "zp", "country", "ge", "db", "client_user_agent", "subscription_id"})


# --- what can never happen -------------------------------------------------------------------------


def _conditions(view: _View) -> Iterator[Finding]:
    allowed: dict[str, frozenset[str]] = {}
    for key, texts, equal in _tests(view):
        before = allowed.get(key.text)
        if before is None and not equal:
            continue
        now = texts if before is None else before & texts if equal else before - texts
        allowed[key.text] = now
        if not now:
            message = f"this event can never happen: no value of {key.text} passes every condition on it"
            fix = "conditions at the top of the file and of the event must all hold; change one of them"
            yield Finding("error", "never_reached", message, fix, position=key.position)
            return


def _tests(view: _View) -> Iterator[tuple[Scalar, frozenset[str], bool]]:
    """Yield each line of `when` with the texts that it allows (True) or forbids (False)."""
    for key, node in (line for when in view.whens() for line in when.entries):
        if key.text in {"any", "not"}:
            continue
        if not isinstance(node, Block):
            yield key, _texts(node), True
        for name, below in rows_of(node):
            if name.text in _EQUAL | _UNEQUAL:
                yield key, _texts(below), name.text in _EQUAL


def _texts(node: Node) -> frozenset[str]:
    items = one_or_more(node)
    return frozenset(item.text.strip().casefold() for item in items if isinstance(item, Scalar))


def _allowed(view: _View) -> Mapping[str, frozenset[str]]:
    """Return the texts each field must be one of."""
    allowed: dict[str, frozenset[str]] = {}
    for key, texts, equal in _tests(view):
        if equal:
            allowed[key.text] = allowed.get(key.text, texts) & texts
    return allowed


def _lookups(view: _View) -> Iterator[Finding]:
    node = view.node("event_name")
    allowed = _allowed(view)
    for block in _blocks_with_lookup(view.own):
        rows, source = block.get("lookup"), block.get("from")
        passes = allowed.get(source.text) if isinstance(source, Scalar) else None
        if not isinstance(rows, Block):
            continue
        for key, _ in rows.entries:
            folded = key.text.strip().casefold()
            if not folded:
                message = "an empty text can never match: empty values are left out before the lookup"
                fix = "use otherwise or a default"
                yield Finding("error", "lookup_never_matches", message, fix, position=key.position)
            elif block is node and passes is not None and folded not in passes:
                message = f"{key.text!r} can never match: when lets only {', '.join(sorted(passes))} pass"
                fix = "remove the row, or add the text to when"
                yield Finding("error", "lookup_never_matches", message, fix, position=key.position)


def _blocks_with_lookup(node: Node) -> Iterator[Block]:
    if isinstance(node, Block):
        if isinstance(node.get("lookup"), Block):
            yield node
        for key, below in node.entries:
            if key.text not in {"tests", "events"}:
                yield from _blocks_with_lookup(below)
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _blocks_with_lookup(item)


def _hidden_by_an_earlier_one(mapping: CompiledMapping) -> Iterator[Finding]:
    if not mapping.first_only:
        return
    for event in mapping.events[:-1]:
        view = _View(mapping, event)
        if isinstance(view.own.get("when"), Block) or not isinstance(view.node("event_name"), Scalar):
            continue
        after = mapping.events[event.number]
        message = f"this event can never happen: mode is first, and line {view.own.position.line} always fits"
        fix = "give that event a when, or move it to the end"
        yield Finding("error", "never_reached", message, fix, position=_View(mapping, after).own.position)
        return


# --- what cannot be distinguished ---------------------------------------------------------------------


def _ids_of_entries(view: _View) -> Iterator[Finding]:
    if view.mapping.each is None:
        return
    line = _line(view.event, "event_id")
    if line is None or any(use.base is not None or use.text == "$index" for use in line.paths):
        return
    message = "every entry of the list gets the same event_id, so Meta counts only the first"
    fix = "put a field of the entry into it, or {$index}"
    yield Finding("error", "same_event_id", message, fix, position=line.position)


def _ids_of_webhooks(view: _View, spec: MetaSpec) -> Iterator[Finding]:
    """Yield what makes ids useless: the same one for every webhook, or another one at every delivery."""
    line = _line(view.event, "event_id")
    if line is None:
        return
    read = {use.text for use in line.paths}
    if _ARRIVAL in read:
        yield spec.rules["event_id_changes"].finding(None, line.position)
    elif read <= _SAME_FOR_ALL and not _holds_options(view.node("event_id")):
        message = "every webhook gets the same event_id, so Meta counts only the first event"
        fix = "put a field into it that differs: order-{id}; or leave event_id out"
        yield Finding("error", "same_event_id", message, fix, position=line.position)


def _holds_options(node: Node | None) -> bool:
    return isinstance(node, Block) and node.get("text") is None


def _line(event: CompiledEvent, field: str) -> MappedLine | None:
    return next((line for line in event.lines if line.field == field), None)


def _twins(mapping: CompiledMapping) -> Iterator[Finding]:
    """Yield pairs of events that can give the same name and id: Meta would count one of them."""
    if mapping.first_only:
        return
    views = [_View(mapping, event) for event in mapping.events]
    for one, other in combinations(views, 2):
        ids = [_written(view.node("event_id")) for view in (one, other)]
        if ids[0] is None or ids[0] != ids[1] or not one.names & other.names or _exclude(one, other):
            continue
        name = sorted(one.names & other.names)[0]
        message = f"the event on line {one.own.position.line} can give the same {name} with the same event_id"
        fix = "put something that differs into event_id, or let their when exclude each other"
        sure = not one.whens() and not other.whens()
        yield Finding(
            "error" if sure else "warning", "same_event_id", message, fix, position=other.position("event_id")
        )


def _exclude(one: _View, other: _View) -> bool:
    left, right = _allowed(one), _allowed(other)
    return any(not left[path] & right[path] for path in left.keys() & right.keys())


def _written(node: Node | None) -> tuple[str, ...] | None:
    """Return a value as written, for comparing."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return (node.text,)
    parts = node.items if isinstance(node, Listing) else tuple(below for _, below in node.entries)
    keys = () if isinstance(node, Listing) else tuple(key.text for key, _ in node.entries)
    return (*keys, *(text for part in parts for text in _written(part) or ()))
