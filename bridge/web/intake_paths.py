"""Which paths take webhooks and beacons: what a server must know before it has loaded everything else."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from bridge.jobs.bulk_import import MOST_BYTES
from bridge.settings.models import CompanionSettings, ServerLimits
from bridge.web import hooks
from bridge.web.companion import beacons
from bridge.web.drop_in import conversions_api
from bridge.web.intake import Endpoint

READ = ("GET", "HEAD")
_FILES = ("/api/import/", "/console/import")
_MOST_OF_FILES = MOST_BYTES + 65_536  # the form around a file takes some, too


def most_bytes(path: str, limits: ServerLimits) -> int:
    """Return how large a body may be that is no webhook: a file to import may be larger than the others."""
    return max(limits.max_body_bytes, _MOST_OF_FILES if path.startswith(_FILES) else 0)


class Intake(NamedTuple):
    """An intake endpoint with the parameters of one path."""

    endpoint: Endpoint
    parameters: dict[str, str]


def intake_at(method: str, path: str, companion: CompanionSettings | None = None) -> Intake | None:
    """Return the intake endpoint at a path as sent, percent-encoded; None for every other path.

    What pages report comes to the path that the settings of the companion name. Every other path is split
    before its segments are decoded: an encoded slash is part of a name. Senders write two slashes where the
    URL that they were given ends in one, so empty segments do not count.
    """
    if companion is not None and method == "POST" and path == companion.path:
        return Intake(beacons.ENDPOINT, {})
    match [segment for segment in path.split("/") if segment]:
        case ["hooks", *names] if names and method in {"POST", *READ}:
            return Intake(hooks.ENDPOINT, {"name": "/".join([unquote(name) for name in names])})
        case ["capi", dataset_id, "events"] if method == "POST":
            return Intake(conversions_api.GATEWAY, {"dataset_id": unquote(dataset_id)})
        case [version, dataset_id, "events"] if method == "POST":
            parameters = {"version": unquote(version), "dataset_id": unquote(dataset_id)}
            return Intake(conversions_api.ENDPOINT, parameters)
        case _:
            return None
