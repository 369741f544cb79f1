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
from typing import Any

from bridge.encode import encode
from bridge.notify import Message
from bridge.settings import Callback, Settings

_PREFIX = "whsec_"
_FINAL = frozenset({"sent", "refused", "expired"})


def result_messages(
    rows: Iterable[Any], fbtrace_id: str | None, settings: Settings, now: datetime
) -> list[Message]:
    """Return a message for each mapping with an `on_result` of which events came to an end."""
    by_mapping: dict[str, list[Any]] = {}
    for row in rows:
        if row.status in _FINAL and settings.hook(row.mapping).on_result:
            by_mapping.setdefault(row.mapping, []).append(row)
    return [
        _message(mapping, ended, fbtrace_id, callback, now)
        for mapping, ended in by_mapping.items()
        if (callback := settings.hook(mapping).on_result)
    ]


def _message(
    mapping: str, rows: Sequence[Any], fbtrace_id: str | None, callback: Callback, now: datetime
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
