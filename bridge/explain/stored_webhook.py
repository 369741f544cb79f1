"""Explains what a stored webhook became and why, by the mapping that is active now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.errors import Refused
from bridge.fetch.kept_answers import kept_lookup
from bridge.mapping import MappingFolder
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Verified
from bridge.outbox import Outbox
from bridge.pipeline import translate


def explained(
    stored: Outbox, webhook_id: str, mapping: str, mappings: MappingFolder, spec: MetaSpec
) -> Sequence[Mapping[str, Any]] | None:
    """Return the explanation of a stored webhook, personal data masked.

    None when the webhook was forgotten already, its mapping is gone, or it cannot be read any more.
    The webhook was verified when it came.
    """
    request = stored.raw(webhook_id)
    if request is None:
        return None
    try:
        found = mappings.get(mapping)
        fetched = kept_lookup(stored.fetches.kept(webhook_id), found)
        return list(translate(Verified(request), found, spec, fetched=fetched, explain=True).explanation)
    except Refused:
        return None
