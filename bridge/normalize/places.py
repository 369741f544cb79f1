"""Countries and states: from names, codes and aliases to the form Meta hashes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Final

from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.context import CleaningContext, ValueDropped
from bridge.normalize.text import compose, letters_only

_SUBDIVISION: Final = re.compile(r"([a-z]{2})[-_. ]([a-z0-9]{1,3})").fullmatch
_NOT_NAME: Final = re.compile(r"[\s.,_()\-’'!?*:;\"\[\]]+")
_CODE_IN_BRACKETS: Final = re.compile(r".*[(\[]\s*([a-z]{2,3})\s*[)\]]\s*").fullmatch
_SAINT: Final = re.compile(r"\b(?:saint|sankt|san|st)\b")
# Letters that Unicode does not take apart, as people write them without their strokes.
_OTHER_LETTERS: Final = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"}
)
_STATE_PARTS: Final = re.compile(r"[,;/|()\[\]]| [-–—] ")
_INITIALS: Final = re.compile(r"[a-z](?: [a-z])+").fullmatch
_BETWEEN_PARTS: Final = re.compile(r"[/,;|_–—-]| - ")
_FLAGS: Final = re.compile("([\U0001f1e6-\U0001f1ff]{2})")
_TWO_CODES: Final = re.compile(r"([a-z]{2})[-_]([a-z]{2})").fullmatch
_FLAG: Final = {0x1F1E6 + place: ord("a") + place for place in range(26)}  # the letters of flags
_NOWHERE: Final = CleaningContext()


def country_code(text: str, spec: MetaSpec) -> str | None:
    """Return the lower-case ISO code of a country given as code, alias or name in any known language."""
    return spec.countries.get(text) or _named_country(text, spec)


def country_step(spec: MetaSpec) -> Callable[[str, CleaningContext], str]:
    """Return the cleaning step for countries."""
    codes = spec.countries

    def country(text: str, context: CleaningContext) -> str:
        code = codes.get(text) or _named_country(text, spec)
        if code is None:
            raise ValueDropped("country_unknown")
        return code

    return country


def _state_alone(text: str, table: Mapping[str, str], spec: MetaSpec) -> str | None:
    """Return the state out of `CA - California` or `Bavaria, Germany`; None where it stands alone."""
    parts = [part.strip() for part in _STATE_PARTS.split(text) if part.strip()]
    letters = [compose(letters_only(part, _NOWHERE), _NOWHERE) for part in parts]
    if codes := {table[part] for part in letters if part in table}:
        return codes.pop() if len(codes) == 1 else None
    if len(parts) > 1 and country_code(parts[-1], spec) is not None:
        return "".join(letters[:-1])
    return None


@lru_cache(maxsize=1024)
def _named_country(text: str, spec: MetaSpec) -> str | None:
    if len(text) > 80:
        return None
    text = _FLAGS.sub(r"|\1|", text).translate(_FLAG)
    return _one_country(text, spec) or _same_in_all_parts(text, spec)


def _same_in_all_parts(text: str, spec: MetaSpec) -> str | None:
    """Return the country of `DE - Germany`: each part is a name or code, and all of the same country."""
    parts = [part.strip() for part in _BETWEEN_PARTS.split(text)]
    codes = {_one_country(part, spec) for part in parts if part}
    if len(parts) > 1 and len(codes) == 1:
        return codes.pop()
    return _of_subdivision(text, spec)


def _of_subdivision(text: str, spec: MetaSpec) -> str | None:
    """Return the country of `US-TX`. `pt-BR` may be two, and `en-US` says what somebody reads."""
    found = _TWO_CODES(text)
    if found is None or found[2] in spec.countries:
        return None
    return spec.countries.get(found[1])


def _one_country(text: str, spec: MetaSpec) -> str | None:
    if text in spec.countries:
        return spec.countries[text]
    in_brackets = _CODE_IN_BRACKETS(text)
    if in_brackets and in_brackets[1] in spec.countries:
        return spec.countries[in_brackets[1]]
    name = plain_name(text)
    if name in spec.ambiguous_countries or not name:
        return None
    if _INITIALS(name):  # u.a.e.
        return spec.countries.get(name.replace(" ", ""))
    return _country_names(spec).get(name) or _folded_country_names(spec).get(_folded(name))


def plain_name(name: str) -> str:
    """Return a country's name as it is compared: lower case, spaces and punctuation as one space."""
    return _NOT_NAME.sub(" ", unicodedata.normalize("NFKC", name.lower())).strip()


@cache
def _country_names(spec: MetaSpec) -> dict[str, str]:
    """Return country names in many languages; read once, for the first name."""
    aliases = {plain_name(name): code for name, code in spec.countries.items()}
    return {**spec.country_names(), **aliases}


@cache
def _folded_country_names(spec: MetaSpec) -> dict[str, str]:
    """Return the same names without accents; one that would then mean two countries is left out."""
    codes: dict[str, set[str]] = {}
    for name, code in _country_names(spec).items():
        codes.setdefault(_folded(name), set()).add(code)
    return {name: next(iter(found)) for name, found in codes.items() if len(found) == 1}


def _folded(name: str) -> str:
    """Return a plain name without accents, with `and` for `&` and one spelling of Saint."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    words = _SAINT.sub("st", bare.translate(_OTHER_LETTERS).replace("&", " and ")).split()
    return " ".join(word for word in words if word != "the")


def city_step(spec: MetaSpec) -> Callable[[str, CleaningContext], str]:
    """Return the cleaning step for cities: a state or a country behind a comma is no part of their names."""

    def city_alone(text: str, context: CleaningContext) -> str:
        city, comma, behind = text.rpartition(",")
        while comma and city.strip() and _is_around_city(behind.strip(), spec):
            text = city
            city, comma, behind = text.rpartition(",")
        return text

    return city_alone


def _is_around_city(text: str, spec: MetaSpec) -> bool:
    letters = compose(letters_only(text, _NOWHERE), _NOWHERE)
    in_a_state = any(letters in names or letters in names.values() for names in spec.states.values())
    return in_a_state or country_code(text, spec) is not None


def state_step(spec: MetaSpec) -> Callable[[str, CleaningContext], str]:
    """Return the cleaning step for states and provinces."""
    tables = {
        country: {**names, **{code: code for code in names.values()}}
        for country, names in spec.states.items()
    }
    anywhere = {**tables["ca"], **tables["us"]}

    def state(text: str, context: CleaningContext) -> str:
        country = context.country
        subdivision = _SUBDIVISION(text)
        if subdivision and subdivision[1] in spec.countries and country in {None, subdivision[1]}:
            country, text = subdivision[1], subdivision[2]
        letters = compose(letters_only(text, _NOWHERE), _NOWHERE)
        if not letters:
            raise ValueDropped("name_without_letters")
        table = (anywhere if country is None else tables.get(country)) or {}
        return table.get(letters) or _state_alone(text, table, spec) or letters

    return state
