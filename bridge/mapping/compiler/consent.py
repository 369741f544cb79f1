"""Consent: granted goes on, denied is suppressed, unknown is what the mapping says; limited data use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from bridge.consent_decision import ConsentDecision
from bridge.finding import EventVerdict
from bridge.mapping.compiler.conditions import Condition, compile_condition, matcher
from bridge.mapping.compiler.context import Compiling
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.reader import Entries, Entry, block_of, value_of
from bridge.mapping.runtime.scope import Scope


class ConsentOutcome(NamedTuple):
    """What follows from a decision: the event goes on when the verdict is `ready`, else `reason` says why."""

    verdict: EventVerdict
    reason: str
    decision: ConsentDecision


def denied(decision: ConsentDecision) -> ConsentOutcome:
    """Return what follows for a person who said no."""
    return ConsentOutcome("suppressed", f"consent: denied ({decision.source})", decision)


Consent = Callable[[Scope], ConsentOutcome]

_WHY_UNKNOWN: Final = ("nothing was said", "the value is neither among granted nor among denied")
_UNKNOWN: Final[dict[str, EventVerdict]] = {"hold": "held", "suppress": "suppressed", "send": "ready"}


def compile_consent(compiling: Compiling, entry: Entry | None) -> Consent | None:
    """Return what decides from the person's own choice whether the event may be sent."""
    entries = block_of(entry)
    source = entries.get("from")
    if entry is None or source is None:
        _check_alone(compiling, entry, entries)
        return None
    if "granted" not in entries:
        compiling.loading.error(
            entry.key, "missing_key", "consent needs granted", "name the values that mean yes"
        )
    before = len(compiling.uses)
    read = compile_value(compiling, source.node, "many")
    paths = ", ".join(use.text for use in compiling.uses[before:])
    granted = matcher(value_of(entries, "granted", ()))
    denied = matcher(value_of(entries, "denied", ()))
    unknown = verdict_of_unknown(entry)
    is_granted = ConsentOutcome("ready", "", ConsentDecision("granted", paths))
    is_denied = ConsentOutcome("suppressed", "consent: denied", ConsentDecision("denied", paths))
    is_unsaid, is_unclear = (
        ConsentOutcome(unknown, f"consent: {why}", ConsentDecision("unknown", paths)) for why in _WHY_UNKNOWN
    )

    def decide(scope: Scope) -> ConsentOutcome:
        if scope.trace is not None:
            scope.field = "consent"
        value = read(scope)
        values = value if isinstance(value, list) else [value]
        if any(denied(one) for one in values):
            return is_denied
        if any(granted(one) for one in values):
            return is_granted
        return is_unsaid if value is None else is_unclear

    return decide


def compile_limited_data_use(compiling: Compiling, entry: Entry | None) -> Condition | None:
    """Return the condition under which Meta is asked for limited data use."""
    entries = block_of(entry)
    limited = entries.get("limited_data_use")
    return compile_condition(compiling, limited.node) if limited else None


def verdict_of_unknown(entry: Entry | None) -> EventVerdict:
    """Return what the mapping wants for persons of whom nobody knows what they decided."""
    entries = block_of(entry)
    return _UNKNOWN[entries["unknown"].value or "hold"] if "unknown" in entries else "held"


def _check_alone(compiling: Compiling, entry: Entry | None, entries: Entries) -> None:
    names = ("granted", "denied") if "required_in" in entries else ("granted", "denied", "unknown")
    for name in names:
        if entry is not None and name in entries:
            compiling.loading.error(
                entries[name].key, "option_alone", f"{name} has no effect without from", "add from"
            )
            return
