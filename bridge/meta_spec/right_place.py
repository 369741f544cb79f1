"""Where Meta reads a key that was found in the wrong place, or under another name: for advice alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from bridge.finding import Finding

_BLOCKS: Final = ("user_data", "app_data", "custom_data")
_OF_THE_BODY: Final = ("test_event_code", "partner_agent")
_SEPARATORS: Final = dict.fromkeys(map(ord, "_- "))
ITEMS: Final = "custom_data.contents"


def right_places(
    schema: Mapping[str, Any], user_data: Mapping[str, str], other: Mapping[str, Any]
) -> Mapping[str, str]:
    """Return where Meta reads each known name: `user_data.em` for `email`, `event_id` for `eventid`.

    `user_data` holds the accepted spellings of its keys, `other` what `other_names.yaml` says. Where two
    blocks have a key, the first one counts. Names of items begin with `custom_data.contents.`.
    """
    places: dict[str, str] = {}
    for name, place in _named(schema["properties"], user_data, other):
        places.setdefault(name, place)
    return MappingProxyType(places)


def _named(
    event: Mapping[str, Any], user_data: Mapping[str, str], other: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    yield from ((folded(key), key) for key in (*event, *_OF_THE_BODY))
    yield from ((folded(key), f"user_data.{name}") for key, name in user_data.items())
    for block in _BLOCKS:
        yield from ((folded(key), f"{block}.{key}") for key in event[block]["properties"])
    yield from ((folded(name), place) for place, names in other["names"].items() for name in names)
    items = other["items"].items()
    yield from ((f"{ITEMS}.{folded(name)}", f"{ITEMS}[].{key}") for key, names in items for name in names)


def folded(key: str) -> str:
    """Return a key as it is compared: without case, spaces, dashes and underscores."""
    return key.strip().lower().translate(_SEPARATORS)


def with_right_place(finding: Finding, key: object, places: Mapping[str, str], block: str = "") -> Finding:
    """Return a finding about a key, its fix naming where Meta reads that key, if anybody knows.

    `block` is `custom_data.contents` for a key of an item.
    """
    if not isinstance(key, str):
        return finding
    name = folded(key)
    place = places.get(f"{block}.{name}" if block else name)
    if place is None:
        return finding
    return replace(finding, fix=f"{_advice(place)}.", suggestion=place)


def place_in_words(key: str, places: Mapping[str, str]) -> str:
    """Return where a known key belongs, as a sentence about it names the place."""
    place = places[folded(key)]
    if place in _OF_THE_BODY:
        return f"the top level of the body, beside data ({place})"
    return place if "." in place else f"the top level of the event ({place})"


def _advice(place: str) -> str:
    if place in _OF_THE_BODY:
        return f"Move it to the top level of the body, beside data, as {place}"
    return f"Meta knows it as {place}{'' if '.' in place else ', at the top level of the event'}"
