"""Which mapping files a command means: files, folders, names, or all of the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bridge.errors import CannotOpen, WrongUse
from bridge.mapping import SUFFIXES, mapping_files, name_of
from bridge.settings import Settings
from bridge.spelling import closest

_MOST_NAMES = 8


def files_meant(paths: Iterable[str], settings: Settings) -> list[Path]:
    """Return every mapping file that the arguments mean; without any, all mappings of the settings."""
    given = tuple(paths)
    if not given:
        return [_as_seen(file) for folder in settings.mappings for file in mapping_files(folder)]
    return [_as_seen(file) for path in given for file in _meant(path, settings)]


def file_meant(path: str, settings: Settings) -> Path:
    """Return the one mapping file that a name or a path means."""
    files = _meant(path, settings)
    if len(files) != 1:
        raise WrongUse(f"{path} is a folder", fix="name one mapping or its file")
    return files[0]


def _as_seen(file: Path) -> Path:
    """Return the path as the user sees it from here: annotations of code reviews need it so."""
    try:
        return file.relative_to(Path.cwd())
    except ValueError:
        return file


def _meant(path: str, settings: Settings) -> list[Path]:
    as_path = Path(path)
    if as_path.is_dir():
        return list(mapping_files(as_path))
    if as_path.is_file():
        return [as_path]
    named = [folder / f"{path}{suffix}" for folder in settings.mappings for suffix in sorted(SUFFIXES)]
    found = next((file for file in named if file.is_file()), None)
    if found is None:
        known = [name_of(file, [folder]) for folder in settings.mappings for file in mapping_files(folder)]
        near = closest(path, known)
        fix = f"did you mean {near}?" if near else _name_one_of(known, settings)
        raise CannotOpen(f"there is no file, folder or mapping {path}", fix=fix)
    return [found]


def _name_one_of(known: Sequence[str], settings: Settings) -> str:
    folders = ", ".join(str(_as_seen(folder)) for folder in settings.mappings)
    if not known:
        return f"there are no mappings in {folders}; `capi-bridge init NAME --from body.json` makes one"
    names = ", ".join(known[:_MOST_NAMES]) + (", …" if len(known) > _MOST_NAMES else "")
    return f"name a file, a folder or one of the mappings in {folders}: {names}"
