"""What a reload cannot take up: another database, a lost file, settings with which a mapping would stop."""

from __future__ import annotations

from bridge.bootstrap import require_stored_key
from bridge.errors import CannotOpen, Invalid, WrongUse
from bridge.mapping import MappingFolder
from bridge.settings import Settings


def require_same_place(before: Settings, after: Settings) -> None:
    """Raise WrongUse for what stored events could not follow; CannotOpen for a key or a file that is gone."""
    if before.file and not after.file:
        raise CannotOpen(f"{before.file}: the file is gone", fix="put it back, or restart without it")
    for is_same, what in (
        (before.database_url == after.database_url, "database_url"),
        (before.demo == after.demo, "whether a dataset is configured"),
    ):
        if not is_same:
            raise WrongUse(f"{what} has changed, which a reload cannot take up", fix="restart this process")
    require_stored_key(after)


def require_all_mappings(before: MappingFolder, after: MappingFolder) -> None:
    """Raise Invalid when a mapping that receives webhooks would stop doing so with the new settings.

    One that the new settings do not have at all was taken away on purpose, unless its file is out of reach.
    """
    before.refresh()
    broken = {**before.broken(), **after.broken()}
    lost = sorted(broken.keys() & set(before.names()) - set(after.names()))
    if lost:
        findings = [finding for name in lost for finding in broken[name]]
        raise Invalid(f"with the new settings these mappings would stop: {', '.join(lost)}", findings)
