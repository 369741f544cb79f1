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
from bridge.finding import Finding
from bridge.ingest.corrected_rows import CorrectedRows, place_of
from bridge.ingest.entries import new_webhook
from bridge.ingest.import_rows import FileReading, FileRow, digest_of
from bridge.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Event, Request, Verified
from bridge.outbox import ImportPosition, NewWebhook, Outbox, Receipt, Replacements
from bridge.pipeline import translate
from bridge.settings import Settings

_PORTION = 500
_MOST_RETRIES = 120  # so often a full outbox is asked again
_REPORTED = ("held", "unreadable")
_UNUSABLE = frozenset({"digits_lost", "placeholder"})
_COOKIES = frozenset({"fbc", "fbp"})
_IDENTITIES = {"with_email": "em", "with_phone": "ph"}


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row; `webhook` is what is to be stored, if anything.

    `broken_ids` are the fields whose id lost digits in a spreadsheet, or was never filled in.
    `made` are the events that could be built, ready or held.
    """

    row: FileRow
    outcomes: tuple[str, ...]
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    webhook: NewWebhook | None = None
    broken_ids: tuple[str, ...] = ()
    made: tuple[Event, ...] = ()

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
    """How many events became what, and how many rows met ids that identify nothing.

    `matchable` counts the events that could be built (`events`), and those of them with an e-mail address
    or a phone number. `sample` is the first row that became an event to send. `replaced` counts the held
    events of earlier imports that a corrected row took the place of.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rows_with_broken_ids: int = 0
    matchable: Counter[str] = field(default_factory=Counter)
    sample: FileRow | None = None
    replaced: int = 0

    def add(self, results: Sequence[RowResult], counts: Counter[str]) -> None:
        """Count one portion."""
        self.counts += counts
        self.rows_with_broken_ids += sum(bool(result.broken_ids) for result in results)
        self.matchable += matchable(results)
        if self.sample is None:
            self.sample = next((result.row for result in results if "waiting" in result.outcomes), None)


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
    file_name: str = ""


def dry_run(file: Path, reading: FileReading, context: ImportContext, report: Path) -> ImportSummary:
    """Translate every row without storing anything; return how many became what."""
    summary = ImportSummary()
    with file.open("rb") as stream, report.open("w", encoding="utf-8") as lines:
        for portion in portions_of(reading.rows(stream), _PORTION):
            results = [translated(row, context) for row in portion]
            _write_report(lines, results)
            summary.add(results, counted_outcomes(results))
            context.progress(portion[-1].number)
    return summary


def import_file(
    file: Path, reading: FileReading, outbox: Outbox, context: ImportContext, report: Path
) -> ImportSummary:
    """Store every row that was not stored before; return how many events became what.

    Rows that were done by an earlier, interrupted run count as `done_before`. A row that was corrected
    takes the place of the event that its earlier form left held.
    """
    import_id = f"{digest_of(file)}:{context.mapping.name}"
    done = outbox.imports.up_to(import_id)
    summary = ImportSummary(Counter({"done_before": done} if done else {}))
    corrected = CorrectedRows.of(outbox, context.mapping.name, context.file_name)
    with file.open("rb") as stream, _continued(report, done) as lines:
        rows = (row for row in reading.rows(stream) if row.number > done)
        for portion in portions_of(rows, _size_of_portion(context)):
            results = [translated(row, context) for row in portion]
            _write_report(lines, results)
            webhooks = [result.webhook for result in results if result.webhook]
            replacing = Replacements(corrected.replaced_by(webhooks), context.clock())
            position = ImportPosition(import_id, portion[-1].number, context.clock())
            receipts = _store(outbox, webhooks, position, replacing, context)
            unstored = counted_outcomes([result for result in results if result.webhook is None])
            summary.add(results, unstored + _became(receipts))
            summary.replaced += replacing.number(receipts)
            context.progress(portion[-1].number)
            if context.per_second:
                context.sleep(len(portion) / context.per_second)
    return summary


def translated(row: FileRow, context: ImportContext) -> RowResult:
    """Map one row as if it had just been posted by a verified sender."""
    if row.mistake is not None:
        return RowResult(row, ("unreadable",), row.mistake)
    mapping, request = context.mapping, request_of(row, context)
    try:
        translation = translate(Verified(request), mapping, context.spec)
    except Refused as refusal:
        return RowResult(row, ("unreadable",), refusal.message, refusal.findings)
    webhook = new_webhook(
        translation,
        request,
        context.settings,
        context.spec,
        request_id=place_of(context.file_name, row.number),
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
        made=tuple(event for event in translation.events if event.data is not None),
    )


def request_of(row: FileRow, context: ImportContext) -> Request:
    """Return a row as the request that a sender would have made of it."""
    headers = {"content-type": "application/json"}
    return Request("POST", "", headers, {}, row.body, None, context.clock())


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
    outbox: Outbox,
    webhooks: Sequence[NewWebhook],
    position: ImportPosition,
    replacing: Replacements,
    context: ImportContext,
) -> Sequence[Receipt]:
    """Store a portion; a full outbox is waited for, since a file can wait."""
    for _ in range(_MOST_RETRIES):
        with suppress(CannotStore):
            return outbox.add_all(webhooks, position, replacing)
        context.sleep(5)
    return outbox.add_all(webhooks, position, replacing)


def _became(receipts: Sequence[Receipt]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for receipt in receipts:
        counts.update(["duplicate"] if receipt.duplicate else [event.status for event in receipt.events])
    return counts


def matchable(results: Sequence[RowResult]) -> Counter[str]:
    """Count the events that could be built, and those with an e-mail address or a phone number."""
    people = [event.data.get("user_data", {}) for result in results for event in result.made if event.data]
    counted = Counter({"events": len(people)})
    for name, key in _IDENTITIES.items():
        counted[name] = sum(bool(person.get(key)) for person in people)
    return counted


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
