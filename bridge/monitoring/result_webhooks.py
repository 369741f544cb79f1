"""`on_result`: posts what became of each event to a URL of the operator's, signed by Standard Webhooks.

The receiver verifies `webhook-signature` over `{webhook-id}.{webhook-timestamp}.{body}`; the id stays the
same for one result, so a repeat can be recognised. No personal data is in it.
https://www.standardwebhooks.com
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from bridge.errors import UnknownMapping
from bridge.mapping import MappingFolder
from bridge.monitoring.notifier import Message
from bridge.outbox import EventRecord
from bridge.serialization import encode
from bridge.settings import Callback, Settings
from bridge.verify import standard_webhooks

_FINAL = frozenset({"sent", "refused", "expired"})


class ResultWebhooks:
    """Knows where the results of each mapping go: by the settings first, then by the mapping's file."""

    def __init__(self, settings: Settings, mappings: MappingFolder) -> None:
        self._settings = settings
        self._mappings = mappings

    def wanted(self) -> bool:
        """Return whether any results are wanted."""
        by_file = any(mapping.on_result for mapping in self._mappings.mappings())
        return by_file or any(hook.on_result for hook in self._settings.hooks.values())

    def of(self, mapping: str) -> Callback | None:
        """Return where the results of one mapping go."""
        set_by_operator = self._settings.hook(mapping).on_result
        if set_by_operator:
            return set_by_operator
        try:
            in_file = self._mappings.get(mapping).on_result
        except UnknownMapping:
            return None
        if in_file is None:
            return None
        secret, *previous = [secret.decode("utf-8", "replace") for secret in in_file.secrets]
        return Callback(in_file.url, secret, next(iter(previous), None))

    def messages(self, rows: Iterable[EventRecord], fbtrace_id: str | None, now: datetime) -> list[Message]:
        """Return a message for each mapping that wants results and has events that came to an end."""
        by_mapping: dict[str, list[EventRecord]] = {}
        for row in rows:
            if row.status in _FINAL:
                by_mapping.setdefault(row.mapping, []).append(row)
        return [
            _message(mapping, ended, fbtrace_id, callback, now)
            for mapping, ended in by_mapping.items()
            if (callback := self.of(mapping))
        ]


def _message(
    mapping: str, rows: Sequence[EventRecord], fbtrace_id: str | None, callback: Callback, now: datetime
) -> Message:
    events = [
        {
            "id": row.id,
            "event_name": row.event_name,
            "event_id": row.event_id,
            "destination": row.destination,
            "status": row.status,
            "reason": row.reason,
            "test_event_code": row.test_event_code,
        }
        for row in rows
    ]
    data = {"mapping": mapping, "fbtrace_id": fbtrace_id, "events": events}
    body = encode({"type": "event.result", "timestamp": now.isoformat(), "data": data})
    digest = hashlib.sha256("".join(f"{row.id}:{row.status} " for row in rows).encode()).hexdigest()
    return Message(
        f"on_result of {mapping}",
        callback.url,
        body,
        standard_webhooks.sign(
            [secret.encode() for secret in callback.secrets], f"msg_{digest[:32]}", body, now
        ),
    )
