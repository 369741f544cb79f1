"""Tells of a stored webhook what it became and why, by the mapping that is in force now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.authoring.counters import StoredWebhooks
from bridge.catalog import Catalog
from bridge.errors import Refused
from bridge.mapping import MappingFolder
from bridge.pipeline import translate
from bridge.values import Verified


def explained(
    stored: StoredWebhooks, webhook_id: str, mapping: str, mappings: MappingFolder, catalog: Catalog
) -> Sequence[Mapping[str, Any]] | None:
    """Return the explanation of a stored webhook, personal data masked.

    None when the webhook was forgotten already, its mapping is gone, or it cannot be read any more.
    The webhook was verified when it came.
    """
    request = stored.raw(webhook_id)
    if request is None:
        return None
    try:
        return list(translate(Verified(request), mappings.get(mapping), catalog, explain=True).explanation)
    except Refused:
        return None
