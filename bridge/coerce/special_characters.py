"""Characters no text of a webhook should hold: NUL and lone halves of surrogate pairs."""

from __future__ import annotations

import re
from typing import Any, Final

from bridge.finding import Finding

_LONE_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE: Final = re.compile(rf"(?P<kept>\\\\|{_HIGH}{_LOW})|(?P<nul>\\u0000)|{_HIGH}|{_LOW}")

_NUL_NOTE: Final = Finding(
    "warning", "nul_removed", "NUL characters were removed from the body.", "They come from the sender."
)
_SURROGATE_NOTE: Final = Finding(
    "warning",
    "broken_character",
    "The body held half of a character, which was replaced by �.",
    "The sender cuts texts in the middle of an emoji; shorten them by characters instead.",
)


def without_nul(data: Any) -> tuple[Any, tuple[Finding, ...]]:
    """Return the data without NUL characters, in keys and in values."""
    cleaned = _rewritten(data, "\0", "")
    return (data, ()) if cleaned == data else (cleaned, (_NUL_NOTE,))


def without_lone_surrogates(data: Any) -> tuple[Any, tuple[Finding, ...]]:
    """Return the data with half characters replaced, so that it can be written as UTF-8 again."""
    cleaned = _rewritten(data, _LONE_SURROGATE, "\ufffd")
    return (data, ()) if cleaned == data else (cleaned, (_SURROGATE_NOTE,))


def without_special_escapes(text: str) -> str:
    """Return a text that holds JSON without both of them; it can write them only as escapes."""
    return _ESCAPE.sub(_usable, text) if "\\u" in text else text


def _usable(escape: re.Match[str]) -> str:
    return escape["kept"] or ("" if escape["nul"] else "\ufffd")


def _rewritten(data: Any, what: str | re.Pattern[str], by: str) -> Any:
    """Rewrite every text; recursion is safe because data has passed the depth bound."""
    if isinstance(data, str):
        return data.replace(what, by) if isinstance(what, str) else what.sub(by, data)
    if isinstance(data, list):
        return [_rewritten(item, what, by) for item in data]
    if isinstance(data, dict):
        return {_rewritten(key, what, by): _rewritten(item, what, by) for key, item in data.items()}
    return data
