"""Rows out of a file, one at a time: each becomes the JSON body a sender would have posted."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

import orjson

from bridge.errors import CannotOpen, WrongUse

_DELIMITERS = ",;\t|"
_BLOCK_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row. `number` counts from 1, without the header; `mistake` says why the row is no body."""

    number: int
    body: bytes
    mistake: str | None = None


def rows_of(file: Path) -> Iterator[FileRow]:
    """Read a file row by row; memory does not grow with its length."""
    read = READERS.get(file.suffix.lower().removeprefix("."))
    if read is None:
        raise WrongUse(f"{file.name}: unknown file type", fix="name it .csv, .tsv, .jsonl or .ndjson")
    with file.open("rb") as stream:
        yield from read(stream)


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
    """Return how many lines a file has, for a progress bar: a CSV row may hold several."""
    with file.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(_BLOCK_BYTES), b""))


def _json_rows(stream: BinaryIO) -> Iterator[FileRow]:
    """Each line is a body as it is: every digit of its numbers is kept. Blank lines do not count."""
    number = 0
    for line in stream:
        body = line.removeprefix(b"\xef\xbb\xbf").strip()
        if body:
            number += 1
            yield FileRow(number, body)


def _csv_rows(stream: BinaryIO) -> Iterator[FileRow]:
    """Each row is an object of texts under the header's names; the mapping reads numbers and dates itself."""
    with TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        first = text.readline()
        text.seek(0)
        reader = csv.reader(text, delimiter=_delimiter(first), strict=True)
        header = [name.strip() for name in next(reader, [])]
        if len(set(header)) < len(header) or "" in header:
            raise WrongUse(
                "the first row must name every column, each differently",
                fix="give each column a name of its own in the first row",
            )
        number = 0
        while True:
            number += 1
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield FileRow(number, b"", f"not readable as CSV ({error})")
                continue
            if values is None:
                return
            if values:
                yield _csv_row(number, header, values)
            else:
                number -= 1  # a blank line


def _csv_row(number: int, header: list[str], values: list[str]) -> FileRow:
    if len(values) > len(header):
        return FileRow(number, b"", f"{len(values)} fields, but the header names {len(header)}")
    try:
        return FileRow(number, orjson.dumps(dict(zip(header, values, strict=False))))
    except TypeError:
        return FileRow(number, b"", "not UTF-8; save the file as UTF-8")


def _delimiter(first_line: str) -> str:
    """Return what parts the columns: whichever candidate the header has most of."""
    return max(_DELIMITERS, key=first_line.count)


READERS: Mapping[str, Callable[[BinaryIO], Iterator[FileRow]]] = {
    "csv": _csv_rows,
    "tsv": _csv_rows,
    "jsonl": _json_rows,
    "ndjson": _json_rows,
}
