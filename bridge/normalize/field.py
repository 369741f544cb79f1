"""One field of `user_data`: its rule compiled to a function from any value to what is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from typing import Any

from bridge.catalog import Catalog, UserDataRule
from bridge.normalize.dropping import Dropped, Known
from bridge.normalize.steps import Step, steps_of
from bridge.normalize.text import LONGEST, text_of

Sent = str | int
Clean = Callable[[Any, Known], tuple[str, Sent]]

_LONGEST_HASHED = 320  # an e-mail address has at most 254 characters, and nothing else comes near
_LONGEST_COMMON = 64
_LONGEST_PLACEHOLDER = 24
_LARGEST_ID = 2**64
_KEEP_PLAIN_LETTERS = frozenset({"compose", "drop_punctuation", "letters_only", "has_a_letter"})
_HASHED = re.compile(r"([0-9a-fA-F]{64})((?:\.(?:AQ|Ag|Aw|BA|BQ|Bg|[A-Za-z0-9_-]{8}))?)").fullmatch
_MD5 = re.compile(r"[0-9a-fA-F]{32}").fullmatch


@dataclass(frozen=True, slots=True)
class Cleaner:
    """One compiled field: `clean` returns the value (cleaned, as sent), or raises Dropped."""

    name: str
    many: bool
    hashed: bool
    clean: Clean
    steps: tuple[tuple[str, Step], ...]


@cache
def cleaners(catalog: Catalog, hash_external_id: bool = True) -> dict[str, Cleaner]:
    """Compile every field Meta knows; once per catalog and kind of `external_id`."""
    table = steps_of(catalog)
    return {
        name: _compiled(
            rule,
            rule.hashed == "yes" or (rule.hashed == "asked" and hash_external_id),
            tuple((step, table[step]) for step in _steps(rule, hash_external_id)),
            catalog,
        )
        for name, rule in catalog.user_data.items()
        if not rule.virtual
    }


def _steps(rule: UserDataRule, hash_external_id: bool) -> tuple[str, ...]:
    """Return the steps of a rule; an id that is not hashed must not be an e-mail address."""
    return (*rule.steps, "no_contact") if rule.hashed == "asked" and not hash_external_id else rule.steps


def _compiled(
    rule: UserDataRule, hashed: bool, named: tuple[tuple[str, Step], ...], catalog: Catalog
) -> Cleaner:
    # Case and outer blanks are settled before the steps, once for all.
    steps = {name: step for name, step in named if name not in {"lowercase", "outer_blanks"}}
    if hashed:
        clean = _hashing(steps, named[0][0] == "lowercase", rule.hashed == "yes", catalog)
    else:
        clean = _plain(rule, tuple(steps.values()), catalog)
    if rule.common:
        clean = _remembering(clean)
    return Cleaner(rule.name, rule.many, hashed, clean, named)


def _hashing(steps: Mapping[str, Step], lowers: bool, refuses_md5: bool, catalog: Catalog) -> Clean:
    """Return the cleaning of a field that is hashed. An id of 32 hex digits is an id; a name cannot be one.

    This runs ten times for an ordinary event, so the usual text takes the short way: ASCII needs no
    composing, and a word of plain letters no step at all where letters are all that would be kept.
    """
    placeholders = catalog.placeholders
    long_text = _long_text(refuses_md5, catalog.placeholder_hashes)
    all_steps = tuple(steps.values())
    ascii_steps = tuple(step for name, step in steps.items() if name != "compose")
    keeps_letters = steps.keys() <= _KEEP_PLAIN_LETTERS

    def clean(value: Any, known: Known) -> tuple[str, Sent]:
        if type(value) is str and value.isascii():
            text, steps = value.strip(), ascii_steps
        elif type(value) is int and 0 <= value < _LARGEST_ID:
            text, steps = str(value), ascii_steps
        else:
            text, steps = text_of(value), all_steps
        if len(text) >= 32 and (passed := long_text(text)):
            return passed, passed
        cleaned = text.lower()
        if cleaned in placeholders or cleaned[:2] == "{{":
            raise Dropped("placeholder" if cleaned else "empty_value")
        if not lowers:
            cleaned = text
        if steps is not ascii_steps or not (keeps_letters and cleaned.isalpha()):
            for step in steps:
                cleaned = step(cleaned, known)
            if cleaned in placeholders:
                raise Dropped("placeholder")
        return cleaned, sha256(cleaned.encode()).hexdigest()

    return clean


def _remembering(clean: Clean) -> Clean:
    """Return the same cleaning with a memory, for values that many people share: cities, countries."""

    @lru_cache(maxsize=4096)
    def remembered(text: str, country: str | None) -> tuple[str, Sent]:
        return clean(text, Known(country))

    def clean_or_remember(value: Any, known: Known) -> tuple[str, Sent]:
        if type(value) is str and len(value) < _LONGEST_COMMON and "@" not in value:
            return remembered(value, known.country)
        return clean(value, known)

    return clean_or_remember


def _long_text(refuses_md5: bool, refused: frozenset[str]) -> Callable[[str], str | None]:
    """Return the look at texts of 32 characters or more: hashes pass through, monsters are dropped."""

    def long_text(text: str) -> str | None:
        if len(text) > _LONGEST_HASHED:
            raise Dropped("too_long")
        found = _HASHED(text)
        if found is None:
            if refuses_md5 and _MD5(text):
                raise Dropped("md5_hash")
            return None
        digest = found[1].lower()
        if digest in refused:
            raise Dropped("placeholder_hash")
        return digest + found[2]

    return long_text


def _plain(rule: UserDataRule, steps: tuple[Step, ...], catalog: Catalog) -> Clean:
    """Return the cleaning of a field that is sent as it is; its last step holds the form of its pattern."""
    placeholders, integer = catalog.placeholders, rule.integer

    def clean(value: Any, known: Known) -> tuple[str, Sent]:
        if type(value) is str and len(value) <= LONGEST and value.isascii():
            cleaned = value.strip()
        else:
            cleaned = text_of(value)
        if len(cleaned) < _LONGEST_PLACEHOLDER and (cleaned.lower() in placeholders or cleaned[:2] == "{{"):
            raise Dropped("placeholder" if cleaned else "empty_value")
        for step in steps:
            cleaned = step(cleaned, known)
        return cleaned, int(cleaned) if integer else cleaned

    return clean
