"""The tables of the outbox.

Ids are time-ordered UUIDs (version 7) of 16 bytes, so new rows land at the end of every index that begins
with one. Moments are milliseconds since 1970 (`_at`); `accepted_until` and `event_time` are Unix seconds.

    webhooks ── raw_webhooks        one row per accepted webhook; its encrypted request, kept less long
       │   └─── repeat_keys         which webhooks were here already
       └─ events ── payloads        one row per event and destination; its final JSON
             └──── queue ── claims  only what still has to be sent; who is sending it, until when
    attempts ── event_attempts      HTTP calls; which events a failed one carried
    lanes                           destination + dataset + test code: what may share a batch
    webhooks ── fetches ── claims   those whose records are still to be fetched; who does that, until when
       └─────── fetched             what was fetched for them, encrypted, kept as long as the raw webhook
    visits ── visit_keys            earlier visits of the website, and the keyed digests that find them
    hourly_counts                   how many webhooks came in each hour, and what their events are now
    source_rates                    how often each source may be called, for all nodes together
    pauses                          destinations, datasets and sources that wait, for all workers to see
    mapping_revisions               what each mapping said, as long as it is of use
    imports                         how far files have been imported
    jobs ── job_parts               bulk work and how far it has come; what it reads and writes, encrypted
    sessions                        who is signed in to the console, and one-time sign-in links
    captures ── captured            names that are open for a while, and what came to them, encrypted
    refusals                        what was refused lately at which URL, and why, counted
    erasures                        receipts of erased persons, which name nobody
    never_send                      keyed digests of erased persons of whom nothing may be sent again
    properties                      what this database is for, and a key that was accepted for a lost one

`queue` is apart from `events` because claiming and settling rewrite its small rows only, and apart from
`payloads` so that they never drag a body along. There are no foreign keys: every insert would pay for them,
and the few places that delete (retention, erasure) remove children first, in one transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    or_,
)

metadata = MetaData()

_CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}  # rows are stored in the order of their key


def _partial_index(name: str, where: ColumnElement[bool], *columns: Column[Any]) -> None:
    """Declare an index of some rows, as the migrations make it on both databases.

    The condition is given for SQLite alone: naming PostgreSQL here loads its dialect, 2 MB, in every process.
    """
    Index(name, *columns, sqlite_where=where)


webhooks = Table(
    "webhooks",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("mapping", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("event_count", Integer, nullable=False),
    **_CLUSTERED,
)

raw_webhooks = Table(
    "raw_webhooks",
    metadata,
    Column("webhook_id", LargeBinary(16), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

repeat_keys = Table(
    "repeat_keys",
    metadata,
    Column("mapping", Text, nullable=False),
    Column("repeat_key", LargeBinary, nullable=False),
    Column("scope", Text, nullable=False),  # datasets, and what makes a test: see repeats
    Column("webhook_id", LargeBinary(16), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("mapping", "repeat_key", "scope"),
    **_CLUSTERED,
)

events = Table(
    "events",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("webhook_id", LargeBinary(16), nullable=False),
    Column("mapping", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("dataset_id", Text, nullable=False),
    Column("test_event_code", Text),
    Column("event_name", Text, nullable=False),
    Column("event_id", Text),
    Column("stands", SmallInteger),  # 1: this row claims that name and id; else NULL
    Column("event_time", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("findings", Text),
    Column("match_score", Integer),
    Column("score_without_visit", Integer),  # NULL: the event was joined with no visit
    Column("consent", Text),  # granted, denied, unknown; NULL: the mapping asks for none
    Column("consent_source", Text),  # the paths that it was read from
    Column("accepted_until", BigInteger),
    Column("changed_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_attempt", LargeBinary(16)),
    # NULLs differ from each other on both databases: many rows may share a name and an id, one claims it.
    UniqueConstraint("event_id", "event_name", "dataset_id", "stands", name="one_event_stands"),
    **_CLUSTERED,
)
# No index holds what changes when an event is sent: PostgreSQL would have to write all of them anew.
Index("events_of_webhook", events.c.webhook_id)
IS_EXPLAINED = or_(events.c.reason.is_not(None), events.c.findings.is_not(None))
_partial_index("events_explained", IS_EXPLAINED, events.c.id)

payloads = Table(
    "payloads",
    metadata,
    Column("event_id", LargeBinary(16), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

lanes = Table(
    "lanes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("dataset_id", Text, nullable=False),
    Column("test_event_code", Text, nullable=False),  # empty when there is none
    UniqueConstraint("destination", "dataset_id", "test_event_code"),
)

queue = Table(
    "queue",
    metadata,
    Column("event_id", LargeBinary(16), primary_key=True),
    Column("lane_id", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("accepted_until", BigInteger, nullable=False),
    Column("claim_id", LargeBinary(16)),
    **_CLUSTERED,
)
_UNCLAIMED = queue.c.claim_id.is_(None)
_partial_index("queue_due", _UNCLAIMED, queue.c.lane_id, queue.c.due_at, queue.c.event_id)
_CLAIMED = queue.c.claim_id.is_not(None)
_partial_index("queue_claimed", _CLAIMED, queue.c.claim_id)

claims = Table(
    "claims",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("worker", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("destination", Text, nullable=False),
    Column("dataset_id", Text, nullable=False),
    Column("test_event_code", Text),
    Column("events", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("http_status", Integer),
    Column("code", BigInteger),
    Column("subcode", BigInteger),
    Column("fbtrace_id", Text),
    Column("reason", Text),
    Column("answer", Text),  # Meta's own words, without values
)

event_attempts = Table(
    "event_attempts",
    metadata,
    Column("event_id", LargeBinary(16), nullable=False),
    Column("attempt_id", LargeBinary(16), nullable=False),
    PrimaryKeyConstraint("event_id", "attempt_id"),
    **_CLUSTERED,
)

hourly_counts = Table(
    "hourly_counts",
    metadata,
    Column("hour", Integer, nullable=False),  # in which the webhooks came; hours since 1970
    Column("mapping", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("dataset_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),  # or "webhooks", "received": of a mapping, without destination
    Column("reason", Text, nullable=False),  # why they are held; empty for every other status
    Column("writer", SmallInteger, nullable=False),  # whose row it is; see hourly_counts
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint(
        "hour", "mapping", "destination", "dataset_id", "mode", "status", "reason", "writer"
    ),
    **_CLUSTERED,
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True),  # "destination:main:123", "dataset:123"
    Column("kind", Text, nullable=False),  # "circuit" or "limit"
    Column("until", BigInteger, nullable=False),
    Column("trips", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
)

fetches = Table(
    "fetches",
    metadata,
    Column("webhook_id", LargeBinary(16), primary_key=True),
    Column("source", Text, nullable=False),  # which it waits for now
    Column("received_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("give_up_at", BigInteger, nullable=False),
    Column("anew", SmallInteger, nullable=False),  # 1: no answer that is still in memory will do
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("claim_id", LargeBinary(16)),
    **_CLUSTERED,
)
_UNCLAIMED_FETCH = fetches.c.claim_id.is_(None)
_partial_index("fetches_due", _UNCLAIMED_FETCH, fetches.c.due_at, fetches.c.webhook_id)
_CLAIMED_FETCH = fetches.c.claim_id.is_not(None)
_partial_index("fetches_claimed", _CLAIMED_FETCH, fetches.c.claim_id)

fetched = Table(
    "fetched",
    metadata,
    Column("webhook_id", LargeBinary(16), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

visits = Table(
    "visits",
    metadata,
    Column("visitor", LargeBinary(16), nullable=False),
    Column("touch", LargeBinary(16), nullable=False),  # digest of how the visitor came: click id and campaign
    Column("began_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("fbc", Text),
    Column("fbp", Text),
    Column("first", Text, nullable=False),  # JSON: landing page, referrer, campaign and click ids
    Column("last", Text, nullable=False),
    Column("consent", Text, nullable=False),
    Column("consent_source", Text, nullable=False),
    Column("consent_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary),  # IP address and user agent, encrypted
    Column("sealed_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("visitor", "touch"),
    **_CLUSTERED,
)
Index("visits_seen", visits.c.seen_at)
_SEALED = visits.c.sealed.is_not(None)
_partial_index("visits_sealed", _SEALED, visits.c.sealed_at)

visit_keys = Table(
    "visit_keys",
    metadata,
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),  # HMAC with a key that is derived from the secret key
    Column("visitor", LargeBinary(16), nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "digest", "visitor"),
    **_CLUSTERED,
)
Index("visit_keys_of_visitor", visit_keys.c.visitor)
Index("visit_keys_seen", visit_keys.c.seen_at)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # as in visit_keys
    Column("withdrawn_at", BigInteger, nullable=False),
    **_CLUSTERED,
)

source_rates = Table(
    "source_rates",
    metadata,
    Column("source", Text, primary_key=True),
    Column("next_at", BigInteger, nullable=False),  # microseconds; see call_rates
)

properties = Table(
    "properties",
    metadata,
    Column("name", Text, primary_key=True),  # see purpose and raw_webhooks
    Column("value", Text, nullable=False),
)

mapping_revisions = Table(
    "mapping_revisions",
    metadata,
    Column("mapping", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("mapping", "revision"),
)

imports = Table(
    "imports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the token; the token is kept nowhere
    Column("kind", Text, nullable=False),  # "session" or "link"
    Column("viewer", Text, nullable=False),  # the name of a reader in the settings; empty: the admin
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

captures = Table(
    "captures",
    metadata,
    Column("name", Text, primary_key=True),
    Column("opened_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)

captured = Table(
    "captured",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("name", Text, nullable=False),  # of the mapping in the URL; empty: some other name
    Column("status", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("name", "status", "reason"),
    **_CLUSTERED,
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("asked_by", Text, nullable=False),  # "command line", "API", "mapping shop-privacy"
    Column("looked_for", Text, nullable=False),  # {"email": 1}: how many identifiers of which kind
    Column("destination", Text),  # NULL: all of them
    Column("never_send", SmallInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("raw_webhooks", BigInteger, nullable=False),
    Column("visits", BigInteger, nullable=False, server_default="0"),
    Column("asked_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, nullable=False),
)

never_send = Table(
    "never_send",
    metadata,
    Column(
        "digest", LargeBinary(32), primary_key=True
    ),  # HMAC with a key that is derived from the secret key
    Column("key_id", LargeBinary(4), nullable=False),  # of the secret key
    Column("created_at", BigInteger, nullable=False),
    **_CLUSTERED,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Integer, nullable=False),  # how many steps were written
    Column("position", Text, nullable=False),  # where the next one begins, in the words of the kind
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("counts", Text, nullable=False),
    Column("message", Text),
    Column("claim_id", LargeBinary(16)),
    Column("lease_until", BigInteger, nullable=False),
    Column("interruptions", Integer, nullable=False),  # since the last step
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    **_CLUSTERED,
)

job_parts = Table(
    "job_parts",
    metadata,
    Column("job_id", LargeBinary(16), nullable=False),
    Column("side", Text, nullable=False),  # "input" or "output"
    Column("number", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("job_id", "side", "number"),
)
