"""Erasures as they are asked for: who is looked for, what is deleted, and the receipt, which names nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select

from bridge.outbox.captures import forget_captured
from bridge.outbox.database import Read, Write
from bridge.outbox.erasure import Erased, Page, Person, Searchable, Traces, delete_raw, erase, find, look
from bridge.outbox.ids import new_id
from bridge.outbox.job_queue import Job, JobQueue, JobStep, forget_results
from bridge.outbox.never_send import NeverSend, sent_of
from bridge.outbox.records import from_ms, raw_id, text_id, to_ms
from bridge.outbox.tables import erasures
from bridge.outbox.visits import Visits

_MOST_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """What is asked for, without the person: by whom, how many identifiers of which kind, how far."""

    asked_by: str
    looked_for: Mapping[str, int]
    destination: str | None = None
    never_send: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the request as a job and its receipt show it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """The proof that somebody was erased: how much was deleted, when, and what was looked for."""

    id: str
    request: ErasureRequest
    erased: Erased
    asked_at: datetime
    finished_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the shape of a receipt in every JSON answer."""
        moments = {name: getattr(self, name).isoformat("T", "milliseconds") for name in _MOMENTS}
        erased = {name: getattr(self.erased, name) for name in Erased.__slots__}
        return {"id": self.id, **self.request.as_json(), **erased, **moments}


_MOMENTS = ("asked_at", "finished_at")


def erasures_as_json(receipts: Iterable[ErasureReceipt], unfinished: Iterable[Job]) -> dict[str, Any]:
    """Return the shape of all erasures in every JSON answer."""
    return {
        "erasures": [receipt.as_json() for receipt in receipts],
        "unfinished": [job.as_json() for job in unfinished],
    }


class Erasures:
    """Erases persons, at once or step by step; `read` and `write` are the outbox's."""

    def __init__(  # noqa: PLR0913, PLR0917 - what an erasure goes through
        self,
        read: Read,
        write: Write,
        text_of: Searchable,
        never_send: NeverSend,
        jobs: JobQueue,
        visits: Visits,
    ) -> None:
        self._read, self._write, self._text_of = read, write, text_of
        self._never_send, self._jobs, self._visits = never_send, jobs, visits

    def find(self, person: Person) -> Traces:
        """Find everything that is kept about one person: what an erasure deletes."""
        return self._read(lambda connection: find(connection, person, self._text_of))

    def visits_kept(self, person: Person) -> list[dict[str, Any]]:
        """Return the visits of the website that an erasure deletes, in the clear."""
        return self._read(lambda connection: self._visits.kept_of(connection, _visitor(person)))

    def visits_of(self, person: Person) -> int:
        """Return how many visits of the website an erasure deletes."""
        return self._read(lambda connection: self._visits.number_of(connection, _visitor(person)))

    def consent_withdrawn_at(self, person: Person) -> datetime | None:
        """Return when the person last withdrew consent on the website, as far as that is kept."""
        return self._read(lambda c: self._visits.withdrawn_at(c, _visitor(person)))

    def erase(self, person: Person, request: ErasureRequest, now: datetime) -> ErasureReceipt:
        """Erase one person now, and return the receipt, which is kept."""
        if request.never_send:
            self._write("erase", lambda c: self._never_send.add(c, person, to_ms(now)))
        found = self.find(person)

        def work(connection: Connection) -> ErasureReceipt:
            visits = self._visits.erase(connection, _visitor(person))
            erased = replace(erase(connection, found), visits=visits)
            _forget_copies(connection)
            return _keep(connection, ErasureReceipt(text_id(new_id(to_ms(now))), request, erased, now, now))

        return self._write("erase", work)

    def last(self) -> str | None:
        """Return the id of the latest receipt, None when nobody was erased."""
        newest = select(erasures.c.id).order_by(erasures.c.id.desc()).limit(1)
        row_id = self._read(lambda connection: connection.execute(newest).scalar())
        return None if row_id is None else text_id(row_id)

    def look(self, person: Person, position: str) -> Page:
        """Look through one page of what is kept, from a position on; `BEGINNING` is the first."""
        return self._read(lambda connection: look(connection, person, self._text_of, position))

    def begin(self, job: Job, step: JobStep, person: Person, now: datetime) -> Job:
        """Write the first step of a job: who is remembered, and the webhook that asked is deleted."""
        own = raw_id(job.request.get("webhook_id") or "")

        def work(connection: Connection) -> Counter[str]:
            if job.request["never_send"]:
                self._never_send.add(connection, person, to_ms(now))
            return Counter(raw_webhooks=delete_raw(connection, [own] if own else []))

        return self._jobs.write_step(job, step, now, work)

    def erase_page(self, job: Job, step: JobStep, person: Person, traces: Traces, now: datetime) -> Job:
        """Write a step that deletes what was found on one page; the last one writes the receipt."""

        def work(connection: Connection) -> Counter[str]:
            erased = erase(connection, traces)
            counts = Counter(events=erased.events, raw_webhooks=erased.raw_webhooks)
            if step.is_last:
                counts["visits"] = self._visits.erase(connection, _visitor(person))
                _forget_copies(connection)
                _keep(connection, _receipt_of(job, Counter(job.counts) + counts, now))
            return counts

        return self._jobs.write_step(job, step, now, work)

    def receipts(self, most: int = _MOST_SHOWN) -> list[ErasureReceipt]:
        """Return the receipts, newest first."""
        chosen = select(erasures).order_by(erasures.c.id.desc()).limit(most)
        return self._read(lambda connection: [_receipt(row) for row in connection.execute(chosen)])

    def receipt(self, receipt_id: str) -> ErasureReceipt | None:
        """Return one receipt; it has the id of the job that erased."""
        chosen = select(erasures).where(erasures.c.id == raw_id(receipt_id))
        row = self._read(lambda connection: connection.execute(chosen).first())
        return None if row is None else _receipt(row)

    def is_never_sent(self, person: Person) -> bool:
        """Return whether nothing may be sent of a person, as far as a destination is meant."""
        return self._read(lambda connection: self._never_send.knows(connection, person))

    def unfinished(self) -> list[Job]:
        """Return the erasures that are queued, running, cancelled or could not be finished."""
        return self._jobs.unfinished("erase")


def _visitor(person: Person) -> frozenset[str]:
    """Return by what a person's visits are known; they are for no destination, so one alone keeps them."""
    return sent_of(person) if person.destination is None else frozenset()


def _receipt_of(job: Job, counts: Mapping[str, int], now: datetime) -> ErasureReceipt:
    request = ErasureRequest(**{name: job.request[name] for name in ErasureRequest.__slots__})
    erased = Erased(counts.get("events", 0), counts.get("raw_webhooks", 0), counts.get("visits", 0))
    return ErasureReceipt(job.id, request, erased, job.created_at, now)


def _forget_copies(connection: Connection) -> None:
    """Delete what may be about the person and is kept for a short time only: results, files, captures."""
    forget_results(connection)
    forget_captured(connection)


def _keep(connection: Connection, receipt: ErasureReceipt) -> ErasureReceipt:
    request = receipt.request
    connection.execute(
        insert(erasures).values(
            id=raw_id(receipt.id),
            asked_by=request.asked_by,
            looked_for=orjson.dumps(dict(request.looked_for)).decode(),
            destination=request.destination,
            never_send=int(request.never_send),
            events=receipt.erased.events,
            raw_webhooks=receipt.erased.raw_webhooks,
            visits=receipt.erased.visits,
            asked_at=to_ms(receipt.asked_at),
            finished_at=to_ms(receipt.finished_at),
        )
    )
    return receipt


def _receipt(row: Any) -> ErasureReceipt:
    request = ErasureRequest(
        row.asked_by, orjson.loads(row.looked_for), row.destination, never_send=bool(row.never_send)
    )
    erased = Erased(row.events, row.raw_webhooks, row.visits)
    return ErasureReceipt(text_id(row.id), request, erased, from_ms(row.asked_at), from_ms(row.finished_at))
