"""Mapping files as the console writes them: at once or not at all, and what was there before is kept.

Earlier contents are kept beside the mappings, in `.revisions/<name>/<time>-<revision>.yaml`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bridge.errors import BridgeError, CannotOpen, WrongUse
from bridge.mapping import CompiledMapping
from bridge.mapping.files import SIMPLE_NAME
from bridge.meta_spec.shipped_files import shipped
from bridge.settings import Settings

_OWN_FOLDER = (
    "make a folder named my-mappings beside bridge.yaml, write mappings: my-mappings into that file, and "
    "start the bridge again; then go back and save again, or download it now"
)
_KEPT = 50  # earlier contents of each mapping


class ChangedMeanwhile(BridgeError):
    """A mapping is not as it was when somebody began to edit it; carries what it is now."""

    code = "changed_meanwhile"

    def __init__(self, content: bytes) -> None:
        super().__init__("the file was changed since you opened it")
        self.content = content


class Earlier(NamedTuple):
    """An earlier content of a mapping, and since when it is no longer the present one."""

    file: Path
    until: datetime
    revision: str


def revision_of(content: bytes) -> str:
    """Return the revision of a mapping file, as the bridge notes it with each webhook."""
    return hashlib.sha256(content).hexdigest()[:16]


def require_simple_name(name: str) -> None:
    """Raise WrongUse for what cannot be the name of a new mapping."""
    if not SIMPLE_NAME.fullmatch(name):
        fix = "it becomes part of the URL: use letters, digits, - and _"
        raise WrongUse("this cannot be the name of a mapping", fix=fix)


def file_to_write(settings: Settings, name: str, mapping: CompiledMapping | None) -> Path:
    """Return where a mapping is saved; raises WrongUse where the console writes nothing."""
    if not settings.console.edit:
        raise WrongUse("the console does not write files here", fix="set console: {edit: yes} in bridge.yaml")
    require_simple_name(name)
    file = mapping.file if mapping else settings.mappings[0] / f"{name}.yaml"
    if file.resolve().is_relative_to(shipped("mappings").resolve()):
        message = "this would be among the mappings that ship with the bridge, and an upgrade would remove it"
        raise WrongUse(message, fix=_OWN_FOLDER)
    return file


def content_of(file: Path) -> bytes:
    """Return what a mapping file holds, nothing when there is none."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CannotOpen(f"{file.name} cannot be read ({error.strerror})") from error


def write(file: Path, content: bytes, began_as: str, now: datetime) -> str:
    """Replace a mapping file; return its new revision.

    `began_as` is the revision that was edited, empty for a new file. Raises ChangedMeanwhile when the file
    has another content by now.
    """
    try:
        with _alone(file):
            present = content_of(file)
            if began_as != (revision_of(present) if present else ""):
                raise ChangedMeanwhile(present)
            if present and present != content:
                _keep(file, present, now)
            _replace(file, content)
    except OSError as error:
        fix = "let the bridge write into the folder of its mappings"
        raise CannotOpen(f"{file.name} cannot be written ({error.strerror})", fix=fix) from error
    return revision_of(content)


def earlier(file: Path) -> list[Earlier]:
    """Return what is kept of a mapping, the newest first."""
    kept = sorted(_folder(file).glob("*-*.yaml"), reverse=True)
    return [found for one in kept if (found := _earlier(one))]


def text_of_revision(file: Path, revision: str) -> str | None:
    """Return the content of a revision of a mapping: the present one or an earlier one that is kept."""
    present = content_of(file)
    if revision_of(present) == revision:
        return present.decode("utf-8", "replace")
    kept = next((one for one in earlier(file) if one.revision == revision), None)
    return content_of(kept.file).decode("utf-8", "replace") if kept else None


def _earlier(file: Path) -> Earlier | None:
    moment, _, revision = file.stem.partition("-")
    try:
        return Earlier(file, datetime.strptime(moment, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC), revision)
    except ValueError:
        return None


def _folder(file: Path) -> Path:
    return file.parent / ".revisions" / file.stem


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Let one process at a time write a mapping."""
    folder = _folder(file)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep(file: Path, content: bytes, now: datetime) -> None:
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{revision_of(content)}.yaml"
    (_folder(file) / name).write_bytes(content)
    for one in earlier(file)[_KEPT:]:
        one.file.unlink(missing_ok=True)


def _replace(file: Path, content: bytes) -> None:
    """Write beside the file, then put it in its place: nobody ever reads half of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.stem}-", dir=file.parent)
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        written.chmod(file.stat().st_mode & 0o777 if file.exists() else 0o644)
        written.replace(file)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
