"""The outbox that a command works with: its settings read, its database migrated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bridge.bootstrap import open_store, prepare
from bridge.cli.options import settings_of
from bridge.outbox import Outbox
from bridge.settings import Settings


@contextmanager
def opened_store(config: Path | None) -> Iterator[tuple[Outbox, Settings]]:
    """Yield the outbox and the settings that a command was pointed at; the outbox is closed at the end."""
    settings = settings_of(config)
    prepare(settings)
    with closing(open_store(settings)) as outbox:
        yield outbox, settings
