"""A job that is asked for, as the rows it is stored in; a webhook that asks for one is stored with them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, insert

from bridge.crypto import Cipher
from bridge.outbox.ids import new_id
from bridge.outbox.records import NewJob, text_id
from bridge.outbox.tables import job_parts, jobs

_PART_BYTES = 262_144


class JobRows(NamedTuple):
    """A new job as rows; made once, so that a second try writes the very same."""

    id: bytes
    row: dict[str, Any]
    parts: list[dict[str, Any]]


def pack_job(wanted: NewJob, cipher: Cipher, now: int) -> JobRows:
    """Turn what is asked for into rows."""
    row_id = new_id(now)
    parts = [
        {"job_id": row_id, "side": "input", "number": number, "sealed": seal_part(cipher, part, row_id)}
        for number, part in enumerate(_cut(wanted.source))
    ]
    return JobRows(row_id, _new_row(wanted, row_id, now), parts)


def pack_job_of(wanted: NewJob, cipher: Cipher, webhook_id: bytes, now: int) -> JobRows:
    """Turn a job that a webhook asks for into rows; the job knows which webhook that is."""
    request = {**wanted.request, "webhook_id": text_id(webhook_id)}
    return pack_job(replace(wanted, request=request), cipher, now)


def insert_job(connection: Connection, packed: JobRows) -> None:
    """Put a job in the queue."""
    connection.execute(insert(jobs).values(packed.row))
    if packed.parts:
        connection.execute(insert(job_parts), packed.parts)


def insert_jobs(connection: Connection, packed: Iterable[JobRows | None]) -> None:
    """Put the jobs in the queue that some webhooks ask for; nearly none does."""
    for job in packed:
        if job is not None:
            insert_job(connection, job)


def seal_part(cipher: Cipher, plain: bytes, row_id: bytes) -> bytes:
    """Return what a job reads or writes as it is stored."""
    return cipher.encrypt(zlib.compress(plain, 1), row_id)


def open_part(cipher: Cipher, sealed: bytes, row_id: bytes) -> bytes:
    """Return what `seal_part` was given."""
    return zlib.decompress(cipher.decrypt(sealed, row_id))


def _cut(source: bytes) -> Iterator[bytes]:
    return (source[start : start + _PART_BYTES] for start in range(0, len(source), _PART_BYTES))


def _new_row(wanted: NewJob, row_id: bytes, now: int) -> dict[str, Any]:
    return {
        "id": row_id,
        "kind": wanted.kind,
        "request": orjson.dumps(wanted.request).decode(),
        "state": "queued",
        "step": 0,
        "position": "",
        "done": 0,
        "total": wanted.total,
        "counts": "{}",
        "lease_until": 0,
        "interruptions": 0,
        "created_at": now,
        "changed_at": now,
    }
