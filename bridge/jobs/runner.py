"""Does the jobs that are queued, one after the other, until the process is to stop."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress

from bridge.errors import BridgeError, CannotStore, LeaseLost
from bridge.jobs.bulk_changes import discard_steps, read_discard, read_replay, replay_steps
from bridge.jobs.bulk_erasure import erasing_steps, read_erasure
from bridge.jobs.bulk_export import export_steps, read_export
from bridge.jobs.bulk_import import import_steps
from bridge.jobs.comparison import comparison_steps, read_comparison
from bridge.jobs.job_kind import JobContext, JobKind
from bridge.jobs.person_export import person_export_steps, read_person_export
from bridge.jobs.person_search import person_search_steps, read_person_search
from bridge.monitoring.log import Log, failure
from bridge.outbox import Job

KINDS: Mapping[str, JobKind] = {
    "replay": JobKind(read_replay, replay_steps),
    "discard": JobKind(read_discard, discard_steps),
    "export": JobKind(read_export, export_steps),
    "compare": JobKind(read_comparison, comparison_steps),
    "erase": JobKind(read_erasure, erasing_steps),
    "find_person": JobKind(read_person_search, person_search_steps),
    "export_person": JobKind(read_person_export, person_export_steps),
}
STEPS = {**{name: kind.steps for name, kind in KINDS.items()}, "import": import_steps}
_LOOK_EVERY_SECONDS = 1.0
_AFTER_TROUBLE_SECONDS = 5.0
_BETWEEN_STEPS_SECONDS = 0.005  # others write and compute too


def run_jobs(context: JobContext, stop: threading.Event, log: Log) -> None:
    """Look for a job once a second, and do it; a job that is interrupted here is gone on with later."""
    while not stop.wait(_LOOK_EVERY_SECONDS):
        try:
            while not stop.is_set() and (job := context.outbox.jobs.claim(context.clock())):
                do_job(context, job, stop, log)
        except Exception as error:  # noqa: BLE001 - the database may be back at the next look
            log.warning("jobs_could_not_look", **failure(error))
            stop.wait(_AFTER_TROUBLE_SECONDS)


def do_job(context: JobContext, job: Job, stop: threading.Event, log: Log) -> None:
    """Go on with a job until it is finished, somebody stops it, or it cannot go on."""
    log.info("job", id=job.id, kind=job.kind, state=job.state, done=job.done)
    try:
        for job in STEPS[job.kind](context, job):  # noqa: B020, PLR1704 - the job as it is after each step
            if stop.wait(_BETWEEN_STEPS_SECONDS) and job.is_open:
                context.outbox.jobs.release(job, None, context.clock())
                return
    except LeaseLost:
        log.info("job_left", id=job.id, kind=job.kind)
    except CannotStore as error:
        log.warning("job_waits", id=job.id, kind=job.kind, reason=error.message)
        with suppress(BridgeError):
            context.outbox.jobs.release(job, f"waits: {error.message}", context.clock())
        stop.wait(_AFTER_TROUBLE_SECONDS)
    except BridgeError as error:
        context.outbox.jobs.fail(job, error.message, context.clock())
        log.warning("job_failed", id=job.id, kind=job.kind, reason=error.message)
    except Exception as error:  # noqa: BLE001 - the other jobs must not wait for this one for ever
        message = f"unexpected {type(error).__name__}; the log says where"
        context.outbox.jobs.fail(job, message, context.clock())
        log.error(  # noqa: TRY400 - without what the traceback would quote
            "job_failed", id=job.id, kind=job.kind, **failure(error)
        )
    else:
        log.info("job", id=job.id, kind=job.kind, state=job.state, done=job.done, **job.counts)
