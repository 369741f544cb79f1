"""The tables of `schemas/recognize.yaml` as frozen values: what a field is recognised by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from bridge.meta_spec.shipped_files import shipped_yaml

_WORD = re.compile(r"[0-9a-z]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class KnownField:
    """How one destination field is recognised. `names` maps a name to its rank, the preferred ones first."""

    destination: str
    called: str
    shape: str
    names: Mapping[str, int]
    words: frozenset[str]
    by_value: bool
    rule: str | None


@dataclass(frozen=True, slots=True)
class KnownShape:
    """A payload whose structure gives its sender away, and the shipped mapping that is for it.

    `when` holds the paths that are all there, `texts` what some of them say.
    """

    name: str
    when: tuple[str, ...]
    texts: Mapping[str, frozenset[str]]
    like: str


@dataclass(frozen=True, slots=True)
class EventWords:
    """Words in an event's own name, and the event they make it at Meta."""

    event_name: str
    action_source: str | None
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class WordLists:
    """Named sets of folded words, read as attributes of the table's own names: `ids["secret"]`."""

    sets: Mapping[str, frozenset[str]]

    def __getitem__(self, name: str) -> frozenset[str]:
        """Return the words of one list."""
        return self.sets[name]


@dataclass(frozen=True, slots=True)
class RecognitionTables:
    """All of `recognize.yaml`, names folded for comparing."""

    fields: tuple[KnownField, ...]
    shapes: tuple[KnownShape, ...]
    filler: frozenset[str]
    value_keys: frozenset[str]
    answer_keys: frozenset[str]
    label_keys: tuple[str, ...]
    other_people: frozenset[str]
    customer_words: frozenset[str]
    uncertain_people: frozenset[str]
    neutral_blocks: frozenset[str]
    wrappers: frozenset[str]
    other_subjects: frozenset[str]
    doubtful: frozenset[str]
    things: frozenset[str]
    not_the_amount: frozenset[str]
    status_words: frozenset[str]
    item_lists: frozenset[str]
    product_words: frozenset[str]
    item_fields: Mapping[str, tuple[str, ...]]
    ids: WordLists
    times: WordLists
    statuses: WordLists
    event_keys: frozenset[str]
    event_lists: frozenset[str]
    event_words: tuple[EventWords, ...]
    zones: Mapping[str, str]
    without_cents_in_practice: frozenset[str]
    phone_parts: frozenset[str]
    first_or_whole_names: frozenset[str]

    def field(self, destination: str) -> KnownField:
        """Return how one destination is recognised."""
        return next(known for known in self.fields if known.destination == destination)


@lru_cache(maxsize=8192)
def words_of(name: str) -> tuple[str, ...]:
    """Split a name into words without case and accents: `E-Mail-Adresse`, `contactEmail`, `prénom`."""
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", name.replace("ß", "ss")))
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    return tuple(_WORD.findall(letters.casefold()))


@lru_cache(maxsize=8192)
def folded(name: str) -> str:
    """Join the folded words of a name: what names are compared by."""
    return "".join(words_of(name))


def _folded_set(names: Iterable[Any]) -> frozenset[str]:
    return frozenset(folded(str(name)) for name in names)


def _known_field(destination: str, row: Mapping[str, Any]) -> KnownField:
    ranked = {folded(str(name)): rank for rank, name in reversed(list(enumerate(row["names"])))}
    return KnownField(
        destination,
        row["called"],
        row["shape"],
        ranked,
        _folded_set(row.get("words", ())),
        row.get("by_value", False),
        row.get("rule"),
    )


def _event_words(row: Mapping[str, Any]) -> EventWords:
    return EventWords(row["event"], row.get("action_source"), _folded_set(row["words"]))


def _word_lists(rows: Mapping[str, Iterable[Any]]) -> WordLists:
    return WordLists({name: _folded_set(words) for name, words in rows.items()})


def _known_shape(row: Mapping[str, Any]) -> KnownShape:
    texts = {path: frozenset(found) for path, found in row.get("is", {}).items()}
    return KnownShape(row["name"], tuple(row.get("when", ())), texts, row["like"])


@cache
def recognition_tables() -> RecognitionTables:
    """Read the tables that ship with the bridge, once."""
    raw = shipped_yaml("recognize.yaml")
    return RecognitionTables(
        fields=tuple(_known_field(name, row) for name, row in raw["fields"].items()),
        shapes=tuple(_known_shape(row) for row in raw["shapes"]),
        filler=_folded_set(raw["filler"]),
        value_keys=_folded_set(raw["value_keys"]),
        answer_keys=_folded_set(raw["answer_keys"]),
        label_keys=tuple(raw["label_keys"]),
        other_people=_folded_set(raw["other_people"]),
        customer_words=_folded_set(raw["customer_words"]),
        uncertain_people=_folded_set(raw["uncertain_people"]),
        neutral_blocks=_folded_set(raw["neutral_blocks"]),
        wrappers=_folded_set(raw["wrappers"]),
        other_subjects=_folded_set(raw["other_subjects"]),
        doubtful=_folded_set(raw["doubtful"]),
        things=_folded_set(raw["things"]),
        not_the_amount=_folded_set(raw["not_the_amount"]),
        status_words=_folded_set(raw["status_words"]),
        item_lists=_folded_set(raw["item_lists"]),
        product_words=_folded_set(raw["product_words"]),
        item_fields={key: tuple(folded(name) for name in names) for key, names in raw["item_fields"].items()},
        ids=_word_lists(raw["ids"]),
        times=_word_lists(raw["times"]),
        statuses=_word_lists(raw["statuses"]),
        event_keys=_folded_set(raw["event_keys"]),
        event_lists=_folded_set(raw["event_lists"]),
        event_words=tuple(_event_words(row) for row in raw["event_names"]),
        zones=raw["zones"],
        without_cents_in_practice=frozenset(raw["without_cents_in_practice"]),
        phone_parts=_folded_set(raw["phone_parts"]),
        first_or_whole_names=_folded_set(raw["first_or_whole_names"]),
    )
