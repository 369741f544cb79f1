"""The active mappings: changed files are reloaded, and the last good version of each stays active."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from bridge.errors import BridgeError, Invalid, UnknownMapping
from bridge.finding import Finding, Position
from bridge.mapping.compiler.loader import load_mapping
from bridge.mapping.files import mapping_files, name_of, was_deleted
from bridge.mapping.language.reader import LoadOptions
from bridge.mapping.runtime.mapping import CompiledMapping

Stamp = tuple[int, int, int]
_NO_STAMP: Stamp = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Known:
    """One file as last looked at: its stamp, the last good mapping, and what is wrong with it now."""

    stamp: Stamp
    mapping: CompiledMapping | None
    findings: tuple[Finding, ...]


class MappingFolder:
    """Every mapping of some folders by name. Reading is cheap: the files are looked at once in a while.

    `look_every_seconds` is how long a look lasts; `clock` counts seconds and never runs backwards; `load`
    makes a mapping of a file, or raises Invalid with what is wrong with it.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        look_every_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        load: Callable[..., CompiledMapping] = load_mapping,
        **options: Unpack[LoadOptions],
    ) -> None:
        self._folders = tuple(folders)
        self._options = options
        self._look_every = look_every_seconds
        self._clock = clock
        self._load = load
        self._lock = threading.Lock()
        self._known: dict[Path, _Known] = {}
        self._by_name: dict[str, CompiledMapping] = {}
        self._next_look = float("-inf")
        self._is_watched = False
        with _without_garbage_collection():
            self.refresh()

    def get(self, name: str) -> CompiledMapping:
        """Return the active mapping of a name; raises UnknownMapping."""
        self._look()
        mapping = self._by_name.get(name)
        if mapping is None:
            raise UnknownMapping(
                f"there is no mapping {name!r}" if len(name) <= 100 else "there is no such mapping",
                fix="compare the name with those of the mapping files",
            )
        return mapping

    def names(self) -> tuple[str, ...]:
        """Return the names of all active mappings."""
        self._look()
        return tuple(sorted(self._by_name))

    def mappings(self) -> tuple[CompiledMapping, ...]:
        """Return all active mappings, by name."""
        self._look()
        return tuple(mapping for _, mapping in sorted(self._by_name.items()))

    def problems(self) -> Mapping[str, tuple[Finding, ...]]:
        """Return what is wrong with each file that cannot be taken as it is now, by file."""
        self._look()
        return {str(file): known.findings for file, known in sorted(self._known.items()) if known.findings}

    def broken(self) -> Mapping[str, tuple[Finding, ...]]:
        """Return the same by the name under which the mapping answers, or would."""
        return {name_of(Path(file), self._folders): findings for file, findings in self.problems().items()}

    def watch(self, report: Callable[[Exception], None]) -> Callable[[], None]:
        """Look at the files in a thread of their own from now on, so that asking never waits for a disk.

        `report` is told what goes wrong with looking itself. Returns what ends it.
        """
        self._is_watched = True
        stop = threading.Event()
        threading.Thread(target=self._watch, args=(report, stop), daemon=True, name="mappings").start()
        return stop.set

    def _watch(self, report: Callable[[Exception], None], stop: threading.Event) -> None:
        while not stop.wait(self._look_every):
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - the next look may go better
                report(error)

    def refresh(self) -> None:
        """Look at the files now."""
        with self._lock:
            self._refresh()

    def _look(self) -> None:
        is_time = not self._is_watched and self._clock() >= self._next_look
        if not is_time or not self._lock.acquire(blocking=False):
            return
        try:
            self._refresh()
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        self._next_look = self._clock() + self._look_every
        files = dict.fromkeys(file for folder in self._folders for file in self._files(folder))
        known = {file: self._entry(file, _stamp(file)) for file in files}
        if known != self._known or not self._by_name:
            by_name: dict[str, CompiledMapping] = {}
            for entry in known.values():
                if entry.mapping is not None:
                    by_name.setdefault(entry.mapping.name, entry.mapping)
            self._known, self._by_name = known, by_name

    def _files(self, folder: Path) -> Iterator[Path]:
        """Yield the files of a folder, and those known from it that are out of reach and not deleted."""
        found = dict.fromkeys(mapping_files(folder))
        yield from found
        missing = (file for file in self._known if file not in found and file.is_relative_to(folder))
        yield from (file for file in missing if not was_deleted(file, folder))

    def _entry(self, file: Path, stamp: Stamp) -> _Known:
        if twin := twin_finding(file):
            return _Known(_NO_STAMP, None, (twin,))
        before = self._known.get(file)
        return before if before is not None and before.stamp == stamp else self._loaded(file, stamp)

    def _loaded(self, file: Path, stamp: Stamp) -> _Known:
        before = self._known.get(file)
        last_good = before.mapping if before else None
        try:
            mapping = self._load(file, name=name_of(file, self._folders), **self._options)
        except Invalid as invalid:
            return _Known(stamp, last_good, invalid.findings)
        except BridgeError as error:
            return _Known(stamp, last_good, (Finding("error", error.code, error.message, error.fix),))
        return _Known(stamp, mapping, ())


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Load many mappings in half the time: nearly all that is made meanwhile stays."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def twin_finding(file: Path) -> Finding | None:
    """Return an error for a .yml file beside the .yaml file of its name: only one of them can be active."""
    twin = file.with_suffix(".yaml")
    if file.suffix != ".yml" or not twin.is_file():
        return None
    message = f"{file.name} is beside {twin.name}: both have the name {file.stem}, and {twin.name} is used"
    fix = f"merge them into {twin.name}, or rename one"
    return Finding("error", "two_files_of_one_name", message, fix, position=Position(str(file), 1, 1))


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except OSError:
        return _NO_STAMP
    return status.st_mtime_ns, status.st_size, status.st_ino
