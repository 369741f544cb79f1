"""`on_result`: tells an address of the operator's what became of each event, signed by Standard Webhooks.

The receiver verifies `webhook-signature` over `{webhook-id}.{webhook-timestamp}.{body}`; the id stays the
same for one result, so a repeat can be recognised. No personal data is in it.
https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime

from bridge.errors import UnknownMapping
from bridge.mapping import MappingFolder
from bridge.monitoring.notifier import Message
from bridge.outbox import EventRecord
from bridge.serialization import encode
from bridge.settings import Callback, Settings

_PREFIX = "whsec_"
_FINAL = frozenset({"sent", "refused", "expired"})


class Callbacks:
    """Knows which mapping wants its results where: the operator's word first, then the mapping's file."""

    def __init__(self, settings: Settings, mappings: MappingFolder) -> None:
        self._settings = settings
        self._mappings = mappings

    def wanted(self) -> bool:
        """Tell whether anybody wants results at all."""
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
        return Callback(in_file.url, in_file.secret.decode("utf-8", "replace")) if in_file else None

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
        signed_headers(callback, f"msg_{digest[:32]}", body, now),
    )


def signed_headers(callback: Callback, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the three headers of Standard Webhooks."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(_key(callback.secret), signed, "sha256")).decode()
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def _key(secret: str) -> bytes:
    """Return the key: what follows `whsec_` in base64, or any other text as it is."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()
