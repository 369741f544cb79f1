"""Asks Meta about tokens and datasets: for people who look, never for deciding a delivery.

Tokens made in Events Manager may send but not read the dataset, so a refused read proves nothing. Only
error code 190 says that a token is bad.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from bridge.delivery.http_client import GraphRequest, HttpResponse, Send
from bridge.errors import CannotOpen
from bridge.settings import Destination

TokenState = Literal["valid", "invalid", "cannot tell"]
_BAD_TOKEN = 190
_DATASET_FIELDS = "id,name,last_fired_time,is_unavailable"
_ACCOUNT_FIELDS = f"id,name,adspixels.limit(100){{{_DATASET_FIELDS}}}"
_COUNTED_FOR = timedelta(days=7)
_MOST_PAGES = 50
_QUALITY_FIELDS = (
    "web{event_name,"
    "event_match_quality{composite_score,match_key_feedback{identifier,coverage{percentage}}},"
    "event_coverage{percentage,goal_percentage},"
    "dedupe_key_feedback{dedupe_key,browser_events_with_dedupe_key{percentage},"
    "server_events_with_dedupe_key{percentage},overall_browser_coverage_from_dedupe_key{percentage}},"
    "data_freshness{upload_frequency}}"
)


@dataclass(frozen=True, slots=True)
class DestinationReport:
    """What Meta says of one destination; None is what could not be found out.

    `expires_at` is None for a token that does not expire, too; `permissions` tells whether the token
    could be looked into.
    """

    destination: str
    dataset_id: str
    state: TokenState
    expires_at: datetime | None = None
    permissions: tuple[str, ...] | None = None
    dataset_name: str | None = None
    last_event: str | None = None
    message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "destination": self.destination,
            "dataset_id": self.dataset_id,
            "token": self.state.replace(" ", "_"),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "permissions": list(self.permissions) if self.permissions is not None else None,
            "dataset_name": self.dataset_name,
            "last_event": self.last_event,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class GraphReader:
    """Reads from the Graph API as one destination. The token is sent in a header."""

    graph_url: str
    destination: Destination
    send: Send

    def get(self, path: str, **query: str) -> HttpResponse:
        """Read one edge; raises CannotOpen when no response came."""
        entry = self.destination
        if entry.appsecret_proof:
            query["appsecret_proof"] = entry.appsecret_proof
        url = f"{self.graph_url.rstrip('/')}/{entry.api_version}/{path}"
        response = self.send(GraphRequest(url, entry.access_token, method="GET", query=query))
        if response.status is None:
            fix = "check the network and graph_url"
            raise CannotOpen(f"{self.graph_url}: no response ({response.failure})", fix=fix)
        return response


def report_on(reader: GraphReader) -> DestinationReport:
    """Find out whether a token is valid, what it may do, and which dataset it leads to."""
    entry = reader.destination
    token = reader.get("debug_token", input_token=entry.access_token)
    dataset = reader.get(entry.dataset_id, fields=_DATASET_FIELDS)
    probes = [token, dataset]
    if not any(map(_answered, probes)):
        probes.append(reader.get("dataset_quality", dataset_id=entry.dataset_id, fields="web{event_name}"))
    about_token = _body(token).get("data") or {}
    node = _body(dataset)
    return DestinationReport(
        entry.name,
        entry.dataset_id,
        _state(probes, about_token),
        expires_at=_first_end(about_token),
        permissions=tuple(map(str, about_token["scopes"])) if "scopes" in about_token else None,
        dataset_name=node.get("name"),
        last_event=node.get("last_fired_time"),
        message=next((text for probe in probes if (text := error_message(probe))), _token_error(about_token)),
    )


def _state(probes: list[HttpResponse], about_token: Mapping[str, Any]) -> TokenState:
    if about_token.get("is_valid") is False or any(_code(probe) == _BAD_TOKEN for probe in probes):
        return "invalid"
    return "valid" if any(map(_answered, probes)) else "cannot tell"


def datasets_seen(reader: GraphReader, now: datetime) -> list[dict[str, Any]]:
    """Return every dataset of an ad account that the token can see, with its events of the last days."""
    found: dict[str, dict[str, Any]] = {}
    for account in _pages(reader, "me/adaccounts", fields=_ACCOUNT_FIELDS):
        for node in (account.get("adspixels") or {}).get("data", ()):
            seen = found.setdefault(node["id"], {**node, "ad_accounts": []})
            seen["ad_accounts"].append(account.get("name"))
    return [{**node, "events": _event_counts(reader, name, now)} for name, node in found.items()]


def _pages(reader: GraphReader, path: str, **query: str) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of an edge, page after page; raises CannotOpen when Meta does not list them."""
    after: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = reader.get(path, **query, **after)
        if not _answered(page):
            raise CannotOpen(f"Meta does not list the datasets: {error_message(page)}", fix=_NEEDS_READ)
        yield from _body(page).get("data", ())
        paging = _body(page).get("paging") or {}
        cursor = (paging.get("cursors") or {}).get("after")
        if not cursor or not paging.get("next"):
            return
        after = {"after": cursor}


_NEEDS_READ = "tokens made in Events Manager may send but not read; use a system user's token with ads_read"


def _event_counts(reader: GraphReader, dataset_id: str, now: datetime) -> dict[str, int] | None:
    """Return how many events of each name Meta counted; None when the token may not read it.

    Meta counts by the hour, and for seven days at most.
    """
    since = (now - _COUNTED_FOR).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    counts: Counter[str] = Counter()
    try:
        for hour in _pages(
            reader, f"{dataset_id}/stats", aggregation="event", start_time=str(int(since.timestamp()))
        ):
            for entry in hour.get("data", ()):
                counts[str(entry.get("value"))] += int(entry.get("count") or 0)
    except CannotOpen:
        return None
    return dict(counts)


def dataset_quality(reader: GraphReader) -> list[dict[str, Any]]:
    """Return Meta's match quality and deduplication of each website event of the destination's dataset."""
    response = reader.get("dataset_quality", dataset_id=reader.destination.dataset_id, fields=_QUALITY_FIELDS)
    if not _answered(response):
        raise CannotOpen(f"Meta does not show the quality: {error_message(response)}", fix=_NEEDS_QUALITY)
    rows = _body(response).get("web") or []
    return [row for row in rows if isinstance(row, dict)]


_NEEDS_QUALITY = "the token needs access to the dataset"


def error_message(response: HttpResponse) -> str | None:
    """Return Meta's own words for an error, with its code."""
    error = _body(response).get("error")
    if isinstance(error, dict):
        return f"{error.get('message')} (code {error.get('code')})"
    return None if _answered(response) else f"HTTP {response.status}"


def _answered(response: HttpResponse) -> bool:
    return response.status == 200 and isinstance(response.body, dict)


def _code(response: HttpResponse) -> Any:
    error = _body(response).get("error")
    return error.get("code") if isinstance(error, dict) else None


def _body(response: HttpResponse) -> Mapping[str, Any]:
    return response.body if isinstance(response.body, dict) else {}


def _token_error(about_token: Mapping[str, Any]) -> str | None:
    """Return why Meta says that a token is not valid: `debug_token` answers 200 all the same."""
    error = about_token.get("error")
    return f"{error.get('message')} (code {error.get('code')})" if isinstance(error, dict) else None


def _first_end(about_token: Mapping[str, Any]) -> datetime | None:
    """Return when a token ends, or its access to data, which ends 90 days after a person last agreed."""
    ends = [_moment(about_token.get(name)) for name in ("expires_at", "data_access_expires_at")]
    return min((end for end in ends if end is not None), default=None)


def _moment(seconds: Any) -> datetime | None:
    """Return when a token expires; Meta says 0 for never."""
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds > 0 else None
