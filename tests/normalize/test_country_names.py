"""Every country under the name that CLDR gives it in every language the bridge ships."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import babel
import pytest

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.normalize import normalize_value

SPEC = load_meta_spec()
LANGUAGES = ["en", *SPEC.country_languages]
CODES = set(SPEC.countries.values())


def names_in(language: str) -> Iterator[tuple[str, str]]:
    for code, name in babel.Locale.parse(language).territories.items():
        if code.lower() in CODES and name.lower() not in SPEC.ambiguous_countries:
            yield name, code.lower()


def without_accents(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))


def cleaned(name: str) -> str | None:
    return normalize_value("country", name).normalized


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_country_is_known_by_its_name(language):
    wrong = {name: code for name, code in names_in(language) if cleaned(name) != code}
    assert wrong == ({"Nga": "ru"} if language == "vi" else {})  # NGA is the code of Nigeria


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "written",
    [
        pytest.param(without_accents, id="without accents"),
        pytest.param(str.upper, id="in capitals"),
        pytest.param(lambda name: unicodedata.normalize("NFD", name), id="decomposed"),
        pytest.param(lambda name: f"  [{name}] ", id="in brackets"),
        pytest.param(lambda name: f"{name}.", id="with a full stop"),
        pytest.param(lambda name: name.replace("-", " "), id="with spaces for dashes"),
        pytest.param(lambda name: name.replace("&", "and"), id="with and for &"),
        pytest.param(lambda name: name.replace("’", "'"), id="with a straight apostrophe"),
    ],
)
def test_the_way_it_is_written_does_not_matter(language, written):
    names = list(names_in(language))
    short = {written(name) for name, _ in names if len(without_accents(name)) <= 3}  # may be another's code
    wrong = {written(name): code for name, code in names if cleaned(written(name)) != code}
    assert wrong.keys() <= short


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_in_brackets_behind_any_name_decides(language):
    assert [name for name, code in names_in(language) if cleaned(f"{name} ({code.upper()})") != code] == []


@pytest.mark.parametrize(("length", "country"), [(80, "de"), (81, None)])
def test_a_country_is_looked_for_in_a_text_of_up_to_80_characters(length, country):
    text = ("Germany-" * 10).ljust(length, "-")
    assert normalize_value("country", text).normalized == country
