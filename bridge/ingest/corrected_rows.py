"""A row that was corrected and imported again takes the place of the event that its earlier form left held.

It is the same row when it means the same event (name and id, for the same dataset), or when it stands in the
same line of a file of the same name and most of its cells are unchanged: next week's file has other people.
A webhook with the same repeat key needs none of this: the outbox maps it again in place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.outbox import HeldRow, NewEvent, NewWebhook, Outbox

_Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class CorrectedRows:
    """The held events of earlier imports, by what they mean and by where their row stood."""

    by_event: Mapping[_Key, Sequence[str]]
    by_place: Mapping[str, Sequence[HeldRow]]

    @classmethod
    def of(cls, outbox: Outbox, mapping: str, file_name: str) -> CorrectedRows:
        """Look up what is held for a mapping; rows are compared with those of files of the same name."""
        by_event: dict[_Key, list[str]] = defaultdict(list)
        by_place: dict[str, list[HeldRow]] = defaultdict(list)
        for held in outbox.imports.held_rows(mapping, f"{file_name} row " if file_name else None):
            if held.event_id:
                by_event[_target(held), held.event_name, held.event_id].append(held.id)
            if held.request is not None:
                by_place[held.request_id].append(held)
        return cls(by_event, by_place)

    def replaced_by(self, webhooks: Sequence[NewWebhook]) -> tuple[tuple[str, ...], ...]:
        """Return, for the webhook of each row, the ids of the held events it takes the place of."""
        if not self.by_event and not self.by_place:
            return ()
        return tuple(self._replaced(webhook) for webhook in webhooks)

    def _replaced(self, webhook: NewWebhook) -> tuple[str, ...]:
        targets = {_target(event) for event in webhook.events}
        same_event = [
            row_id
            for event in webhook.events
            for row_id in self.by_event.get((_target(event), event.event_name, event.event_id), ())
        ]
        same_row = [
            held.id
            for held in self.by_place.get(webhook.request_id, ())
            if _target(held) in targets and _mostly_same(held, webhook)
        ]
        return tuple(dict.fromkeys(same_event + same_row))


def place_of(file_name: str, number: int) -> str:
    """Return how the row of a file is named in the outbox."""
    return f"{file_name} row {number}" if file_name else f"row {number}"


def _target(event: HeldRow | NewEvent) -> Any:
    return (event.destination, event.dataset_id, event.test_event_code)


def _mostly_same(held: HeldRow, webhook: NewWebhook) -> bool:
    """Tell whether more than half of the cells that said something still say the same."""
    if held.request is None or webhook.request is None:
        return False
    before, after = _cells(held.request.body), _cells(webhook.request.body)
    said = {name: value for name, value in before.items() if value not in {"", None}}
    unchanged = [name for name, value in said.items() if after.get(name) == value]
    return 2 * len(unchanged) > len(said)


def _cells(body: bytes) -> Mapping[str, Any]:
    try:
        row = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return {name: str(value) for name, value in row.items()} if isinstance(row, dict) else {}
