"""A webhook that comes again while events of it are held: it is mapped again, in place of what was held."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, update

from bridge.outbox.corrections import Correction, Corrector
from bridge.outbox.ids import moment_of
from bridge.outbox.inserts import Statements, already_stored
from bridge.outbox.lanes import LaneOf
from bridge.outbox.packed import PackedWebhook
from bridge.outbox.raw_webhooks import encrypt_request
from bridge.outbox.records import Receipt, raw_id
from bridge.outbox.tables import raw_webhooks


def map_held_again(
    connection: Connection,
    run: Statements,
    lane_of: LaneOf,
    packed: Sequence[PackedWebhook],
    receipts: Sequence[Receipt],
) -> list[Receipt]:
    """Return the receipts; those of repeats whose events were held show what became of them now."""
    return [
        _again(connection, run, lane_of, webhook, receipt)
        if receipt.duplicate and any(event.status == "held" for event in receipt.events)
        else receipt
        for webhook, receipt in zip(packed, receipts, strict=True)
    ]


def _again(
    connection: Connection, run: Statements, lane_of: LaneOf, packed: PackedWebhook, receipt: Receipt
) -> Receipt:
    webhook_id = raw_id(receipt.webhook_id) or b""
    webhook = packed.webhook
    corrector = Corrector(connection, run, lane_of, moment_of(packed.id))
    corrector.correct({webhook_id: Correction(webhook.revision, webhook.events, webhook.fetch)})
    if webhook.request is not None:
        sealed = encrypt_request(webhook.request, packed.cipher, webhook_id)
        kept = update(raw_webhooks).where(raw_webhooks.c.webhook_id == webhook_id)
        connection.execute(kept.values(sealed=sealed))
    return already_stored(connection, webhook_id)._replace(duplicate=False, remapped=True)
