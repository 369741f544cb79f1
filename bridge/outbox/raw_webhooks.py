"""A raw webhook as one encrypted text, and back again."""

from __future__ import annotations

from datetime import datetime

import orjson
from sqlalchemy import Connection, select

from bridge.crypto import Cipher
from bridge.errors import CannotDecrypt
from bridge.models import Request
from bridge.outbox.database import dialect_insert
from bridge.outbox.tables import properties, raw_webhooks

_LENGTH_BYTES = 4
_ACCEPTED = "accepted_key"


def encrypt_request(request: Request, cipher: Cipher, webhook_id: bytes) -> bytes:
    """Encrypt a request for the row of its webhook; it decrypts for no other row."""
    head = orjson.dumps(
        {
            "method": request.method,
            "url": request.url,
            "headers": request.headers,
            "query": request.query,
            "ip": request.ip,
            "received_at": request.received_at,
        },
        default=dict,  # a mapping that is no dict
    )
    return cipher.encrypt(len(head).to_bytes(_LENGTH_BYTES, "big") + head + request.body, webhook_id)


def decrypt_request(encrypted: bytes, cipher: Cipher, webhook_id: bytes) -> Request:
    """Decrypt what `encrypt_request` made."""
    plain = cipher.decrypt(encrypted, webhook_id)
    end = _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES], "big")
    head = orjson.loads(plain[_LENGTH_BYTES:end])
    received_at = datetime.fromisoformat(head.pop("received_at"))
    return Request(**head, body=plain[end:], received_at=received_at)


def decrypt_if_possible(encrypted: bytes | None, cipher: Cipher, webhook_id: bytes) -> Request | None:
    """Return the request, or None when it is no longer kept or none of our keys decrypts it."""
    if encrypted is None:
        return None
    try:
        return decrypt_request(encrypted, cipher, webhook_id)
    except CannotDecrypt:
        return None


def oldest_and_newest(connection: Connection) -> list[bytes]:
    """Return the encrypted requests at both ends of the table: the keys of all others lie between."""
    chosen = select(raw_webhooks.c.sealed).limit(1)
    orders = (raw_webhooks.c.webhook_id.asc(), raw_webhooks.c.webhook_id.desc())
    return [row.sealed for order in orders for row in connection.execute(chosen.order_by(order))]


def accepted_key(connection: Connection) -> str | None:
    """Return the id of the key that somebody accepted although stored webhooks need another one."""
    return connection.execute(
        select(properties.c.value).where(properties.c.name == _ACCEPTED)
    ).scalar_one_or_none()


def accept_key(connection: Connection, key_id: str) -> None:
    """Remember that webhooks which need another key than this one are given up."""
    accepted = dialect_insert(connection.dialect.name)(properties).values(name=_ACCEPTED, value=key_id)
    connection.execute(accepted.on_conflict_do_update(index_elements=["name"], set_={"value": key_id}))
