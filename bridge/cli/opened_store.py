"""The outbox that a command works with: its database migrated, and where wanted its settings read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bridge.bootstrap import open_store, prepare
from bridge.cli.options import settings_of
from bridge.outbox import Outbox
from bridge.settings import Settings


@contextmanager
def prepared_store(settings: Settings) -> Iterator[Outbox]:
    """Yield the outbox of these settings, its database migrated; it is closed at the end."""
    prepare(settings)
    with closing(open_store(settings)) as outbox:
        yield outbox


@contextmanager
def opened_store(config: Path | None) -> Iterator[tuple[Outbox, Settings]]:
    """Yield the outbox and the settings that a command was pointed at; the outbox is closed at the end."""
    settings = settings_of(config)
    with prepared_store(settings) as outbox:
        yield outbox, settings
