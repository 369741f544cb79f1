"""The sources of a demo: every name that a mapping may fetch from leads to the simulator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from bridge.settings.models import Rate, Source


class SimulatedSources(Mapping[str, Source]):
    """Knows a source of every name, at the simulator; lists none, because nobody has set one up."""

    def __init__(self, simulator_url: str) -> None:
        self._url: Final = simulator_url

    def __getitem__(self, name: str) -> Source:
        return Source(name, f"{self._url}/sources/{name}", rate=Rate(100, 1.0), insecure=True)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
