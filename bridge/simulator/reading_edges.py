"""The edges that tell about tokens and datasets: token, dataset, statistics, dataset quality.

Answers are made from what the simulator received. A token that may send only (as the ones made in Events
Manager) is refused the dataset and its statistics, but not the quality; so it is at Meta.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson

from bridge.simulator.checks import Rejection
from bridge.simulator.events_edge import AccessPolicy, SimulatorRequest, token_of
from bridge.simulator.inbox import Inbox, ReceivedEvent
from bridge.simulator.response_writer import ResponseWriter, SimulatorResponse

_PATH = re.compile(r"/v\d+\.\d+/(?P<edge>debug_token|dataset_quality|me/adaccounts|\d+|\d+/stats)/?")
_IDENTIFIERS = {
    "em": "email",
    "ph": "phone",
    "external_id": "external_id",
    "client_ip_address": "ip_address",
    "client_user_agent": "user_agent",
}
_MISSING_PERMISSION = Rejection("parameter", "(#100) Missing Permission")
# https://developers.facebook.com/documentation/ads-commerce/marketing-api/reference/ads-pixel/stats
_AGGREGATIONS = frozenset(
    {"browser_type", "custom_data_field", "device_os", "device_type", "event", "event_detection_method"}
    | {"event_processing_results", "event_source", "event_total_counts", "event_value_count", "had_pii"}
    | {"host", "match_keys", "pixel_fire", "url", "url_by_rule"}
)
_COUNTED_FOR = timedelta(days=7)
_LIMIT_OF_AN_EDGE = re.compile(r"\.limit\(\d+\)")
# of the nodes AdsPixel and AdAccount, as Meta's SDK for Python names them
_FIELDS = frozenset(
    {"id", "name", "adspixels", "code", "creation_time", "creator", "is_created_by_business"}
    | {"is_unavailable", "last_fired_time", "owner_ad_account", "owner_business", "data_use_setting"}
    | {"enable_automatic_matching", "account_id", "account_status", "currency", "business"}
)


@dataclass(frozen=True, slots=True)
class ReadingEdges:
    """Everything of Meta's that is read with GET; everything it needs is passed in."""

    clock: Callable[[], datetime]
    responses: ResponseWriter
    inbox: Inbox
    policy: AccessPolicy

    def handle(self, request: SimulatorRequest) -> SimulatorResponse | None:
        """Respond to a GET of a known edge; None leaves the request to the events edge."""
        found = _PATH.fullmatch(request.path)
        if request.method != "GET" or found is None:
            return None
        parameters = dict(parse_qsl(request.query))
        token = token_of(request, parameters)
        if failure := self._access(token, parameters) or self._unknown_field(found["edge"], parameters):
            return failure
        name = found["edge"]
        if name in _ROOT_EDGES:
            return _ROOT_EDGES[name](self, token, parameters)
        dataset_id, _, edge = name.partition("/")
        if token in self.policy.send_only_tokens:
            return self.responses.rejected(_MISSING_PERMISSION)
        if dataset_id not in self._datasets(token):
            return self.responses.rejected(Rejection("unsupported_request"))
        return self._statistics(dataset_id, parameters) if edge else _json(self._dataset(dataset_id))

    def _unknown_field(self, edge: str, parameters: Mapping[str, str]) -> SimulatorResponse | None:
        """Reject what Meta has no field for; the fields of `dataset_quality` are another story."""
        if edge == "dataset_quality":
            return None
        asked = re.split(r"[,{}]+", _LIMIT_OF_AN_EDGE.sub("", parameters.get("fields", "")))
        unknown = next((name for name in asked if name and name not in _FIELDS), None)
        if unknown is None:
            return None
        message = f"(#100) Tried accessing nonexisting field ({unknown})"
        return self.responses.rejected(Rejection("parameter", message))

    def _access(self, token: str, parameters: Mapping[str, str]) -> SimulatorResponse | None:
        datasets = self.policy.datasets
        if not token:
            return self.responses.rejected(Rejection("token_missing"))
        if token in self.policy.expired_tokens:
            return self.responses.rejected(Rejection("token_expired"))
        if datasets is not None and not any(token in tokens for tokens in datasets.values()):
            return self.responses.rejected(Rejection("token_unknown"))
        if not self.policy.is_proven(token, parameters.get("appsecret_proof")):
            return self.responses.rejected(Rejection("proof_invalid"))
        return None

    def _datasets(self, token: str) -> Collection[str]:
        """Return the datasets a token can see: those it was given, else those that received events."""
        if self.policy.datasets is None:
            return dict.fromkeys(event.dataset_id for event in self.inbox.events()) or _EVERY_DATASET
        return [name for name, tokens in self.policy.datasets.items() if token in tokens]

    def debug_token(self, token: str, parameters: Mapping[str, str]) -> SimulatorResponse:
        """Describe the token in `input_token`; only a valid one comes this far."""
        asked = parameters.get("input_token", "")
        if asked != token:
            return self.responses.rejected(_MISSING_PERMISSION)
        scopes = ["ads_read"] if token in self.policy.send_only_tokens else ["ads_management", "ads_read"]
        expires = self.policy.token_expires_at
        return _json(
            {
                "data": {
                    "app_id": "1",
                    "type": "SYSTEM_USER",
                    "application": "Simulated app",
                    "data_access_expires_at": 0,
                    "is_valid": True,
                    "expires_at": int(expires.timestamp()) if expires else 0,
                    "issued_at": int(self.clock().timestamp()) - 86_400,
                    "user_id": "1",
                    "scopes": scopes,
                }
            }
        )

    def ad_accounts(self, token: str, _parameters: Mapping[str, str]) -> SimulatorResponse:
        """List one ad account with every dataset that the token can see."""
        if token in self.policy.send_only_tokens:
            return self.responses.rejected(_MISSING_PERMISSION)
        nodes = [self._dataset(dataset_id) for dataset_id in self._datasets(token)]
        account = {"id": "act_1", "name": "Simulated account", "adspixels": {"data": nodes}}
        return _json({"data": [account]})

    def quality(self, token: str, parameters: Mapping[str, str]) -> SimulatorResponse:
        """Describe the website events of one dataset by event name."""
        dataset_id = parameters.get("dataset_id", "")
        if dataset_id not in self._datasets(token):
            return self.responses.rejected(Rejection("unsupported_request"))
        by_name: dict[str, list[ReceivedEvent]] = {}
        for event in self._received(dataset_id):
            if event.event.get("action_source") == "website":
                by_name.setdefault(str(event.event.get("event_name")), []).append(event)
        return _json({"web": [_quality_of(name, events) for name, events in sorted(by_name.items())]})

    def _received(self, dataset_id: str) -> list[ReceivedEvent]:
        return [event for event in self.inbox.events() if event.dataset_id == dataset_id]

    def _dataset(self, dataset_id: str) -> dict[str, Any]:
        last = max((event.received_at for event in self._received(dataset_id)), default=None)
        node = {"id": dataset_id, "name": f"Simulated dataset {dataset_id}", "is_unavailable": False}
        return {**node, "last_fired_time": last} if last else node

    def _statistics(self, dataset_id: str, parameters: Mapping[str, str]) -> SimulatorResponse:
        """Count events by the hour, for seven days at most; other aggregations are known, and empty."""
        aggregation = parameters.get("aggregation", "event")
        if aggregation not in _AGGREGATIONS:
            message = f"(#100) Param aggregation must be one of {{{', '.join(sorted(_AGGREGATIONS))}}}"
            return self.responses.rejected(Rejection("parameter", message))
        since = parameters.get("start_time", "0")
        if not since.isdecimal() or self._is_too_early(int(since)):
            message = "(#100) start_time must be within the last seven days"
            return self.responses.rejected(Rejection("parameter", message))
        hours: dict[str, Counter[str]] = {}
        for event in self._received(dataset_id) if aggregation == "event" else ():
            at = datetime.fromisoformat(event.received_at)
            if at.timestamp() >= int(since):
                hour = at.strftime("%Y-%m-%dT%H:00:00+0000")
                hours.setdefault(hour, Counter())[str(event.event.get("event_name"))] += 1
        return _json({"data": [_counts_of(hour, counts) for hour, counts in sorted(hours.items())]})

    def _is_too_early(self, since: int) -> bool:
        return bool(since) and since < (self.clock() - _COUNTED_FOR).timestamp()


class _EveryDataset(frozenset[str]):
    def __contains__(self, _name: object) -> bool:
        return True


_EVERY_DATASET = _EveryDataset()
_ROOT_EDGES: Mapping[str, Callable[[ReadingEdges, str, Mapping[str, str]], SimulatorResponse]] = {
    "debug_token": ReadingEdges.debug_token,
    "dataset_quality": ReadingEdges.quality,
    "me/adaccounts": ReadingEdges.ad_accounts,
}


def _counts_of(hour: str, counts: Mapping[str, int]) -> dict[str, Any]:
    rows = [{"value": name, "count": count} for name, count in sorted(counts.items())]
    return {"aggregation": "event", "start_time": hour, "data": rows}


def _quality_of(name: str, events: Sequence[ReceivedEvent]) -> dict[str, Any]:
    shares = {
        identifier: _percent(sum(bool(e.event.get("user_data", {}).get(key)) for e in events), len(events))
        for key, identifier in _IDENTIFIERS.items()
    }
    with_id = _percent(sum(bool(e.event.get("event_id")) for e in events), len(events))
    return {
        "event_name": name,
        "event_match_quality": {
            "composite_score": round(1 + 9 * sum(shares.values()) / (100 * len(shares)), 1),
            "match_key_feedback": [
                {"identifier": identifier, "coverage": {"percentage": share}}
                for identifier, share in shares.items()
                if share
            ],
        },
        "event_coverage": {"percentage": 0.0, "goal_percentage": 75.0},
        "data_freshness": {"upload_frequency": "real_time"},
        "dedupe_key_feedback": [
            {
                "dedupe_key": "event_id",
                "browser_events_with_dedupe_key": {"percentage": 0.0},
                "server_events_with_dedupe_key": {"percentage": with_id},
                "overall_browser_coverage_from_dedupe_key": {"percentage": 0.0},
            }
        ],
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1)


def _json(value: Any) -> SimulatorResponse:
    return SimulatorResponse(200, orjson.dumps(value))
