"""Within which bounds a webhook that comes again counts as the same one."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.mode import mode_of
from bridge.outbox.records import NewWebhook


def repeat_scope(webhook: NewWebhook) -> str:
    """Return what the repeat key of a new webhook is bound to."""
    return scope_of([(event.dataset_id, event.test_event_code) for event in webhook.events], webhook.revision)


def scope_of(targets: Iterable[tuple[str, str | None]], revision: str) -> str:
    """Return the datasets and test codes of a webhook's events as one text; of a test, its revision too.

    A rehearsal, a demo or another dataset never makes a live webhook a duplicate. In a test the mapping is
    being written, so a changed one gives the same webhook another chance.
    """
    pairs = sorted({(dataset_id, code or "") for dataset_id, code in targets})
    named = ",".join([f"{dataset_id}:{code}" if code else dataset_id for dataset_id, code in pairs])
    is_live = all(mode_of(*pair) == "live" for pair in pairs)
    return named if is_live else f"{named} {revision}"
