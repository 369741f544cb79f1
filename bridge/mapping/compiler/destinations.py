"""Where events go: destinations by name, or a lookup from what the webhook says."""

from __future__ import annotations

from bridge.mapping.compiler.context import Compiling
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.node_types import PLAIN_KINDS
from bridge.mapping.language.reader import Entry, Loading
from bridge.mapping.runtime.routing import Routing
from bridge.positioned_yaml import Block, Node, Scalar, one_or_more
from bridge.spelling import closest

DEFAULT_DESTINATIONS = ("main",)
_OTHERWISE = {"hold": False, "skip": True}


def require_default_destination(loading: Loading, node: Node) -> None:
    """Report an event without `send_to` when there is no destination of the default name."""
    known = loading.destinations
    if known is not None and not set(DEFAULT_DESTINATIONS) & set(known):
        message = "the event says no send_to, and the settings have no destination main"
        fix = f"write send_to: with one of {', '.join(sorted(known)) or 'the destinations'}"
        loading.error(node, "unknown_destination", message, fix)


def compile_destinations(compiling: Compiling, entry: Entry) -> tuple[tuple[str, ...], Routing | None]:
    """Return every destination the event may go to, and what decides among them when the webhook does."""
    if isinstance(entry.node, Block):
        return _routed(compiling, entry.node)
    loading = compiling.loading
    rule = loading.grammar["event"].keys["send_to"]
    names: tuple[str, ...] | None = loading.plain(PLAIN_KINDS["texts"], rule, entry.node, "send_to")
    nodes = one_or_more(entry.node)
    for name, node in zip(names or (), nodes, strict=False):
        require_known(loading, node, name)
    return names or DEFAULT_DESTINATIONS, None


def _routed(compiling: Compiling, node: Block) -> tuple[tuple[str, ...], Routing | None]:
    rows = node.get("lookup")
    if not isinstance(rows, Block):
        message = "send_to needs a lookup from what the webhook says to destinations"
        fix = "write send_to: {from: location.id, lookup: {abc123: acme, def456: globex}}"
        compiling.loading.error(node, "missing_key", message, fix)
        return DEFAULT_DESTINATIONS, None
    results = [below for _, below in rows.entries if isinstance(below, Scalar)]
    for below in results:
        require_known(compiling.loading, below, below.text)
    others = tuple((key, below) for key, below in node.entries if key.text != "otherwise")
    read = compile_value(compiling, Block(others, node.position))
    names = tuple(dict.fromkeys(below.text for below in results))
    return names, Routing(read, names, _skips(compiling.loading, node), node.position)


def _skips(loading: Loading, node: Block) -> bool:
    otherwise = node.get("otherwise")
    word = otherwise.text if isinstance(otherwise, Scalar) else "hold"
    if word not in _OTHERWISE:
        message = "otherwise, under send_to, is hold or skip: what fits no row is nobody's"
        loading.error(
            otherwise or node, "wrong_word", message, "write otherwise: hold", closest(word, _OTHERWISE)
        )
    return _OTHERWISE.get(word, False)


def require_known(loading: Loading, node: Node, name: str) -> None:
    """Report a destination that the settings do not have; without settings every name may be one."""
    if loading.destinations is not None and name not in loading.destinations:
        fix = "the settings have " + (", ".join(sorted(loading.destinations)) or "none")
        suggestion = closest(name, sorted(loading.destinations))
        loading.error(node, "unknown_destination", f"there is no destination {name!r}", fix, suggestion)
