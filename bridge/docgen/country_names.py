"""Makes `schemas/country_names.json`: how countries are called in many languages.

Babel has the names that people see in lists (Unicode's CLDR), pycountry the official ones (ISO 3166-1). Both
carry many megabytes of which the bridge needs one small table, so they are asked when the table is made
and not when the bridge runs.
"""

from __future__ import annotations

import gettext
import json
from collections.abc import Iterator

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.normalize.places import plain_name


def table() -> str:
    """Return every known name of a country and its ISO 3166-1 code, as JSON."""
    names: dict[str, str] = {}
    for name, code in (*displayed_names(), *_official_names()):
        for written in (name, name.partition(",")[0]):
            names.setdefault(plain_name(written), code)
    names.pop("", None)
    rows = (
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(code)}" for name, code in sorted(names.items())
    )
    return "{\n" + ",\n".join(rows) + "\n}\n"


def displayed_names() -> Iterator[tuple[str, str]]:
    """Yield the name of every country in every language as CLDR writes it, and the country's code."""
    import babel

    spec = load_meta_spec()
    codes = set(spec.countries.values())
    for language in ("en", *spec.country_languages):
        territories = babel.Locale.parse(language).territories
        yield from ((name, code.lower()) for code, name in territories.items() if code.lower() in codes)


def _official_names() -> Iterator[tuple[str, str]]:
    import pycountry

    languages = load_meta_spec().country_languages
    translations = [
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language], fallback=True)
        for language in languages
    ]
    for country in pycountry.countries:
        names = [getattr(country, kind, "") for kind in ("name", "official_name", "common_name")]
        spoken = [translation.gettext(name) for translation in translations for name in names if name]
        yield from ((name, country.alpha_2.lower()) for name in (*names, *spoken))
