"""From bytes to text: byte order mark, declared charset, UTF-8, and Windows-1252 as the last resort."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from bridge.finding import Finding

# Only plain character sets: Python also knows codecs such as `punycode` that are slow or no charsets at all.
_SINGLE_BYTE = {f"iso8859-{part}" for part in range(2, 17)} | {f"cp125{page}" for page in range(9)}
_MULTI_BYTE = {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}
_ASIAN = {"shift_jis", "cp932", "euc_jp", "euc_kr", "cp949", "gbk", "gb2312", "gb18030", "big5"}
_CHARSETS = _SINGLE_BYTE | _MULTI_BYTE | _ASIAN | {"koi8-r", "koi8-u", "mac-roman", "cp874"}

# What browsers do: these names mean Windows-1252 in practice.
_MEANS_WINDOWS_1252 = {"iso8859-1", "ascii", "latin-1"}

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes, declared: str | None) -> tuple[str, tuple[Finding, ...]]:
    """Return the text of a body; the note says when the character set had to be guessed."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            text = _try_decode([content], name)
            if text is not None:
                return text[0], ()
    texts, notes = decode_all([content], declared)
    return texts[0], notes


def decode_all(pieces: Sequence[bytes], declared: str | None) -> tuple[list[str], tuple[Finding, ...]]:
    """Return the texts of pieces that share one character set.

    The declared one counts first, then UTF-8, then Windows-1252, which reads any bytes; only the
    last is worth a note.
    """
    for name in (known_charset(declared), "utf-8"):
        texts = _try_decode(pieces, name) if name else None
        if texts is not None:
            return texts, ()
    return [_windows_1252(piece) for piece in pieces], (_GUESSED,)


_GUESSED = Finding(
    "warning",
    "charset_guessed",
    "The body is not in the character set it declares, nor UTF-8; it was read as Windows-1252.",
    "Have the sender use UTF-8, or name its character set in the Content-Type header.",
)


def known_charset(declared: str | None) -> str | None:
    """Return Python's name for a declared character set, None when it is unknown or no plain one."""
    if not declared:
        return None
    try:
        name = codecs.lookup(declared.strip(" \"'")).name
    except (LookupError, ValueError):
        return None
    if name in _MEANS_WINDOWS_1252:
        return "cp1252"
    return name if name in _CHARSETS else None


def _try_decode(pieces: Sequence[bytes], charset: str) -> list[str] | None:
    try:
        return [piece.decode(charset) for piece in pieces]
    except UnicodeDecodeError:
        return None


def _windows_1252(piece: bytes) -> str:
    """Decode bytes that may be anything: five of Windows-1252's codes are unassigned, Latin-1 has all."""
    try:
        return piece.decode("cp1252")
    except UnicodeDecodeError:
        return piece.decode("latin-1")
