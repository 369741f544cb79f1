"""Compiling `erase` and `hold`: the blocks for webhooks that are no events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bridge.mapping.compiler.conditions import compile_condition
from bridge.mapping.compiler.context import Compiling, Read
from bridge.mapping.compiler.destinations import DEFAULT_DESTINATIONS, compile_destinations, require_known
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.reader import Entries, Entry, value_of
from bridge.mapping.runtime.erase_requests import CompiledErase, CompiledHold, CompiledRequests
from bridge.mapping.runtime.event import MappedLine
from bridge.mapping.runtime.routing import UNDECIDED
from bridge.models import Receive
from bridge.positioned_yaml import Block, Node

_KINDS = ("email", "phone", "external_id", "order_id")
_NO_EVENT = 0  # the number of the event that lines of these blocks belong to


def compile_requests(compiling: Compiling, entries: Entries, receive: Receive) -> CompiledRequests | None:
    """Compile what a file says of webhooks that are no events; None for the many that say nothing."""
    erase, hold = entries.get("erase"), entries.get("hold")
    if erase is None and hold is None:
        return None
    if erase is not None and receive.verify.scheme == "none":
        compiling.loading.error(
            erase.key,
            "erase_unverified",
            "a mapping that erases needs verify: without it, anybody could have anybody erased",
            "write verify under receive, as the sender signs",
        )
    blocks: list[tuple[Node, Entries]] = (hold.value if hold else None) or []
    return CompiledRequests(
        erase=_erase(compiling, erase) if erase else None,
        holds=tuple(
            compiled
            for number, (node, own) in enumerate(blocks, 1)
            if (compiled := _hold(compiling, node, own, number))
        ),
        send_to=_listed_under(compiling, entries.get("send_to")),
    )


def _listed_under(compiling: Compiling, entry: Entry | None) -> tuple[str, ...]:
    """Return the destination of what is held or skipped; where the webhook decides, it is undecided."""
    if entry is None:
        return DEFAULT_DESTINATIONS
    names, routing = compile_destinations(replace(compiling, uses=[]), entry)
    return UNDECIDED if routing else names


def _erase(compiling: Compiling, entry: Entry) -> CompiledErase:
    own: Entries = entry.value or {}
    named = [kind for kind in _KINDS if kind in own]
    slipped = any(finding.suggestion in _KINDS for finding in compiling.loading.findings)
    if not named and not slipped and isinstance(entry.node, Block):
        fix = f"write at least one of {', '.join(_KINDS)} below erase"
        compiling.loading.error(entry.key, "missing_key", "erase does not say whom", fix)
    lines: list[MappedLine] = []

    def compiled(name: str, compile_node: Callable[[Compiling, Node], Any]) -> Any:
        state = replace(compiling, uses=[])
        result = compile_node(state, own[name].node)
        lines.append(_line(name if name == "when" else f"erase.{name}", own[name], state))
        return result

    condition = compiled("when", compile_condition) if "when" in own else None
    readers = tuple((kind, compiled(kind, _compile_list)) for kind in named)
    return CompiledErase(
        condition=condition,
        identifiers=readers,
        never_send="never_send" in own and bool(own["never_send"].value),
        destination=_destination(compiling, own.get("destination")),
        position=entry.position,
        lines=tuple(lines),
    )


def _compile_list(compiling: Compiling, node: Node) -> Read:
    return compile_value(compiling, node, "many")


def _line(field: str, entry: Entry, state: Compiling) -> MappedLine:
    return MappedLine(field, _NO_EVENT, entry.position, tuple(state.uses), constant=False)


def _destination(compiling: Compiling, entry: Entry | None) -> str | None:
    """Return the one destination that an erasure is for."""
    if entry is None or entry.value is None:
        return None
    name = str(entry.value)
    require_known(compiling.loading, entry.node, name)
    return name


def _hold(compiling: Compiling, node: Node, own: Entries, number: int) -> CompiledHold | None:
    if "when" not in own or "reason" not in own:
        return None  # reported already
    state = replace(compiling, uses=[])
    condition = compile_condition(state, own["when"].node)
    return CompiledHold(
        condition=condition,
        label=value_of(own, "name") or f"hold {number}",
        reason=value_of(own, "reason", ""),
        fix=value_of(own, "fix", ""),
        position=node.position,
        lines=(_line("when", own["when"], state),),
    )
