"""`capi-bridge validate`: a finished Conversions API body against Meta's schema and rules."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from bridge.coerce.dates import read_time
from bridge.errors import CannotOpen, UnreadableBody
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Finding
from bridge.validate import validate_body


@click.command()
@click.argument("file", default="-")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--now", "now_text", metavar="TIME", help="Judge times as of this moment (ISO 8601 or Unix seconds)."
)
def validate(file: str, *, as_json: bool, now_text: str | None) -> None:
    """Check the body in FILE (or standard input) as Meta would: {"data": [...], "test_event_code"?}.

    Nothing is sent. Exit code 0: Meta would take it (warnings may be printed); 1: it would be refused.
    """
    findings = validate_body(_read(file), load_meta_spec(), _moment(now_text))
    click.echo(_json(findings) if as_json else _text(findings))
    sys.exit(1 if any(finding.severity == "error" for finding in findings) else 0)


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    seconds = read_time(text)
    if seconds is None:
        raise click.BadParameter("cannot be read as a time", param_hint="--now")
    return datetime.fromtimestamp(seconds, UTC)


def _read(file: str) -> Any:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CannotOpen(f"{file}: {error.strerror}") from error
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_float=_exact)
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"{file}: not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise UnreadableBody(f"{file}:{error.lineno}:{error.colno}: no JSON: {error.msg}") from None
    except RecursionError:
        raise UnreadableBody(f"{file}: nested too deeply") from None


def _exact(text: str) -> float | Decimal:
    """Keep a number's digits where a floating-point number would lose them."""
    near = float(text)
    return near if Decimal(repr(near)) == Decimal(text) else Decimal(text)


def _json(findings: tuple[Finding, ...]) -> str:
    return json.dumps({"findings": [finding.as_json() for finding in findings]}, ensure_ascii=False, indent=2)


def _text(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return "No findings: Meta would take this body."
    return "\n".join(
        f"{finding.path}: {finding.severity}[{finding.code}] {finding.message}\n    fix: {finding.fix}"
        for finding in findings
    )
