"""What to say about a key the block does not have: a slip, a right name in the wrong place, or a needless word."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bridge.mapping.grammar import BlockGrammar, Grammar
from bridge.mapping.path_syntax import CLEANING_WORDS
from bridge.suggest import distance, ranked_by_nearness
from bridge.values import Finding
from bridge.yamltext import Node, Scalar

# block -> how one says where it stands
_PLACES = {
    "file": "at the top of the file",
    "event": "beside event_name",
    "receive": "under receive",
    "verify": "under receive.verify",
    "handshake": "under receive.handshake",
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
    "value": "in the block of a value",
    "test_of_field": "in a condition of when",
}
_CLEANED = {"value", "event", "file", "user_data", "custom_data", "contents", "settings"}


def explain_unknown_key(
    grammar: Grammar, block: BlockGrammar, called: str, key: Scalar, below: Node, present: Collection[str]
) -> Finding:
    """Return the finding for a key that does not belong to a block."""
    word = key.text
    if block.name in _CLEANED and word.lower() in CLEANING_WORDS:
        message = (
            f"{word} is not needed: cleaning and hashing happen by themselves, as the destination field asks"
        )
        return Finding("error", "cleaning_happens_by_itself", message, "remove it", position=key.position)
    near = nearest_keys(block, word, present)
    places = list(_places_of(grammar, block, word))
    if places and not (near and _one_slip(word, near[0])):
        message = f"{word} does not belong {_within(called)}; it belongs {' or '.join(places[:2])}"
        return Finding(
            "error", "wrong_block", message, f"move it {places[0]}", position=key.position, suggestion=word
        )
    if near:
        also = f" (or {near[1]!r})" if len(near) > 1 and _equally_near(word, near) else ""
        message = f"{called} has no key {word!r}"
        fix = f"write {near[0]}{also}"
        return Finding("error", "unknown_key", message, fix, position=key.position, suggestion=near[0])
    return _far_away(grammar, block, called, key)


def nearest_keys(block: BlockGrammar, word: str, present: Collection[str]) -> list[str]:
    """Return the keys of a block near to a word, those not written yet first."""
    names = list(block.names())
    free = [name for name in names if block.canonical(name) not in present]
    return [*ranked_by_nearness(word, free), *ranked_by_nearness(word, [n for n in names if n not in free])]


def _far_away(grammar: Grammar, block: BlockGrammar, called: str, key: Scalar) -> Finding:
    word = key.text
    elsewhere = {
        name: other.name for other in grammar.values() if other is not block for name in other.names()
    }
    near = ranked_by_nearness(word, elsewhere)
    if near:
        place = _PLACES.get(elsewhere[near[0]], "elsewhere")
        message = f"{called} has no key {word!r}; {near[0]} exists {place}"
        return Finding(
            "error", "unknown_key", message, "move and correct it", position=key.position, suggestion=near[0]
        )
    fix = "its keys are " + ", ".join(list(block.names())[:30])
    if block.name == "custom_data":
        fix = "a parameter of your own stands under custom_data.properties"
    return Finding("error", "unknown_key", f"{called} has no key {word!r}", fix, position=key.position)


def _places_of(grammar: Grammar, block: BlockGrammar, word: str) -> Iterator[str]:
    for name, place in _PLACES.items():
        if name != block.name and grammar[name].canonical(word):
            yield place


def _within(called: str) -> str:
    return "at the top of the file" if called == "the file" else f"under {called}"


def _one_slip(word: str, near: str) -> bool:
    return distance(word, near) <= 1 and len(near) > 3


def _equally_near(word: str, near: list[str]) -> bool:
    return distance(word, near[0]) == distance(word, near[1])
