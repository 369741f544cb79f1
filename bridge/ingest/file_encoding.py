"""Which character encoding a file is in: what its mark says, UTF-8 where it is that, else Windows-1252.

Statistics do worse: charset-normalizer 3.5 takes French and Spanish lists in Windows-1252 for Windows-1250.
A file that is none of the three is not guessed at; its owner is asked.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bridge.body.charset import known_charset
from bridge.errors import WrongUse

_BLOCK_BYTES = 1_048_576
_SAMPLE_BYTES = 4_096
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FIX = "say which it is (--encoding, or encoding= over HTTP), for example cp1250, cp1251, cp1254 or shift_jis"
_UNASSIGNED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# Four accented letters in a row, or a superscript, an inverted question mark or the like inside a word: in no
# western language, but in Cyrillic, Greek or Polish words that are read as Windows-1252.
_NOT_WESTERN = re.compile(rb"[\xc0-\xff]{4}|[A-Za-z][\xa3\xb3\xb9\xbf][A-Za-z]")
_NAMES = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}
_STRICT = {"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a file: Python's name for it, and how sure we are."""

    codec: str
    is_guessed: bool = False

    @property
    def errors(self) -> str:
        """Return how undecodable bytes are read, so that only their row suffers."""
        return "replace" if self.codec in _STRICT else "surrogateescape"

    def __str__(self) -> str:
        name = _NAMES.get(self.codec) or self.codec.upper()
        return f"{name} (it is not UTF-8)" if self.is_guessed else name


UTF_8 = Encoding("utf-8-sig")


def encoding_of(stream: BinaryIO, named: str | None = None) -> Encoding:
    """Return the encoding of a file, the one its owner named if any. Raises WrongUse."""
    if named:
        return _named(named)
    sample = stream.read(_SAMPLE_BYTES)
    stream.seek(0)
    codec = next((codec for mark, codec in _MARKS if sample.startswith(mark)), None) or _unmarked_utf_16(
        sample
    )
    if codec:
        return Encoding(codec)
    if _is_utf_8(stream):
        return UTF_8
    _require_western(stream)
    return Encoding("cp1252", is_guessed=True)


def _named(name: str) -> Encoding:
    codec = known_charset(name)
    if codec is None:
        raise WrongUse(
            "unknown encoding", fix="use one such as utf-8, cp1252, cp1250, cp1251, utf-16 or shift_jis"
        )
    return UTF_8 if codec == "utf-8" else Encoding(codec)


def _unmarked_utf_16(sample: bytes) -> str | None:
    """Return which UTF-16 a text without a mark is: half of its bytes are zero, all on the same side."""
    half = len(sample) // 2
    if half and sample[1::2].count(0) > half * 0.6:
        return "utf-16-le"
    if half and sample[::2].count(0) > half * 0.6:
        return "utf-16-be"
    return None


def _is_utf_8(stream: BinaryIO) -> bool:
    """Tell whether a file is UTF-8, or was meant to be: a few broken rows do not make it anything else."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    for block in _blocks(stream):
        text = decoder.decode(block)
        if not text.isascii():
            escaped = len(re.findall("[\udc80-\udcff]", text))
            bad += escaped
            good += len(re.findall("[^\x00-\x7f]", text)) - escaped
    return bad == 0 or good > bad


def _require_western(stream: BinaryIO) -> None:
    for block in _blocks(stream):
        if _UNASSIGNED.search(block) or _NOT_WESTERN.search(block):
            raise WrongUse("the character encoding of the file cannot be detected", fix=_FIX)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    yield from iter(lambda: stream.read(_BLOCK_BYTES), b"")
    stream.seek(0)
