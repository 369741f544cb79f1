"""One import: each row is translated, stored in portions, and reported when it is held or unreadable.

It may be killed at any moment and started again: how far it has come is stored with each portion, and the
report is cut back to that. Should a row be fed twice all the same (another file, same rows), the mapping's
repeat key makes it a duplicate.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from bridge.errors import CannotStore, Refused
from bridge.ingest.entries import new_webhook
from bridge.ingest.import_rows import FileRow, digest_of, rows_of
from bridge.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Finding, Request, Verified
from bridge.outbox import ImportPosition, NewWebhook, Outbox
from bridge.pipeline import translate
from bridge.settings import Settings

_PORTION = 500
_MOST_RETRIES = 120  # so often a full outbox is asked again
_REPORTED = ("held", "unreadable")
_UNUSABLE = frozenset({"digits_lost", "placeholder"})
_COOKIES = frozenset({"fbc", "fbp"})


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row; `webhook` is what is to be stored, if anything.

    `broken_ids` are the fields whose id lost digits in a spreadsheet, or was never filled in.
    """

    row: FileRow
    outcomes: tuple[str, ...]
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    webhook: NewWebhook | None = None
    broken_ids: tuple[str, ...] = ()

    @property
    def is_reported(self) -> bool:
        """Return whether the row has a line in the report."""
        return self.outcomes[0] in _REPORTED or bool(self.broken_ids)

    def as_json(self) -> dict[str, Any]:
        """Return the line of the report. It names fields and rules, never values."""
        return {
            "row": self.row.number,
            "status": self.outcomes[0],
            "reason": self.reason,
            "broken_ids": list(self.broken_ids),
            "findings": [finding.as_json() for finding in self.findings],
        }


@dataclass(slots=True)
class ImportSummary:
    """How many events became what, and how many rows met ids that identify nothing."""

    counts: Counter[str] = field(default_factory=Counter)
    rows_with_broken_ids: int = 0

    def add(self, results: Sequence[RowResult], counts: Counter[str]) -> None:
        """Count one portion."""
        self.counts += counts
        self.rows_with_broken_ids += sum(bool(result.broken_ids) for result in results)


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What an import works with; clock and sleep are arguments as everywhere."""

    mapping: CompiledMapping
    settings: Settings
    spec: MetaSpec
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    per_second: float | None = None
    progress: Callable[[int], None] = lambda _row: None


def dry_run(file: Path, context: ImportContext, report: Path) -> ImportSummary:
    """Translate every row without storing anything; return how many became what."""
    summary = ImportSummary()
    with report.open("w", encoding="utf-8") as lines:
        for portion in portions_of(rows_of(file), _PORTION):
            results = [translated(row, context) for row in portion]
            _write_report(lines, results)
            summary.add(results, counted_outcomes(results))
            context.progress(portion[-1].number)
    return summary


def import_file(file: Path, outbox: Outbox, context: ImportContext, report: Path) -> ImportSummary:
    """Store every row that was not stored before; return how many events became what.

    Rows that were done by an earlier, interrupted run count as `done_before`.
    """
    import_id = f"{digest_of(file)}:{context.mapping.name}"
    done = outbox.imported_up_to(import_id)
    summary = ImportSummary(Counter({"done_before": done} if done else {}))
    rows = (row for row in rows_of(file) if row.number > done)
    with _continued(report, done) as lines:
        for portion in portions_of(rows, _size_of_portion(context)):
            results = [translated(row, context) for row in portion]
            _write_report(lines, results)
            stored = _store(outbox, results, _position(import_id, portion, context), context)
            unstored = counted_outcomes([result for result in results if result.webhook is None])
            summary.add(results, unstored + stored)
            context.progress(portion[-1].number)
            if context.per_second:
                context.sleep(len(portion) / context.per_second)
    return summary


def _position(import_id: str, portion: Sequence[FileRow], context: ImportContext) -> ImportPosition:
    return ImportPosition(import_id, portion[-1].number, context.clock())


def translated(row: FileRow, context: ImportContext) -> RowResult:
    """Map one row as if it had just been posted by a verified sender."""
    if row.mistake is not None:
        return RowResult(row, ("unreadable",), row.mistake)
    now, mapping = context.clock(), context.mapping
    request = Request("POST", "", {"content-type": "application/json"}, {}, row.body, None, now)
    try:
        translation = translate(Verified(request), mapping, context.spec)
    except Refused as refusal:
        return RowResult(row, ("unreadable",), refusal.message, refusal.findings)
    webhook = new_webhook(
        translation,
        request,
        context.settings,
        context.spec,
        request_id=f"row {row.number}",
        repeat_window_seconds=mapping.receive.repeat_window_seconds,
    )
    held = next((event for event in webhook.events if event.status == "held"), None)
    broken = dict(_broken_ids(webhook))
    order = sorted((event.status for event in webhook.events), key=lambda status: status != "held")
    return RowResult(
        row=row,
        outcomes=tuple(order) or ("skipped",),
        reason=held.reason if held else None,
        findings=held.findings if held else tuple(broken.values()),
        webhook=webhook,
        broken_ids=tuple(broken),
    )


def _broken_ids(webhook: NewWebhook) -> Iterator[tuple[str, Finding]]:
    """Yield each field whose id lost digits or was never filled in, with the finding about it."""
    for event in webhook.events:
        for finding in event.findings:
            if finding.code == "repeat_key_unusable":
                yield "repeat_key", finding
            elif finding.code in _UNUSABLE and _is_id(finding.path or ""):
                yield (finding.path or "").removeprefix("$."), finding


def _is_id(path: str) -> bool:
    """Say whether a path (`$.custom_data.content_ids[2]`) leads to an id, or to a cookie that is one."""
    name = path.rpartition(".")[2].partition("[")[0]
    return name.endswith(("id", "ids")) or name in _COOKIES


def _store(
    outbox: Outbox, results: Sequence[RowResult], position: ImportPosition, context: ImportContext
) -> Counter[str]:
    """Store a portion; a full outbox is waited for, since a file can wait."""
    webhooks = [result.webhook for result in results if result.webhook]
    for _ in range(_MOST_RETRIES):
        with suppress(CannotStore):
            return _received(outbox, webhooks, position)
        context.sleep(5)
    return _received(outbox, webhooks, position)


def _received(outbox: Outbox, webhooks: Sequence[NewWebhook], position: ImportPosition) -> Counter[str]:
    counts: Counter[str] = Counter()
    for receipt in outbox.add_all(webhooks, position):
        counts.update(["duplicate"] if receipt.duplicate else [event.status for event in receipt.events])
    return counts


def counted_outcomes(results: Sequence[RowResult]) -> Counter[str]:
    """Count what rows became."""
    return Counter(outcome for result in results for outcome in result.outcomes)


def _write_report(lines: IO[str], results: Sequence[RowResult]) -> None:
    """Write the lines before the portion is stored: a kill in between leaves too many, never too few."""
    lines.write(report_of(results))
    lines.flush()


def report_of(results: Sequence[RowResult]) -> str:
    """Return the lines of the report: one for each row that was held, cannot be read or has a broken id."""
    reported = (result.as_json() for result in results if result.is_reported)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in reported)


def _continued(report: Path, done: int) -> IO[str]:
    """Open the report to go on behind the rows that are done with."""
    kept = []
    if done and report.exists():
        lines = report.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["row"] <= done]
    stream = report.open("w", encoding="utf-8")
    stream.writelines(kept)
    stream.flush()
    return stream


def _size_of_portion(context: ImportContext) -> int:
    """Return how many rows are stored at once: a second's worth when the rate is bounded."""
    return max(1, min(_PORTION, int(context.per_second or _PORTION)))


def portions_of(rows: Iterator[FileRow], size: int) -> Iterator[list[FileRow]]:
    """Cut rows into lists of a size."""
    portion: list[FileRow] = []
    for row in rows:
        portion.append(row)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion
