"""What Meta lists comes in pages, and counts by the hour."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.delivery.graph_reads import GraphReader, datasets_seen
from bridge.delivery.http_client import GraphRequest, HttpResponse
from bridge.errors import CannotOpen
from bridge.settings import Destination

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
ACCOUNT = {"name": "Shop", "adspixels": {"data": [{"id": "7", "name": "Website"}]}}
OTHER = {"name": "Agency", "adspixels": {"data": [{"id": "7", "name": "Website"}, {"id": "8"}]}}


def page(*entries, after=None, more=True):
    paging = {"cursors": {"after": after}, **({"next": "https://graph…"} if more else {})}
    return HttpResponse(200, {}, {"data": list(entries), "paging": paging if after else {}})


def reading(answers):
    """Return a reader that is answered by these pages, by the end of the path, and what it asked."""
    asked: list[tuple[str, str | None]] = []

    def send(request: GraphRequest) -> HttpResponse:
        edge = request.url.partition("/v")[2].partition("/")[2]
        asked.append((edge, request.query.get("after")))
        return answers[edge].pop(0)

    return GraphReader("https://graph.example", Destination("main", "7", "token"), send), asked


def hour(*counted):
    return {"data": [{"value": name, "count": number} for name, number in counted]}


def test_pages_are_read_to_the_last_and_counts_added_up():
    reader, asked = reading(
        {
            "me/adaccounts": [page(ACCOUNT, after="a"), page(OTHER, after="b", more=False)],
            "7/stats": [
                page(hour(("Lead", 3), ("Purchase", 1)), hour(("Lead", 4)), after="c"),
                page(hour(("Purchase", None))),
            ],
            "8/stats": [HttpResponse(400, {}, {"error": {"code": 200, "message": "no"}})],
        }
    )
    assert datasets_seen(reader, NOW) == [
        {
            "id": "7",
            "name": "Website",
            "ad_accounts": ["Shop", "Agency"],
            "events": {"Lead": 7, "Purchase": 1},
        },
        {"id": "8", "ad_accounts": ["Agency"], "events": None},
    ]
    assert asked == [
        ("me/adaccounts", None),
        ("me/adaccounts", "a"),
        ("7/stats", None),
        ("7/stats", "c"),
        ("8/stats", None),
    ]


def test_a_list_that_meta_refuses_is_told_in_its_words():
    refused = HttpResponse(400, {}, {"error": {"code": 200, "message": "Requires ads_read"}})
    reader, _ = reading({"me/adaccounts": [refused]})
    with pytest.raises(CannotOpen, match="Requires ads_read"):
        datasets_seen(reader, NOW)
