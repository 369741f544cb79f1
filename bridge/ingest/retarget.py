"""Moving events to the dataset that was meant: allowed only where nobody's data can get to somebody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from bridge.errors import WrongUse
from bridge.outbox import Move, Outbox, Stranded
from bridge.outbox.stranded import OPEN
from bridge.plurals import counted_kinds
from bridge.settings import Settings


def planned_move(settings: Settings, from_dataset: str, destination: str, *, across: bool) -> Move:
    """Return the move; raises WrongUse unless it leads from a dataset not configured to one that is."""
    target = settings.destinations.get(destination)
    if target is None:
        names = ", ".join(sorted(settings.destinations))
        raise WrongUse(f"there is no destination {destination}", fix=f"use one of {names}")
    for entry in settings.destinations.values():
        if entry.dataset_id == from_dataset and entry.name != destination:
            raise WrongUse(
                f"dataset {from_dataset} is still configured, for destination {entry.name}",
                fix="correct dataset_id in the settings first; only then its events are moved",
            )
    return Move(from_dataset, destination, target.dataset_id, across)


def retarget(outbox: Outbox, move: Move, now: datetime) -> dict[str, int]:
    """Move everything that a move means; return how many events became what."""
    became: Counter[str] = Counter()
    while portion := outbox.stranded.move_portion(move, now):
        became += portion
    return {status: became[status] for status in (*OPEN, "skipped")}


def stranded_events(outbox: Outbox, settings: Settings) -> list[Stranded]:
    """Return what is kept for datasets that the settings do not lead to any more."""
    configured = {(entry.name, entry.dataset_id) for entry in settings.destinations.values()}
    return outbox.stranded.found(configured)


def kinds(counts: Mapping[str, int]) -> str:
    """Say how many events wait, are fetched for and are held."""
    return counted_kinds({status: counts[status] for status in OPEN}, "event")


def describe(entry: Stranded) -> str:
    """Say in a sentence what is left behind, and what to do."""
    return (
        f"destination {entry.destination} has {kinds(entry.as_json())} for dataset {entry.dataset_id}, "
        "which is not configured for it; see `capi-bridge events retarget`"
    )
