"""Opens what a process works with: the database in its newest form, the outbox, the rules, the mappings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from bridge.authoring.checking import load_checked
from bridge.authoring.sample_requests import sample_secrets
from bridge.catalog import load_catalog
from bridge.crypto import Cipher, key_from_file
from bridge.mapping import MappingFolder
from bridge.outbox import Bounds, Outbox, open_outbox, upgrade
from bridge.settings import Settings
from bridge.storing import code_of_destination, code_of_hook

_SQLITE = "sqlite:///"


def prepare(settings: Settings) -> None:
    """Bring the database to its newest form and make the key for what is kept at rest."""
    upgrade(settings.database_url)
    cipher_of(settings)


def cipher_of(settings: Settings) -> Cipher:
    """Return the cipher of these settings; its key is made and stored when there is none yet."""
    return Cipher(settings.secret_keys or [key_from_file(settings.secret_key_file)])


def open_store(settings: Settings) -> Outbox:
    """Return the outbox; the connection is made when first used."""
    limits = settings.limits
    bounds = Bounds(queue_events=limits.queue_events, free_disk_bytes=limits.free_disk_bytes)
    return open_outbox(settings.database_url, cipher=cipher_of(settings), bounds=bounds)


def open_mappings(settings: Settings, environment: Mapping[str, str]) -> MappingFolder:
    """Return the mappings in force; those that do not load are told by `problems()`.

    In a demo nothing can reach Meta, and the made-up secrets that the samples are signed with stand in
    for those that are not set, so that every shipped mapping can be tried at once.
    """
    made_up = sample_secrets(settings.mappings) if settings.demo else {}
    return MappingFolder(
        settings.mappings,
        environment={**made_up, **environment},
        catalog=load_catalog(),
        destinations=settings.destinations,
        load=load_checked,
    )


def free_disk_bytes(settings: Settings) -> int | None:
    """Return what is free where the database lies, when it lies on this machine."""
    if not settings.database_url.startswith(_SQLITE):
        return None
    try:
        return shutil.disk_usage(Path(settings.database_url.removeprefix(_SQLITE)).parent).free
    except OSError:
        return None


def codes_in_force(settings: Settings, now: datetime) -> Iterator[tuple[str, str]]:
    """Find every test_event_code that is in force by the settings."""
    for name in settings.destinations:
        if code := code_of_destination(settings, name, now):
            yield f"destination {name}", code
    for name in settings.hooks:
        if code := code_of_hook(settings, name, now):
            yield f"mapping {name}", code
