"""`capi-bridge validate`: a finished Conversions API body against Meta's schema and rules."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from bridge.cli.options import json_option, moment_of
from bridge.errors import CannotOpen, UnreadableBody
from bridge.finding import Finding
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.validate import validate_body


@click.command()
@click.argument("file", default="-")
@json_option
@click.option("--now", "at", metavar="TIME", help="Check times as of this moment (ISO 8601 or Unix seconds).")
def validate(file: str, *, as_json: bool, at: str | None) -> None:
    """Check the body in FILE (or standard input) as Meta would: {"data": [...], "test_event_code"?}.

    Nothing is sent. Exit code 0: Meta would accept it (warnings may be printed); 1: Meta would reject it.
    """
    findings = validate_body(_read(file), load_meta_spec(), moment_of(at, "--now") or datetime.now(UTC))
    click.echo(_json(findings) if as_json else _text(findings))
    sys.exit(1 if any(finding.severity == "error" for finding in findings) else 0)


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
        raise UnreadableBody(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
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
        return "No findings: Meta would accept this body."
    return "\n".join(
        f"{finding.path}: {finding.severity}[{finding.code}] {finding.message}\n    fix: {finding.fix}"
        for finding in findings
    )
