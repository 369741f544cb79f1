"""A mapping that is only text so far: loaded to be tried out, never to take webhooks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from bridge.mapping.compiler.loader import load_mapping
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec


class AnySecret(Mapping[str, str]):
    """An environment for drafts: every `${NAME}` is set, and none to anything real."""

    def __getitem__(self, name: str) -> str:
        return "00ff00ff"  # a text, and readable as hex and base64, whatever secret_encoding says

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def draft_mapping(
    text: str,
    spec: MetaSpec,
    destinations: Collection[str],
    name: str = "mapping",
    folder: Path | None = None,
) -> CompiledMapping:
    """Return the mapping that a text means; raises Invalid with everything that is wrong with it.

    `folder` is where its samples are, if it has any.
    """
    return load_mapping(
        (folder or Path()) / f"{name}.yaml",
        environment=AnySecret(),
        secrets="optional",  # a public key of the right kind cannot be made up
        spec=spec,
        destinations=destinations,
        source=text.encode("utf-8", "replace"),
    )
