"""What a job has written, read as a whole: the outbox keeps it in parts."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.outbox import Outbox


def parts_of(outbox: Outbox, job_id: str) -> Iterator[bytes]:
    """Yield everything that a job has written, whole lines of about 1 MiB at a time."""
    following: int | None = 0
    while following is not None:
        content, following = outbox.jobs.output(job_id, following)
        yield content


def written_by(outbox: Outbox, job_id: str) -> bytes:
    """Return everything that a job has written."""
    return b"".join(parts_of(outbox, job_id))
