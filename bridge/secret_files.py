"""`${file:…}`: a secret that stands in a file of its own, named by a setting or a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 65_536
_PREFIX: Final = "file:"


class UnusableFile(KeyError):
    """A file that holds no secret; `problem` says which file, and why."""

    def __init__(self, file: Path, why: str) -> None:
        self.problem: Final = f"the file {file} {why}"
        super().__init__(self.problem)


def read_secret_file(file: Path) -> str:
    """Return what a file holds, without the spaces and line ends around it; raises UnusableFile."""
    try:
        if not file.is_file() and file.exists():  # a pipe or a device might never end
            raise UnusableFile(file, "is not a regular file")
        with file.open("rb") as stream:
            text = stream.read(MOST_BYTES + 1).decode().strip()
    except (OSError, ValueError) as error:
        raise UnusableFile(file, _why(error)) from error
    if not text:
        raise UnusableFile(file, "is empty")
    if len(text) > MOST_BYTES:
        raise UnusableFile(file, "is too large")
    return text


def _why(error: OSError | ValueError) -> str:
    return f"cannot be read ({error.strerror})" if isinstance(error, OSError) else "is not text"


class SecretsOfMappings(Mapping[str, str]):
    """The environment as mappings see it: `${NAME}` is a variable, `${file:PATH}` what a file holds.

    Paths start at `folder`, where those of the settings start too.
    """

    def __init__(self, variables: Mapping[str, str], folder: Path) -> None:
        self._variables = variables
        self._folder = folder

    def __getitem__(self, name: str) -> str:
        """Return a secret; raises UnusableFile for a file that holds none."""
        if not name.startswith(_PREFIX):
            return self._variables[name]
        return read_secret_file(self._folder / name.removeprefix(_PREFIX).strip())

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)
