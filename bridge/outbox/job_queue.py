"""Jobs: bulk work done step by step, each step in one transaction with the progress it means.

    queued ── claimed ──→ running ── last step ────→ done
       │                     ├────── cannot go on ──→ failed
       └───── asked to ──────┴──────────────────────→ cancelled

A step is written by the process that holds the job (`claim_id`), and only if it is the next one (`step`). So
a process may be killed, or be so slow that another one takes over: every row is done once all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from bridge.crypto import Cipher
from bridge.errors import LeaseLost, TooManyRequests
from bridge.outbox.admin_actions import discard
from bridge.outbox.corrections import ReplayPage, replay_page
from bridge.outbox.database import Read, Write
from bridge.outbox.ids import new_id
from bridge.outbox.import_positions import Replacements
from bridge.outbox.inserts import Statements
from bridge.outbox.lanes import LaneOf
from bridge.outbox.new_jobs import insert_job, open_part, pack_job, seal_part
from bridge.outbox.records import NewJob, NewWebhook, Receipt, from_ms, raw_id, raw_ids, text_id, to_ms
from bridge.outbox.tables import job_parts, jobs

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
OPEN: tuple[JobState, ...] = ("queued", "running")
MOST_OPEN = 50
LEASE = timedelta(seconds=10)
INPUT_IS_KEPT = timedelta(hours=1)  # for a job that follows
_LONGEST_LEASE_MS = 86_400_000  # a longer one was written by a clock that was set wrong
_MOST_INTERRUPTIONS = 5
_OUTPUT_AT_ONCE = 1_048_576
_PURGED_AT_ONCE = 20
Alongside = Callable[[Connection, Sequence[Receipt]], None]
StoreTogether = Callable[[Sequence[NewWebhook], Alongside], list[Receipt]]


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it is now. `done` and `total` count rows; `position` is where its next step begins."""

    id: str
    kind: str
    request: Mapping[str, Any]
    state: JobState
    step: int
    position: str
    done: int
    total: int | None
    counts: Mapping[str, int]
    message: str | None
    created_at: datetime
    changed_at: datetime
    has_result: bool = False
    claim_id: bytes | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        """Return whether there is still something to do."""
        return self.state in OPEN

    def as_json(self) -> dict[str, Any]:
        """Return the shape of a job in every JSON answer."""
        shown = ("id", "kind", "state", "request", "done", "total", "counts", "message", "has_result")
        moments = {name: getattr(self, name).isoformat("T", "milliseconds") for name in _MOMENTS}
        return {**{name: getattr(self, name) for name in shown}, **moments}


_MOMENTS = ("created_at", "changed_at")


@dataclass(frozen=True, slots=True)
class JobStep:
    """What one step comes to: where the next begins, how many rows it did and what they became.

    The last one deletes what was handed in with the job, unless it `keeps_input` for a job that follows.
    """

    position: str
    done: int
    counts: Mapping[str, int] = field(default_factory=dict)
    output: bytes = b""
    is_last: bool = False
    keeps_input: bool = False


class JobQueue:
    """All jobs of one database. `read`, `write` and `store_together` are the outbox's."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a step may write with
        self,
        read: Read,
        write: Write,
        cipher: Cipher,
        run: Statements,
        lane_of: Callable[[Connection], LaneOf],
        store_together: StoreTogether,
    ) -> None:
        self._read, self._write, self._cipher = read, write, cipher
        self._run, self._lane_of, self._store_together = run, lane_of, store_together

    # --- asking for work ---------------------------------------------------------------------------

    def add(self, wanted: NewJob, now: datetime) -> Job:
        """Put a job in the queue. Raises TooManyRequests when many are in it already."""
        packed = pack_job(wanted, self._cipher, to_ms(now))

        def work(connection: Connection) -> Job:
            if _find(connection, jobs.c.id == packed.id, 1):  # only the confirmation of the COMMIT was lost
                return _job_of(connection, packed.id)
            _refuse_too_many(connection)
            insert_job(connection, packed)
            return _job_of(connection, packed.id)

        return self._write("job", work)

    def get(self, job_id: str) -> Job | None:
        """Return a job, or None when there is none of this id."""
        row_id = raw_id(job_id) or b""
        found = self._read(lambda connection: _find(connection, jobs.c.id == row_id, 1))
        return found[0] if found else None

    def newest(self, most: int = 100) -> list[Job]:
        """Return the jobs asked for last, newest first."""
        return self._read(lambda connection: _find(connection, jobs.c.id.is_not(None), most))

    def unfinished(self, kind: str, most: int = 1000) -> list[Job]:
        """Return the jobs of a kind that are not done, newest first; failed and cancelled ones too."""
        wanted = and_(jobs.c.kind == kind, jobs.c.state != "done")
        return self._read(lambda connection: _find(connection, wanted, most))

    def cancel(self, job_id: str, now: datetime) -> None:
        """End a job that is not finished; the rows that were done stay done."""
        row_id = raw_id(job_id) or b""
        self._write("job", lambda connection: _end(connection, row_id, "cancelled", None, to_ms(now)))

    def output(self, job_id: str, first: int) -> tuple[bytes, int | None]:
        """Return about 1 MiB of what a job has written, from part `first` on, and the part that follows."""
        row_id = raw_id(job_id) or b""
        parts: list[bytes] = []
        size = 0
        for number, sealed in self._parts(row_id, "output", first):
            if size > _OUTPUT_AT_ONCE:
                return b"".join(parts), number
            parts.append(open_part(self._cipher, sealed, row_id))
            size += len(parts[-1])
        return b"".join(parts), None

    # --- doing it ----------------------------------------------------------------------------------

    def claim(self, now: datetime) -> Job | None:
        """Take the job that has waited longest; nobody else can until the lease ends.

        A job that was interrupted again and again without a single step is given up.
        """
        waits = exists().where(_is_free(to_ms(now)))
        if not self._read(lambda connection: connection.execute(select(waits)).scalar()):
            return None
        return self._write("job", lambda connection: _claim(connection, to_ms(now)))

    def release(self, job: Job, message: str | None, now: datetime) -> None:
        """Let go of a job that is not finished; `message` says what it waits for."""
        values = {"lease_until": to_ms(now), "interruptions": 0, "message": message}
        self._write("job", lambda connection: connection.execute(_held(job).values(values)))

    def fail(self, job: Job, message: str, now: datetime) -> None:
        """End a job that cannot go on, unless another process has taken it over."""

        def work(connection: Connection) -> None:
            if connection.execute(_held(job).values(message=message)).rowcount:
                _end(connection, raw_id(job.id) or b"", "failed", message, to_ms(now))

        self._write("job", work)

    def source(self, job: Job) -> bytes:
        """Return what was handed in with a job."""
        row_id = raw_id(job.id) or b""
        parts = self._parts(row_id, "input", 0)
        return b"".join(open_part(self._cipher, sealed, row_id) for _, sealed in parts)

    def forget_input(self, job_id: str) -> bool:
        """Delete what was handed in with a job that has ended; return whether it was still there."""
        row_id = raw_id(job_id) or b""
        ended = exists().where(jobs.c.id == row_id, jobs.c.state.not_in(OPEN))
        return bool(self._write("job", lambda connection: _forget_input(connection, row_id, ended)))

    def has_input(self, job_id: str) -> bool:
        """Tell whether what was handed in with a job is still kept."""
        of_job = (job_parts.c.job_id == raw_id(job_id), job_parts.c.side == "input")
        chosen = select(exists().where(*of_job))
        return bool(self._read(lambda connection: connection.execute(chosen).scalar()))

    def forget_old_inputs(self, now: datetime) -> None:
        """Delete what was kept for jobs that nobody has asked for within an hour."""
        old = exists().where(
            jobs.c.id == job_parts.c.job_id,
            jobs.c.state.not_in(OPEN),
            jobs.c.changed_at < to_ms(now - INPUT_IS_KEPT),
        )
        kept = and_(job_parts.c.side == "input", old)
        if self._read(lambda connection: connection.execute(select(exists().where(kept))).scalar()):
            self._write("job", lambda connection: connection.execute(delete(job_parts).where(kept)))

    def note(self, job: Job, step: JobStep, now: datetime) -> Job:
        """Write a step that changes nothing but the job itself."""
        return self.write_step(job, step, now, lambda _connection: Counter())

    def replay(self, job: Job, step: JobStep, page: ReplayPage, now: datetime) -> Job:
        """Write a step that sends events again; what they became is added to its counts."""
        return self.write_step(
            job,
            step,
            now,
            lambda connection: replay_page(
                connection, self._run, page, to_ms(now), self._lane_of(connection)
            ),
        )

    def discard(self, job: Job, step: JobStep, ids: Sequence[str], reason: str, now: datetime) -> Job:
        """Write a step that gives events up."""
        rows = raw_ids(ids)
        return self.write_step(
            job,
            step,
            now,
            lambda connection: Counter(discarded=discard(connection, rows, reason, to_ms(now))),
        )

    def store(
        self,
        job: Job,
        step: JobStep,
        webhooks: Sequence[NewWebhook],
        now: datetime,
        replacing: Replacements | None = None,
    ) -> Job:
        """Write a step that stores webhooks; what they became is added to its counts.

        `replacing` names the held events they take the place of, which count as `replaced`.
        """
        written: list[Job] = []

        def alongside(connection: Connection, receipts: Sequence[Receipt]) -> None:
            became = Counter(status for receipt in receipts for status in _became(receipt))
            if replacing and (number := replacing.settle(connection, receipts)):
                became["replaced"] += number
            written.append(self._record(connection, job, step, became, to_ms(now)))

        self._store_together(webhooks, alongside)
        return written[-1]

    def write_step(
        self, job: Job, step: JobStep, now: datetime, work: Callable[[Connection], Counter[str]]
    ) -> Job:
        """Write a step with what `work` does in the same transaction, and add up what it counts."""
        return self._write(
            "job step",
            lambda connection: self._record(connection, job, step, work(connection), to_ms(now)),
        )

    def _record(
        self, connection: Connection, job: Job, step: JobStep, became: Mapping[str, int], now: int
    ) -> Job:
        """Write down how far the job has come. Raises LeaseLost when it is no longer ours, or cancelled."""
        row_id = raw_id(job.id) or b""
        counts = Counter(job.counts) + Counter(step.counts) + Counter(became)
        values = {
            "state": "done" if step.is_last else "running",
            "step": job.step + 1,
            "position": step.position,
            "done": job.done + step.done,
            "counts": orjson.dumps(counts).decode(),
            "message": None,
            "lease_until": now + _ms(LEASE),
            "interruptions": 0,
            "changed_at": now,
        }
        if not connection.execute(_held(job).values(values)).rowcount:
            raise LeaseLost("the job was cancelled, or another process has taken it over")
        if step.output:
            sealed = seal_part(self._cipher, step.output, row_id)
            part = {"job_id": row_id, "side": "output", "number": job.step, "sealed": sealed}
            connection.execute(insert(job_parts).values(part))
        if step.is_last and not step.keeps_input:
            _forget_input(connection, row_id)
        return _job_of(connection, row_id)

    # --- keeping it --------------------------------------------------------------------------------

    def _parts(self, row_id: bytes, side: str, first: int) -> Iterator[tuple[int, bytes]]:
        """Read the parts one by one: all of them together may be large."""
        number = first
        chosen = select(job_parts.c.number, job_parts.c.sealed).order_by(job_parts.c.number).limit(1)
        while True:
            following = chosen.where(
                job_parts.c.job_id == row_id, job_parts.c.side == side, job_parts.c.number >= number
            )
            row = self._read(lambda connection, chosen=following: connection.execute(chosen).first())  # type: ignore[misc]
            if row is None:
                return
            yield row.number, row.sealed
            number = row.number + 1


def _became(receipt: Receipt) -> list[str]:
    return ["duplicate"] if receipt.duplicate else [event.status for event in receipt.events]


def _ms(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)


def _refuse_too_many(connection: Connection) -> None:
    waiting = select(func.count()).select_from(jobs).where(jobs.c.state.in_(OPEN))
    if connection.execute(waiting).scalar_one() >= MOST_OPEN:
        raise TooManyRequests(f"{MOST_OPEN} jobs are waiting already", retry_after_seconds=60)


def _is_free(now: int) -> ColumnElement[bool]:
    """Match what nobody works on: a new job, or one whose lease ran out or lies impossibly far ahead."""
    lease = jobs.c.lease_until
    return and_(jobs.c.state.in_(OPEN), or_(lease <= now, lease > now + _LONGEST_LEASE_MS))


def _claim(connection: Connection, now: int) -> Job | None:
    oldest = (
        select(jobs.c.id, jobs.c.interruptions)
        .where(_is_free(now))
        .order_by(jobs.c.lease_until, jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(oldest).first()
    if row is None:
        return None
    if row.interruptions >= _MOST_INTERRUPTIONS:
        message = f"the job was interrupted {row.interruptions} times at the same place; the log says why"
        _end(connection, row.id, "failed", message, now)
        return None
    values = {
        "state": "running",
        "claim_id": new_id(now),
        "lease_until": now + _ms(LEASE),
        "interruptions": row.interruptions + 1,
        "changed_at": now,
    }
    connection.execute(update(jobs).where(jobs.c.id == row.id).values(values))
    return _job_of(connection, row.id)


def _held(job: Job) -> Any:
    """Update a job only while it is ours, and at the step we know."""
    return update(jobs).where(
        jobs.c.id == raw_id(job.id),
        jobs.c.claim_id == job.claim_id,
        jobs.c.step == job.step,
        jobs.c.state == "running",
    )


def _end(connection: Connection, row_id: bytes, state: JobState, message: str | None, now: int) -> None:
    values = {"state": state, "message": message, "changed_at": now}
    ended = update(jobs).where(jobs.c.id == row_id, jobs.c.state.in_(OPEN)).values(values)
    if connection.execute(ended).rowcount:
        _forget_input(connection, row_id)


def _forget_input(connection: Connection, row_id: bytes, *conditions: ColumnElement[bool]) -> int:
    of_job = (job_parts.c.job_id == row_id, job_parts.c.side == "input")
    return connection.execute(delete(job_parts).where(*of_job, *conditions)).rowcount


def forget_results(connection: Connection) -> None:
    """Delete what finished jobs have written: it may be about a person who is erased."""
    ended = select(jobs.c.id).where(jobs.c.state.not_in(OPEN))
    connection.execute(delete(job_parts).where(job_parts.c.job_id.in_(ended)))


def purge_jobs(connection: Connection, before: int) -> int:
    """Delete some jobs that ended before a moment, with what they wrote; return how many."""
    old = and_(jobs.c.state.not_in(OPEN), jobs.c.changed_at < before)
    chosen = select(jobs.c.id).where(old).order_by(jobs.c.id).limit(_PURGED_AT_ONCE)
    ids = list(connection.execute(chosen).scalars())
    connection.execute(delete(job_parts).where(job_parts.c.job_id.in_(ids)))
    return connection.execute(delete(jobs).where(jobs.c.id.in_(ids))).rowcount


def _job_of(connection: Connection, row_id: bytes) -> Job:
    return _find(connection, jobs.c.id == row_id, 1)[0]


def _find(connection: Connection, wanted: Any, most: int) -> list[Job]:
    has_result = exists().where(job_parts.c.job_id == jobs.c.id, job_parts.c.side == "output")
    chosen = select(jobs, has_result.label("has_result")).where(wanted)
    return [_job(row) for row in connection.execute(chosen.order_by(jobs.c.id.desc()).limit(most))]


def _job(row: Any) -> Job:
    return Job(
        id=text_id(row.id),
        kind=row.kind,
        request=orjson.loads(row.request),
        state=row.state,
        step=row.step,
        position=row.position,
        done=row.done,
        total=row.total,
        counts=orjson.loads(row.counts),
        message=row.message,
        created_at=from_ms(row.created_at),
        changed_at=from_ms(row.changed_at),
        has_result=bool(row.has_result),
        claim_id=row.claim_id,
    )
