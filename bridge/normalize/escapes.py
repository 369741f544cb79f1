"""Undoes what forms and exports wrap around contact data: HTML entities, percent-encoding, brackets, quotes.

Only names, e-mail addresses and places come here. Ids, URLs, click ids and cookies mean every character.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from bridge.meta_spec.spec import MetaSpec

_SIGNS: Final = ("&", "%", "\\", "[", "(", "{", "<", '"', "`")  # of what is undone here

_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_PERCENT: Final = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_UNICODE_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_LINE_ESCAPE: Final = re.compile(r"\\[nrt](?![a-z])")
_PAIRS: Final = {"[": "]", "(": ")", "{": "}", "<": ">", '"': '"', "'": "'", "`": "`"}


def odd_look(spec: MetaSpec) -> Callable[[str], object]:
    """Return the quick look at a text that finds nothing where nothing is escaped and no template is left."""
    return re.compile("|".join((spec.unfilled_signs.pattern, *map(re.escape, _SIGNS)))).search


def without_escapes(text: str) -> str:
    """Return the text with its escapes undone once, and without a pair of signs around the whole of it.

    Percent-encoding is UTF-8, or the Latin letters that older forms encode (`M%FCller`); `100%` stays.
    """
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "%" in text:
        text = _PERCENT.sub(lambda found: _percent_decoded(found[0]), text)
    if "\\u" in text:
        text = _UNICODE_ESCAPE.sub(lambda found: _character(found[1]), text)
    if "\\" in text:
        text = _LINE_ESCAPE.sub(" ", text)
    return _without_pair(text.strip())


def _percent_decoded(encoded: str) -> str:
    try:
        return unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        latin = unquote(encoded, encoding="cp1252", errors="replace")
        return latin if latin.isalpha() else encoded


def _character(digits: str) -> str:
    """Return the character of an escape; half of a surrogate pair is none and stays written out."""
    code = int(digits, 16)
    return f"\\u{digits}" if 0xD800 <= code <= 0xDFFF else chr(code)


def _without_pair(text: str) -> str:
    closing = _PAIRS.get(text[:1])
    if closing is None or len(text) < 2 or text[-1] != closing:
        return text
    inner = text[1:-1]
    return text if text[0] in inner or closing in inner else inner.strip()
