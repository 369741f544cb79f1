"""What a person decided about being sent: the decision, the stricter of two, and where none is required."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bridge.finding import EventVerdict, Position

_STRICTNESS: Final = {"granted": 0, "unknown": 1, "denied": 2}


@dataclass(frozen=True, slots=True)
class ConsentDecision:
    """What a person decided about being sent, and where that was read: paths of the mapping, or the visit."""

    decision: Literal["granted", "denied", "unknown"]
    source: str


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """What becomes of an event whose person's decision nobody knows: `verdict`, but for countries `outside`.

    Countries are hashes, as they are sent.
    """

    outside: frozenset[str] = field(repr=False)
    verdict: EventVerdict
    position: Position

    def is_inside(self, event: Mapping[str, Any]) -> bool:
        """Say whether an event needs consent; one whose country is not known does."""
        found = (event.get("user_data") or {}).get("country") or ()
        countries = (found,) if isinstance(found, str) else found
        return not countries or not self.outside.issuperset(countries)


def stricter(one: ConsentDecision | None, other: ConsentDecision | None) -> ConsentDecision | None:
    """Return the stricter of two decisions, and where both were read; None when there is neither."""
    if one is None or other is None:
        return one or other
    decision = max(one.decision, other.decision, key=_STRICTNESS.__getitem__)
    return ConsentDecision(decision, f"{one.source}; {other.source}")
