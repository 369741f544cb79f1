"""Makes `schemas/country_names.json`: how countries are called in many languages, out of pycountry.

The library carries 20 MB of translations of which the bridge needs one small table, so it is asked
when the table is made and not when the bridge runs.
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
    for name, code in _names():
        for written in (name, name.partition(",")[0]):
            names.setdefault(plain_name(written), code)
    names.pop("", None)
    rows = (
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(code)}" for name, code in sorted(names.items())
    )
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _names() -> Iterator[tuple[str, str]]:
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
