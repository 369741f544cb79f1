"""Counts how often each line of a mapping found something in the webhooks that came last.

Nothing is counted while webhooks arrive. The counts are made when somebody asks, by reading the raw
webhooks that are stored anyway once more with the same compiled readers: that costs the live pipeline
nothing, is right for any number of processes and machines, and counts by the mapping as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bridge.body.parse import parse
from bridge.coerce.emptiness import is_empty
from bridge.errors import Refused
from bridge.finding import Finding
from bridge.mapping.runtime.event import MappedLine
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.models import Request, Verified, Webhook
from bridge.outbox import Outbox, Query

LOOKED_AT = 200
ENOUGH_TO_JUDGE = 20
_NOT_COUNTED = frozenset({"when"})


@dataclass(frozen=True, slots=True)
class LineCount:
    """How often one line found something in the webhooks looked at."""

    line: MappedLine
    found: int
    webhooks: int

    @property
    def is_silent(self) -> bool:
        """Say whether the line found nothing although there was enough to find it in."""
        return self.found == 0 and self.webhooks >= ENOUGH_TO_JUDGE

    def as_json(self) -> dict[str, Any]:
        """Return the count for programs."""
        where = self.line.position
        return {
            "field": self.line.field,
            "event": self.line.event,
            "paths": [use.text for use in self.line.paths],
            "found": self.found,
            "webhooks": self.webhooks,
            "silent": self.is_silent,
            "file": where.file,
            "line": where.line,
            "column": where.column,
        }


def last_webhooks(outbox: Outbox, mapping: str) -> Iterator[Request]:
    """Yield the newest raw webhooks of a mapping, at most `LOOKED_AT`.

    Several events of one webhook stand beside each other.
    """
    seen: dict[str, None] = {}
    before: str | None = None
    while len(seen) < LOOKED_AT:
        records = outbox.find(Query(mapping=mapping, limit=LOOKED_AT * 2, before=before))
        if not records:
            return
        for record in records:
            if record.webhook_id in seen or len(seen) >= LOOKED_AT:
                continue
            seen[record.webhook_id] = None
            request = outbox.raw(record.webhook_id)
            if request is not None:
                yield request
        before = records[-1].id


def line_counts(mapping: CompiledMapping, requests: Iterable[Request]) -> tuple[LineCount, ...]:
    """Count for each line that reads something how many of these webhooks it found something in.

    A line that reads what was fetched is not counted: the webhook alone does not say what it found.
    """
    lines = [line for line in mapping.lines if _reads_webhook(line) and line.field not in _NOT_COUNTED]
    found = [0] * len(lines)
    webhooks = 0
    for webhook in _readable(mapping, requests):
        webhooks += 1
        for number, line in enumerate(lines):
            found[number] += _finds(line, webhook, mapping)
    return tuple(LineCount(line, count, webhooks) for line, count in zip(lines, found, strict=True))


def _reads_webhook(line: MappedLine) -> bool:
    return bool(line.paths) and not any(use.answer for use in line.paths)


def silent_lines(mapping: CompiledMapping, requests: Iterable[Request]) -> tuple[Finding, ...]:
    """Return a finding for each line that has gone silent."""
    return tuple(
        Finding(
            "warning",
            "silent_line",
            f"{count.line.field} found nothing in the last {count.webhooks} webhooks of {mapping.name}",
            "compare the path with a webhook that came lately (dry-run --explain shows what is in it)",
            position=count.line.position,
        )
        for count in line_counts(mapping, requests)
        if count.is_silent
    )


def _readable(mapping: CompiledMapping, requests: Iterable[Request]) -> Iterator[Webhook]:
    for request in requests:
        try:
            yield parse(Verified(request), mapping.receive)
        except Refused:
            continue


def _finds(line: MappedLine, webhook: Webhook, mapping: CompiledMapping) -> bool:
    extra = mapping.settings.empty_values
    return any(
        not is_empty(value, extra) for use in line.paths for value in use.values(webhook, mapping.name)
    )
