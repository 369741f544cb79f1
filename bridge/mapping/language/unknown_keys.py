"""What to say about a key the block does not have: a slip, a name in the wrong place, a needless word."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bridge.finding import Finding
from bridge.mapping.language.keys import BlockGrammar, Grammar
from bridge.mapping.language.path_syntax import CLEANING_WORDS
from bridge.positioned_yaml import Scalar
from bridge.spelling import distance, ranked_by_nearness

# block -> how a sentence says where it is
_PLACES = {
    "file": "at the top of the file",
    "event": "beside event_name",
    "receive": "under receive",
    "verify": "under receive.verify",
    "sorted_form": "under receive.verify.sorted_form",
    "handshake": "under receive.handshake",
    "handshake_answer": "under receive.handshake.answer",
    "answer_hmac": "under receive.handshake.answer.json",
    "answer": "under receive.answer",
    "settings": "under settings",
    "user_data": "under user_data",
    "custom_data": "under custom_data",
    "contents": "under custom_data.contents",
    "app_data": "under app_data",
    "original_event_data": "under original_event_data",
    "consent": "under consent",
    "copy": "under copy",
    "test": "in an entry of tests",
    "with": "under with, in a test",
    "fetch_step": "in a step of fetch",
    "value": "in the block of a value",
    "test_of_field": "in a condition of when",
}
# what a step of fetch may not say: the operator does
_OF_A_SOURCE = frozenset(
    {"url", "host", "headers", "header", "basic", "auth", "authorization", "token", "rate"}
)
_CLEANED = {"value", "event", "file", "user_data", "custom_data", "contents", "settings"}


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A key that its block does not have; `present` are the names that the block holds already."""

    block: BlockGrammar
    called: str
    key: Scalar
    present: Collection[str]

    def explained(self, grammar: Grammar) -> Finding:
        """Return what is wrong and what was probably meant."""
        word = self.key.text
        if self.block.name in _CLEANED and word.lower() in CLEANING_WORDS:
            message = f"{word} is not needed: cleaning and hashing happen by themselves"
            return self._finding(
                "cleaning_happens_by_itself", message, "remove it; the destination field decides"
            )
        if self.block.name == "fetch_step" and word.lower() in _OF_A_SOURCE:
            message = f"{word!r} belongs to the source: a mapping names no host and no key"
            return self._finding("belongs_to_source", message, "set it below sources in bridge.yaml")
        head, colon, _ = word.partition(":")
        if colon and self.block.canonical(head):
            message = f"a space is missing after the colon of {head}"
            return self._finding("no_blank_after_colon", message, f"write {head}: value", head)
        near = nearest_keys(self.block, word, self.present)
        homes = list(_homes_of(grammar, self.block, word))
        if homes and not (near and _one_slip(word, near[0])):
            places = " or ".join(_PLACES[home] for home in homes[:2])
            message = f"{word} does not belong {_within(self.called)}; it belongs {places}"
            return self._finding("wrong_block", message, "move it there", _address(homes[0], word))
        if near:
            also = f" or {near[1]}" if len(near) > 1 and _equally_near(word, near) else ""
            return self._finding("unknown_key", self._message(), f"write {near[0]}{also}", near[0])
        return self._far_away(grammar)

    def _far_away(self, grammar: Grammar) -> Finding:
        elsewhere = {
            name: other for other in grammar.values() if other is not self.block for name in other.names()
        }
        near = ranked_by_nearness(self.key.text, elsewhere)
        if near:
            place = _PLACES.get(elsewhere[near[0]].name, "elsewhere")
            message = f"{self._message()}; {near[0]} exists {place}"
            return self._finding("unknown_key", message, "correct it, and move it there", near[0])
        fix = "its keys are " + ", ".join(list(self.block.names())[:12])
        if self.block.name == "custom_data":
            fix = "put a custom parameter under custom_data.properties"
        return self._finding("unknown_key", self._message(), fix)

    def _message(self) -> str:
        word = self.key.text
        return f"{self.called} has no key {word!r}" if len(word) <= 60 else f"{self.called} has no such key"

    def _finding(self, code: str, message: str, fix: str, suggestion: str | None = None) -> Finding:
        return Finding("error", code, message, fix, position=self.key.position, suggestion=suggestion)


def nearest_keys(block: BlockGrammar, word: str, present: Collection[str]) -> list[str]:
    """Return the keys of a block near to a word, those not written yet first; else those that it holds."""
    names = list(block.names())
    free = [name for name in names if block.canonical(name) not in present]
    near = [*ranked_by_nearness(word, free), *ranked_by_nearness(word, [n for n in names if n not in free])]
    return near or [name for name in free if _holds(word, name)]


def _holds(word: str, name: str) -> bool:
    """Say whether a name is among the words of a longer one: `phone` in `phone_number`."""
    return f"_{name}_" in f"_{word.casefold().replace('-', '_')}_"


def _homes_of(grammar: Grammar, block: BlockGrammar, word: str) -> Iterator[str]:
    """Yield the blocks that have this key; what an event may hold is said once, for the top of the file."""
    for name in _PLACES:
        if (
            name != block.name
            and grammar[name].canonical(word)
            and not (name == "event" and block.name != "file")
        ):
            yield name


def _address(home: str, word: str) -> str:
    """Return a key with the block it belongs to, as one would say it: `user_data.email`."""
    place = _PLACES[home]
    return f"{place.removeprefix('under ')}.{word}" if place.startswith("under ") else word


def _within(called: str) -> str:
    return "at the top of the file" if called == "the file" else f"under {called}"


def _one_slip(word: str, near: str) -> bool:
    return distance(word, near) <= 1 and len(near) > 3


def _equally_near(word: str, near: list[str]) -> bool:
    return distance(word, near[0]) == distance(word, near[1])
