"""Which files of a folder are mappings, and the name of each: `acme/lead.yaml` answers as `acme/lead`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = frozenset({".yaml", ".yml"})
SIMPLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # what a person may call a new mapping
_NO_MAPPINGS = "samples"
_MOST_LEVELS = 4


def mapping_files(folder: Path) -> Iterator[Path]:
    """Yield the mapping files of a folder and of the folders below it, in order.

    `samples` and what begins with a dot or an underscore hold none. What has the name of a mapping file is
    one, even when it cannot be read: a link that leads nowhere, or a folder.
    """
    yield from _files(folder, _MOST_LEVELS)


def _files(folder: Path, levels: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith((".", "_")) or entry.name == _NO_MAPPINGS:
            continue
        if entry.suffix in SUFFIXES:
            yield entry
        elif levels > 1 and entry.is_dir():
            yield from _files(entry, levels - 1)


def was_deleted(file: Path, folder: Path) -> bool:
    """Tell whether a file that was below a folder is no longer listed there.

    A folder that cannot be listed (it is being replaced, or its disk is not mounted) tells nothing.
    """
    parent = file.parent
    try:
        while parent != folder and not (parent.exists() or parent.is_symlink()):
            parent = parent.parent
        return parent / file.relative_to(parent).parts[0] not in parent.iterdir()
    except OSError:
        return False


def name_of(file: Path, folders: Iterable[Path]) -> str:
    """Return the name under which a file answers: its path in the folder of mappings, without the suffix."""
    for folder in folders:
        if file.is_relative_to(folder):
            return file.relative_to(folder).with_suffix("").as_posix()
    absolute = file.absolute()
    within = next((one for one in map(Path.absolute, folders) if absolute.is_relative_to(one)), file.parent)
    return file.stem if within == file.parent else absolute.relative_to(within).with_suffix("").as_posix()
