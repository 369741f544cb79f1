"""Texts that others wrote about our events: what could be a person's value, or a secret, is left out."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from bridge.privacy.personal_data import without_email

_LEFT_OUT: Final = "•••"
_LONGEST: Final = 500
_LONG_WORD: Final = re.compile(r"[\w+/=|-]{24,}")  # tokens and hashes
_NUMBER: Final = re.compile(r"\+?\d(?:[ ().-]?\d){5,}")  # ids and phone numbers
_QUOTED: Final = re.compile(r"""(["'“‘«])([^"'”’»]{1,200})(["'”’»])""")


def without_values(text: str, known: Collection[str]) -> str:
    """Return a text without addresses, numbers, tokens and quotations; quoted names that are `known` stay."""

    def quotation(match: re.Match[str]) -> str:
        name = match[2].rpartition(".")[2].strip("[]0123456789")
        return match[0] if name in known else f"{match[1]}{_LEFT_OUT}{match[3]}"

    shown = _QUOTED.sub(quotation, " ".join(text.split()))
    shown = _LONG_WORD.sub(_LEFT_OUT, without_email(shown))
    return _NUMBER.sub(_LEFT_OUT, shown)[:_LONGEST]
