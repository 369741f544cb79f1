"""The outbox: webhooks and events on disk before anybody is answered, and all that becomes of them.

The only place that knows a database. `open_outbox` gives the one object the rest of the bridge speaks to.
"""

from __future__ import annotations

from bridge.crypto import Cipher
from bridge.failpoints import Failpoint, no_failpoint
from bridge.outbox.admin_actions import HeldEvent, HeldWebhook
from bridge.outbox.backpressure import UNBOUNDED, Bounds
from bridge.outbox.claims import Claim, ClaimedEvent
from bridge.outbox.copy import copy
from bridge.outbox.corrections import Correction, ReplayPage
from bridge.outbox.database import Database
from bridge.outbox.erasure import Person, Traces
from bridge.outbox.erasures import ErasureReceipt, ErasureRequest, erasures_as_json
from bridge.outbox.import_positions import HeldRow, ImportPosition, Replacements
from bridge.outbox.job_queue import Job, JobStep
from bridge.outbox.lanes import Lane
from bridge.outbox.migrate import upgrade
from bridge.outbox.packed import Packed
from bridge.outbox.pauses import Pause
from bridge.outbox.records import (
    STATUSES,
    Attempt,
    Depth,
    EventDetail,
    EventRecord,
    NewEvent,
    NewJob,
    NewVisit,
    NewWebhook,
    Query,
    Receipt,
    StoredEvent,
)
from bridge.outbox.settlements import Settled, Span
from bridge.outbox.store import Outbox
from bridge.outbox.stranded import Move, Stranded
from bridge.outbox.visit_rows import PackedVisit
from bridge.outbox.webhook_list import WebhookQuery, WebhookRecord

__all__ = [
    "STATUSES",
    "Attempt",
    "Bounds",
    "Claim",
    "ClaimedEvent",
    "Correction",
    "Depth",
    "ErasureReceipt",
    "ErasureRequest",
    "EventDetail",
    "EventRecord",
    "HeldEvent",
    "HeldRow",
    "HeldWebhook",
    "ImportPosition",
    "Job",
    "JobStep",
    "Lane",
    "Move",
    "NewEvent",
    "NewJob",
    "NewVisit",
    "NewWebhook",
    "Outbox",
    "Packed",
    "PackedVisit",
    "Pause",
    "Person",
    "Query",
    "Receipt",
    "Replacements",
    "ReplayPage",
    "Settled",
    "Span",
    "StoredEvent",
    "Stranded",
    "Traces",
    "WebhookQuery",
    "WebhookRecord",
    "copy",
    "erasures_as_json",
    "open_outbox",
    "upgrade",
]


def open_outbox(
    database_url: str,
    *,
    cipher: Cipher,
    bounds: Bounds = UNBOUNDED,
    failpoint: Failpoint = no_failpoint,
    busy_seconds: float = 5,
) -> Outbox:
    """Open the outbox of a database that `upgrade` has prepared. Connections are made when first used.

    `busy_seconds` is how long SQLite waits for a stranger (a shell, a backup) that holds its lock.
    """
    return Outbox(Database(database_url, busy_seconds), cipher, bounds, failpoint)
