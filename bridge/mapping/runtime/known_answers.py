"""The answers of the calls that a mapping makes for one webhook, each looked up once."""

from __future__ import annotations

from typing import Any, Final

from bridge.models import AnswerLookup, Fetched, FetchRequest


class Answers:
    """The answers that one webhook's mapping may read, and what was worked out of them."""

    __slots__ = ("_found", "_known", "_lookup")

    def __init__(self, lookup: AnswerLookup) -> None:
        self._lookup: Final = lookup
        self._found: Final[dict[FetchRequest, Fetched | None]] = {}
        self._known: Final[dict[tuple[str, int], tuple[Any, Any]]] = {}

    def of(self, call: FetchRequest) -> Fetched | None:
        """Return the answer of a call, which is looked up once."""
        if call not in self._found:
            self._found[call] = self._lookup(call)
        return self._found[call]

    def known(self, what: str, about: Any) -> Any:
        """Return what was worked out about an object, None when nothing was."""
        return self._known.get((what, id(about)), (None, None))[1]

    def remember(self, what: str, about: Any, result: Any) -> Any:
        """Keep what was worked out about an object, which is kept with it: no other one gets its id."""
        self._known[what, id(about)] = (about, result)
        return result
