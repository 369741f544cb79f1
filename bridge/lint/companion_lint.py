"""What the browser companion needs: a mapping that takes what pages report."""

from __future__ import annotations

from bridge.errors import UnknownMapping
from bridge.finding import Finding
from bridge.mapping import MappingFolder
from bridge.settings.models import CompanionSettings


def mapping_of_companion(companion: CompanionSettings, mappings: MappingFolder) -> Finding | None:
    """Return what is wrong with the mapping that the settings name; None when it takes what pages report."""
    name = companion.mapping
    try:
        mapping = mappings.get(name)
    except UnknownMapping:
        return _warning(
            f"there is no mapping {name}, so no event of a page is taken",
            f"run capi-bridge init {name} --like browser",
        )
    if mapping.receive.sent_by == "companion":
        return None
    return _warning(
        f"the mapping {name} does not say sent_by: companion, so no event of a page is taken",
        "name another mapping in companion.mapping, or write sent_by: companion below its receive",
    )


def _warning(message: str, fix: str) -> Finding:
    return Finding("warning", "no_companion_mapping", message, fix, "$.companion.mapping")
