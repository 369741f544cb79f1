"""One field of `user_data`: its rule compiled to a function from any value to what is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from bridge.catalog import Catalog, UserDataRule
from bridge.normalize.dropping import Dropped, Known
from bridge.normalize.steps import Step, steps_of
from bridge.normalize.text import text_of

Sent = str | int
_HASHED = re.compile(r"([0-9a-fA-F]{64})((?:\.(?:AQ|Ag|Aw|BA|BQ|Bg|[A-Za-z0-9_-]{8}))?)").fullmatch
_MD5 = re.compile(r"[0-9a-fA-F]{32}").fullmatch
PASSED_THROUGH = "already hashed, passed through"


@dataclass(frozen=True, slots=True)
class Cleaner:
    """One compiled field. `clean` returns (cleaned, sent) or raises Dropped; `plain` does it without hashing."""

    rule: UserDataRule
    steps: tuple[tuple[str, Step], ...]
    clean: Callable[[Any, Known], tuple[str, Sent]]
    plain: Callable[[Any, Known], tuple[str, Sent]]


@cache
def cleaners(catalog: Catalog) -> dict[str, Cleaner]:
    """Compile every field Meta knows; once per catalog."""
    table = steps_of(catalog)
    return {
        name: _compiled(rule, tuple((step, table[step]) for step in rule.steps), catalog)
        for name, rule in catalog.user_data.items()
        if not rule.virtual
    }


def _compiled(rule: UserDataRule, named: tuple[tuple[str, Step], ...], catalog: Catalog) -> Cleaner:
    lowers = named[0][0] == "lowercase"
    steps = tuple(step for name, step in named if name not in {"lowercase", "outer_blanks"})
    plain = _plain(rule, steps, catalog)
    return Cleaner(
        rule, named, plain if rule.hashed == "no" else _hashing(rule, steps, lowers, catalog), plain
    )


def _hashing(
    rule: UserDataRule, steps: tuple[Step, ...], lowers: bool, catalog: Catalog
) -> Callable[[Any, Known], tuple[str, Sent]]:
    placeholders, refused = catalog.placeholders, catalog.placeholder_hashes
    takes_md5 = rule.hashed == "asked"  # an id of 32 hex digits is an id; an e-mail address cannot be one
    longest = 320

    def clean(value: Any, known: Known) -> tuple[str, Sent]:
        text = text_of(value)
        lowered = text.lower()
        if lowered in placeholders or text[:2] == "{{":
            raise Dropped("placeholder" if text else "empty_value")
        length = len(text)
        if length >= 32:
            if length >= 64 and (found := _HASHED(text)):
                return _passed(found[1].lower(), found[2])
            if length == 32 and not takes_md5 and _MD5(text):
                raise Dropped("md5_hash")
            if length > longest:
                raise Dropped("too_long")
        cleaned = lowered if lowers else text
        for step in steps:
            cleaned = step(cleaned, known)
        digest = sha256(cleaned.encode()).hexdigest()
        if digest in refused:
            raise Dropped("placeholder")
        return cleaned, digest

    def _passed(digest: str, token: str) -> tuple[str, Sent]:
        if digest in refused:
            raise Dropped("placeholder_hash")
        return digest + token, digest + token

    return clean


def _plain(
    rule: UserDataRule, steps: tuple[Step, ...], catalog: Catalog
) -> Callable[[Any, Known], tuple[str, Sent]]:
    placeholders = catalog.placeholders
    fits = rule.pattern.fullmatch if rule.pattern else None
    integer = rule.integer

    def clean(value: Any, known: Known) -> tuple[str, Sent]:
        cleaned = text_of(value)
        if len(cleaned) < 24 and (cleaned.lower() in placeholders or cleaned[:2] == "{{"):
            raise Dropped("placeholder" if cleaned else "empty_value")
        for step in steps:
            cleaned = step(cleaned, known)
        if fits and not fits(cleaned):
            raise Dropped("identifier_malformed")
        return cleaned, int(cleaned) if integer else cleaned

    return clean
