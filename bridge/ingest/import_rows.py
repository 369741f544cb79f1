"""Rows out of a file, one at a time: each becomes the JSON body a sender would have posted."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from bridge.errors import CannotOpen, WrongUse
from bridge.ingest.file_encoding import UTF_8, Encoding, encoding_of
from bridge.ingest.workbook import numbered, sheet_of
from bridge.plurals import counted

_DELIMITERS = ",;\t|"
_NAMES_OF_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_BLOCK_BYTES = 1_048_576
_EXCEL_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)  # Excel's own first line


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row. `number` is its line in the file, or its row in Excel; `mistake` says why it is no body."""

    number: int
    body: bytes
    mistake: str | None = None


@dataclass(frozen=True, slots=True)
class FileReading:
    """How a file is read: its kind, and the encoding of a text file."""

    style: str
    encoding: Encoding = UTF_8

    def rows(self, stream: BinaryIO) -> Iterator[FileRow]:
        """Read row by row; the memory for a text file does not grow with its length."""
        return STYLES[self.style].rows(stream, self.encoding)

    def in_words(self, stream: BinaryIO) -> str:
        """Return how the file was understood, so that a person can see what was guessed."""
        said = STYLES[self.style].said(stream, self.encoding)
        stream.seek(0)
        return said


def reading_of(stream: BinaryIO, style: str, encoding: str | None = None) -> FileReading:
    """Return how a file is to be read. Raises WrongUse when its encoding is unknown or cannot be guessed."""
    if not STYLES[style].is_text:
        if encoding:
            raise WrongUse("an Excel file has no encoding to choose", fix="leave encoding out")
        return FileReading(style)
    return FileReading(style, encoding_of(stream, encoding))


def style_of(file: Path) -> str:
    """Return the kind of a file by its name; raise WrongUse for another one than we read."""
    style = file.suffix.lower().removeprefix(".")
    if style not in STYLES:
        raise WrongUse(
            f"{file.name}: unknown file type", fix=f"name it {', '.join(f'.{name}' for name in STYLES)}"
        )
    return style


def digest_of(file: Path) -> str:
    """Return a short name for the content of a file."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise CannotOpen(f"{file}: {error.strerror}") from error
    return digest.hexdigest()[:32]


def count_lines(file: Path) -> int:
    """Return how many lines a file has, for a progress bar."""
    with file.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(_BLOCK_BYTES), b""))


def _text(stream: BinaryIO, encoding: Encoding) -> TextIOWrapper:
    return TextIOWrapper(stream, encoding.codec, encoding.errors, newline="")


def _json_rows(stream: BinaryIO, encoding: Encoding) -> Iterator[FileRow]:
    """Each line is a body as it is: every digit of its numbers is kept. Blank lines do not count."""
    with _text(stream, encoding) as text:
        for number, line in enumerate(text, 1):
            body = line.strip().encode("utf-8", "surrogateescape")
            if body:
                yield FileRow(number, body)


def _csv_rows(stream: BinaryIO, encoding: Encoding) -> Iterator[FileRow]:
    """Each row is an object of texts under the header's names; the mapping reads numbers and dates itself.

    Rows of empty cells, which spreadsheets write below the last one (`;;;`), do not count.
    """
    with _text(stream, encoding) as text:
        delimiter, skipped = _delimiter(text)
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        header = _checked_header(next(reader, []))
        while True:
            number = skipped + reader.line_num + 1
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield FileRow(number, b"", f"not readable as CSV ({error})")
                continue
            if values is None:
                return
            if any(map(str.strip, values)):
                yield _row(number, header, values)


def _excel_rows(stream: BinaryIO, _encoding: Encoding) -> Iterator[FileRow]:
    """Each row is an object of texts under the names in the first row that is not empty."""
    rows = numbered(sheet_of(stream)[1])
    header = _named_columns(next(rows, (0, []))[1])
    for number, values in rows:
        yield _row(number, header, values[: len(header)] if not any(values[len(header) :]) else values)


def _named_columns(names: list[str]) -> list[str]:
    """Return the header without the empty cells behind it, which a sheet often has."""
    while names and not names[-1]:
        names = names[:-1]
    return _checked_header(names)


def _checked_header(names: list[str]) -> list[str]:
    header = [name.strip() for name in names]
    if len(set(header)) < len(header) or "" in header:
        raise WrongUse(
            "the first row must name every column, each differently",
            fix="give each column a name of its own in the first row",
        )
    return header


def _row(number: int, header: list[str], values: list[str]) -> FileRow:
    if len(values) > len(header):
        return FileRow(number, b"", f"{counted(len(values), 'field')}, but the header names {len(header)}")
    try:
        return FileRow(number, orjson.dumps(dict(zip(header, values, strict=False))))
    except TypeError:
        return FileRow(
            number, b"", "characters that the file's encoding does not have; save the file as UTF-8"
        )


def _delimiter(text: TextIOWrapper) -> tuple[str, int]:
    """Return what separates the columns, and how many lines said so; the text goes on at the header.

    It is whichever candidate splits the header, quotes and all, into most columns.
    """
    first = text.readline()
    if by_excel := _EXCEL_SEPARATOR.fullmatch(first):
        return by_excel[1], 1
    text.seek(0)
    return max(_DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), []))), 0


def _csv_said(stream: BinaryIO, encoding: Encoding) -> str:
    text = _text(stream, encoding)
    delimiter, _ = _delimiter(text)
    text.detach()
    return f"columns separated by {_NAMES_OF_DELIMITERS.get(delimiter, delimiter)}, read as {encoding}"


def _json_said(_stream: BinaryIO, encoding: Encoding) -> str:
    return f"one JSON object a line, read as {encoding}"


def _excel_said(stream: BinaryIO, _encoding: Encoding) -> str:
    return f"the sheet {sheet_of(stream)[0]}"


class Style(NamedTuple):
    """One kind of file: how its rows are read, and how it was understood, in words."""

    rows: Callable[[BinaryIO, Encoding], Iterator[FileRow]]
    said: Callable[[BinaryIO, Encoding], str]
    is_text: bool = True


_CSV = Style(_csv_rows, _csv_said)
_JSON = Style(_json_rows, _json_said)
_EXCEL = Style(_excel_rows, _excel_said, is_text=False)
STYLES: Mapping[str, Style] = {
    "csv": _CSV,
    "tsv": _CSV,
    "jsonl": _JSON,
    "ndjson": _JSON,
    "xlsx": _EXCEL,
    "xls": _EXCEL,
    "ods": _EXCEL,
}
