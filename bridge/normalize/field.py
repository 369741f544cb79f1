"""One field of `user_data`: its rule compiled to a function from any value to what is sent."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from typing import Any, Final

from bridge.coerce.emptiness import is_one_of_names
from bridge.coerce.identifiers import why_damaged
from bridge.meta_spec.spec import MetaSpec, UserDataRule
from bridge.normalize.context import CleaningContext, ValueDropped
from bridge.normalize.escapes import odd_look, without_escapes
from bridge.normalize.steps import Step, steps_of
from bridge.normalize.text import LONGEST, SHORTER_THAN_HASHES, text_of

Sent = str | int
Named = tuple[tuple[str, Step], ...]

_LONGEST_HASHED: Final = 320  # an e-mail address has at most 254 characters, and nothing else comes near
_LONGEST_COMMON: Final = 64
_MOST_CACHED: Final = 4096
_LONGEST_PLACEHOLDER: Final = 24
_LONGEST_INTEGER: Final = 19  # what 64 bits hold
_LARGEST_ID: Final = 2**64
_KEEP_PLAIN_LETTERS: Final = frozenset(
    {"name_alone", "city_alone", "compose", "drop_punctuation", "letters_only", "has_a_letter"}
)
_HASHED: Final = re.compile(r"([0-9a-fA-F]{64})((?:\.(?:AQ|Ag|Aw|BA|BQ|Bg|[A-Za-z0-9_-]{8}))?)").fullmatch
_MD5: Final = re.compile(r"[0-9a-fA-F]{32}").fullmatch
_SHA1: Final = re.compile(r"[0-9a-fA-F]{40}").fullmatch
_BASE64_OF_20_BYTES: Final = re.compile(r"[A-Za-z0-9+/_-]{27}=").fullmatch
_BASE64_OF_32_BYTES: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=").fullmatch


class Cleaner:
    """One compiled field: `clean` returns the value (cleaned, as sent), or raises ValueDropped."""

    __slots__ = ("common", "hashed", "many", "name", "placeholders", "separated", "steps", "surnames")

    def __init__(self, rule: UserDataRule, hashed: bool, steps: Named, placeholders: frozenset[str]) -> None:
        self.name: Final = rule.name
        self.common: Final = rule.common
        self.placeholders: Final = placeholders
        self.many: Final = rule.many
        self.separated: Final = rule.separated
        self.hashed: Final = hashed
        self.steps: Final = steps
        self.surnames: Final = rule.surnames

    def clean(self, value: Any, context: CleaningContext) -> tuple[str, Sent]:
        """Return the value cleaned, and as it is sent."""
        raise NotImplementedError

    def cached(self, value: Any, context: CleaningContext) -> Any:
        """Return what is sent of a value that was cleaned before, if it is kept."""
        return None

    def readable(self, text: str) -> str:
        """Return a text as the steps get it."""
        return text


@cache
def cleaners(spec: MetaSpec, hash_external_id: bool = True) -> dict[str, Cleaner]:
    """Compile every field Meta knows; once for each spec and kind of `external_id`."""
    table = steps_of(spec)
    return {
        name: _compiled(
            rule,
            rule.hashed == "yes" or (rule.hashed == "asked" and hash_external_id),
            tuple((step, table[step]) for step in _steps(rule, hash_external_id)),
            spec,
        )
        for name, rule in spec.user_data.items()
        if not rule.virtual
    }


def _steps(rule: UserDataRule, hash_external_id: bool) -> tuple[str, ...]:
    """Return the steps of a rule; an id that is not hashed must not be an e-mail address."""
    return (*rule.steps, "no_contact") if rule.hashed == "asked" and not hash_external_id else rule.steps


def _compiled(rule: UserDataRule, hashed: bool, named: Named, spec: MetaSpec) -> Cleaner:
    cleaner = _Hashing(rule, named, spec) if hashed else _PlainCleaner(rule, named, spec)
    return _Caching(rule, cleaner) if rule.common else cleaner


def _after_case_and_spaces(named: Named) -> dict[str, Step]:
    """Return the steps but those for case and outer spaces, which `clean` does first."""
    return {name: step for name, step in named if name not in {"lowercase", "outer_spaces"}}


class _Hashing(Cleaner):
    """The cleaning of a field that is hashed. An id of 32 hex digits is an id; a name cannot be one.

    This runs ten times for an ordinary event, so the usual text takes a short path: ASCII needs no
    composing, and a word of plain letters needs no step at all where only letters are kept.
    """

    __slots__ = (
        "all_steps",
        "ascii_steps",
        "escaped",
        "is_unfilled",
        "keeps_letters",
        "looks_odd",
        "lowers",
        "meaningless",
        "placeholder_hashes",
        "rejects_other_hashes",
    )

    def __init__(self, rule: UserDataRule, named: Named, spec: MetaSpec) -> None:
        super().__init__(rule, True, named, spec.placeholders - rule.real_words)
        steps = _after_case_and_spaces(named)
        self.meaningless: Final = spec.placeholders - rule.real_words - rule.real_results
        self.placeholder_hashes: Final = spec.placeholder_hashes
        self.rejects_other_hashes: Final = rule.hashed == "yes"
        self.escaped: Final = rule.escaped
        self.looks_odd: Final = odd_look(spec)
        self.is_unfilled: Final = spec.is_unfilled
        self.lowers: Final = named[0][0] == "lowercase"
        self.all_steps: Final[tuple[Step, ...]] = tuple(steps.values())
        self.ascii_steps: Final[tuple[Step, ...]] = tuple(
            [step for name, step in steps.items() if name != "compose"]
        )
        self.keeps_letters: Final = steps.keys() <= _KEEP_PLAIN_LETTERS

    def clean(self, value: Any, context: CleaningContext) -> tuple[str, Sent]:
        """Return the value cleaned, and its hash."""
        steps = self.ascii_steps
        if type(value) is str and value.isascii():
            text = value.strip()
        elif type(value) is int and 0 <= value < _LARGEST_ID:
            text = str(value)
        else:
            text, steps = text_of(value), self.all_steps
        if len(text) >= SHORTER_THAN_HASHES and (passed := self._long_text(text)):
            return passed, passed
        cleaned = text.lower()
        if not text.isalnum() and self.looks_odd(text) and cleaned not in self.placeholders:
            text = self.readable(text)
            cleaned = text.lower()
            steps = self.ascii_steps if text.isascii() else self.all_steps
        if cleaned in self.placeholders and not (context.is_person and is_one_of_names(text, self.surnames)):
            raise ValueDropped("placeholder" if cleaned else "empty_value")
        if not self.lowers:
            cleaned = text
        if steps is not self.ascii_steps or not (self.keeps_letters and cleaned.isalpha()):
            before = cleaned
            for step in steps:
                cleaned = step(cleaned, context)
            if cleaned is not before and cleaned in self.meaningless:
                raise ValueDropped("placeholder")
        digest: str = sha256(cleaned.encode()).hexdigest()
        return cleaned, digest

    def readable(self, text: str) -> str:
        """Return a text with its escapes undone; an unfilled template is dropped."""
        if text.isalnum():
            return text
        if self.is_unfilled(text):
            raise ValueDropped("placeholder")
        return without_escapes(text) if self.escaped else text

    def _long_text(self, text: str) -> str | None:
        """Look at a text as long as a hash: SHA-256 passes, other hashes and longer texts are dropped."""
        if len(text) > _LONGEST_HASHED:
            raise ValueDropped("too_long")
        found = _HASHED(text)
        if found is None:
            if self.rejects_other_hashes and (code := _other_hash(text)):
                raise ValueDropped(code)
            return None
        digest: str = found[1].lower()
        if digest in self.placeholder_hashes:
            raise ValueDropped("placeholder_hash")
        return digest + str(found[2])


class _Caching(Cleaner):
    """The same cleaning with a cache, for values that many people share: cities, countries.

    A full cache is emptied: common values are soon in it again, and no order has to be kept.
    """

    __slots__ = ("cache", "cleaner")

    def __init__(self, rule: UserDataRule, cleaner: Cleaner) -> None:
        super().__init__(rule, cleaner.hashed, cleaner.steps, cleaner.placeholders)
        self.cleaner: Final = cleaner
        self.cache: Final[dict[tuple[str, str | None], tuple[str, Sent]]] = {}

    def cached(self, value: Any, context: CleaningContext) -> Any:
        """Return what is sent of a text that was cleaned before, if it is kept."""
        if type(value) is not str:
            return None
        found = self.cache.get((value, context.country))
        return None if found is None else found[1]

    def readable(self, text: str) -> str:
        """Return a text as the steps get it."""
        return self.cleaner.readable(text)

    def clean(self, value: Any, context: CleaningContext) -> tuple[str, Sent]:
        """Return the cached result, or clean the value."""
        if type(value) is not str or len(value) >= _LONGEST_COMMON or "@" in value:
            return self.cleaner.clean(value, context)
        key = (value, context.country)
        found = self.cache.get(key)
        if found is None:
            if len(self.cache) >= _MOST_CACHED:
                self.cache.clear()
            found = self.cache[key] = self.cleaner.clean(value, CleaningContext(context.country))
        return found


class _PlainCleaner(Cleaner):
    """The cleaning of a field that is sent as it is; its last step holds the form of its pattern.

    A template or a number in scientific notation fits none of these forms, so one is looked for only where
    a step refuses the value: the reason then tells what happened.
    """

    __slots__ = ("checks", "integer")

    def __init__(self, rule: UserDataRule, named: Named, spec: MetaSpec) -> None:
        super().__init__(rule, False, named, spec.placeholders)
        self.checks: Final[tuple[Step, ...]] = tuple(_after_case_and_spaces(named).values())
        self.integer: Final = rule.integer

    def clean(self, value: Any, context: CleaningContext) -> tuple[str, Sent]:
        """Return the value cleaned, twice."""
        if type(value) is str and len(value) <= LONGEST and value.isascii():
            cleaned = value.strip()
        else:
            cleaned = text_of(value)
        if len(cleaned) < _LONGEST_PLACEHOLDER and cleaned.lower() in self.placeholders:
            raise ValueDropped("placeholder" if cleaned else "empty_value")
        try:
            for step in self.checks:
                cleaned = step(cleaned, context)
        except ValueDropped:
            if reason := why_damaged(cleaned):
                raise ValueDropped(reason) from None
            raise
        return cleaned, _whole(cleaned) if self.integer else cleaned


def _other_hash(text: str) -> str | None:
    """Name what a text is that looks like a hash and is not SHA-256 in hex, as the code of a rule."""
    if _MD5(text):
        return "md5_hash"
    if _SHA1(text):
        return "sha1_hash"
    return "base64_hash" if _BASE64_OF_32_BYTES(text) or _BASE64_OF_20_BYTES(text) else None


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise ValueDropped("digits_malformed")
    return int(digits)
