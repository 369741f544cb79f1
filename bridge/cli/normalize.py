"""`capi-bridge normalize`: how one value is cleaned and hashed, or a stream of values as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

import click

from bridge.cli.options import json_option
from bridge.errors import WrongUse
from bridge.explain.masking import mask
from bridge.normalize import Normalized, normalize_value


@click.command()
@click.argument("field", required=False)
@click.argument("value", required=False)
@click.option(
    "--country", help="Country that a phone number, state or postal code belongs to (code or name)."
)
@click.option("--reveal", is_flag=True, help="Show the cleaned value instead of its shape.")
@json_option
@click.option("--jsonl", is_flag=True, help="Read JSON lines from standard input: {field, value, country?}.")
def normalize(  # noqa: PLR0913 - one parameter for each option
    field: str | None, value: str | None, country: str | None, *, reveal: bool, as_json: bool, jsonl: bool
) -> None:
    """Show how VALUE of FIELD is cleaned and hashed.

    With --jsonl every line of standard input holds {"field", "value", "country"?}, and every line of the
    output {"field", "normalized", "sent", "dropped"}: the cleaned value, what would be sent (a hash, or the
    value itself where Meta wants no hash), and the reason why nothing is. Exit code 1: a value was dropped.
    """
    if jsonl:
        sys.exit(_stream(sys.stdin.buffer, sys.stdout, country))
    if field is None or value is None:
        raise WrongUse("normalize needs FIELD and VALUE", fix="or --jsonl with JSON lines on standard input")
    result = normalize_value(field, value, country, now=datetime.now(UTC))
    shown = result.as_json() if reveal else {**result.as_json(), "normalized": mask(result.normalized)}
    click.echo(
        json.dumps(shown, ensure_ascii=False, default=str) if as_json else _text(shown, country, reveal)
    )
    sys.exit(1 if result.dropped else 0)


def _text(shown: dict[str, Any], country: str | None, reveal: bool) -> str:
    dropped = shown["dropped"]
    if dropped:
        hint = "\n            name it: --country DE" if country is None and "no country" in dropped else ""
        return f"dropped     {dropped}{hint}"
    note = "" if reveal else "   (--reveal shows it)"
    return f"normalized  {_plain(shown['normalized'])}{note}\nsent        {_plain(shown['sent'])}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _stream(lines: Iterable[bytes], out: TextIO, country: str | None) -> int:
    """Answer line by line, so that it can stand in a pipeline; one bad line never stops the rest."""
    now = datetime.now(UTC)
    dropped = 0
    for answer in _answers(lines, country, now):
        dropped += answer["dropped"] is not None
        out.write(_line(answer))
        out.flush()
    return 1 if dropped else 0


def _answers(lines: Iterable[bytes], country: str | None, now: datetime) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.strip():
            yield _answer(line, country, now)


def _answer(line: bytes, country: str | None, now: datetime) -> dict[str, Any]:
    try:
        given = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Normalized("", None, None, "The line is not JSON.").as_json()
    field = given.get("field") if isinstance(given, dict) else None
    if not isinstance(field, str):
        return Normalized("", None, None, "The line must be an object with field and value.").as_json()
    home = given.get("country")
    return normalize_value(
        field, given.get("value"), home if isinstance(home, str) and home else country, now=now
    ).as_json()


def _line(answer: dict[str, Any]) -> str:
    text = json.dumps(answer, ensure_ascii=False, default=str)
    # A lone surrogate cannot be written as UTF-8; escaped it can.
    return (text if text.isascii() or _is_writable(text) else json.dumps(answer, default=str)) + "\n"


def _is_writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
