"""Within which bounds a webhook that comes again counts as the same one."""

from __future__ import annotations

from bridge.mode import mode_of
from bridge.outbox.records import NewWebhook


def repeat_scope(webhook: NewWebhook) -> str:
    """Return what a repeat key is bound to: the datasets of a webhook's events, and of a test more.

    A rehearsal, a demo or another dataset never makes a live webhook a duplicate. In a test the mapping is
    being written, so a changed one gives the same webhook another chance.
    """
    pairs = sorted({(event.dataset_id, event.test_event_code or "") for event in webhook.events})
    named = ",".join([f"{dataset_id}:{code}" if code else dataset_id for dataset_id, code in pairs])
    is_live = all(mode_of(*pair) == "live" for pair in pairs)
    return named if is_live else f"{named} {webhook.revision}"
