"""What a kind of job is made of, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from bridge.errors import WrongUse
from bridge.mapping import MappingFolder
from bridge.meta_spec.spec import MetaSpec
from bridge.outbox import Job, NewJob, Outbox
from bridge.settings import Settings
from bridge.spelling import closest

Asked = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobContext:
    """What jobs work with. `wait` lets some seconds pass, or fewer when the process is to stop."""

    outbox: Outbox
    settings: Settings
    spec: MetaSpec
    mappings: MappingFolder
    clock: Callable[[], datetime]
    wait: Callable[[float], object] = lambda _seconds: None


class JobKind(NamedTuple):
    """One kind of job.

    `read` checks what is asked for and raises WrongUse or Invalid before anything is queued. `steps` does one
    step after the other from where the job stands, and yields the job as it was written.
    """

    read: Callable[[JobContext, Asked], NewJob]
    steps: Callable[[JobContext, Job], Iterator[Job]]


def rate_of(asked: Asked) -> float | None:
    """Return how many rows a second a job may do; None: as many as it can."""
    given = asked.get("per_second")
    if given is None:
        return None
    try:
        rate = float(given)
    except (TypeError, ValueError):
        rate = 0.0
    if not 0.01 <= rate <= 1_000_000:
        raise WrongUse("per_second is not a number from 0.01 to 1,000,000", fix="leave it out for no bound")
    return rate


def choice_of(asked: Asked, name: str, choices: tuple[str, ...]) -> str:
    """Return one of a few words; the first one when nothing is said."""
    given = str(asked.get(name) or choices[0])
    if given not in choices:
        meant = closest(given, choices)
        fix = f"did you mean {meant}?" if meant else f"use one of {', '.join(choices)}"
        raise WrongUse(f"{name} is not one there is", fix=fix)
    return given


def flag_of(asked: Asked, name: str) -> bool:
    """Return what true and false mean in JSON, and in a query."""
    return str(asked.get(name, "")).lower() in {"true", "1", "yes"}


def require_known(asked: Asked, names: tuple[str, ...]) -> None:
    """Raise WrongUse for a name that the kind does not know."""
    for name in asked:
        if name not in names:
            meant = closest(name, names)
            fix = f"did you mean {meant}?" if meant else f"use one of {', '.join(names)}"
            raise WrongUse("there is an option of an unknown name", fix=fix)
