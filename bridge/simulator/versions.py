"""Which Graph API versions answer, which are near their end, and which never were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from bridge.simulator.data import SimulatorData


@dataclass(frozen=True, slots=True)
class VersionState:
    """What a request to one version gets: `warning` is the text of X-Ad-Api-Version-Warning."""

    state: Literal["usable", "expired", "unknown"]
    warning: str | None = None


def version_state(version: str, data: SimulatorData, today: date) -> VersionState:
    """Judge a version by its end date; one older than the table has expired, a newer one is unknown."""
    if version not in data.versions:
        oldest = min(map(_number, data.versions))
        return (
            VersionState("expired", _upgraded(version))
            if _number(version) < oldest
            else VersionState("unknown")
        )
    end = data.versions[version]
    if end is None or today < end - timedelta(days=data.rules["warn_days_before_end"]):
        return VersionState("usable")
    if today < end:
        return VersionState(
            "usable", f"{version} can be used until {end.isoformat()}. Please move to a newer version."
        )
    return VersionState("expired", _upgraded(version))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _upgraded(version: str) -> str:
    return f"The call has been auto-upgraded from {version}, which has expired, to the oldest usable version."
