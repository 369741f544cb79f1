"""What answers mean, and how long they ask us to wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fetch.exchange import SourceResponse
from bridge.fetch.outcomes import FoundRecord, NoRecord, TryLater, Unusable, outcome_of
from bridge.fetch.wait_headers import asked_wait

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
NOTHING = timedelta()


def response(status, body=b"{}", **headers):
    return SourceResponse(status, headers, body, took_ms=12)


@pytest.mark.parametrize("status", [200, 201, 203, 207])
def test_json_is_a_record(status):
    outcome = outcome_of(response(status, b'{"id": 12345678901234567890, "value": 12.50}'), NOW)
    assert outcome == FoundRecord(b'{"id": 12345678901234567890, "value": 12.50}', 12)
    assert outcome.data == {"id": 12345678901234567890, "value": Decimal("12.50")}


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"{}"), (410, b"gone"), (204, b""), (200, b""), (200, b" \n"), (200, b"null\n")],
)
def test_no_such_record(status, body):
    assert outcome_of(response(status, body), NOW) == NoRecord(12)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(
            response(401),
            TryLater("it refused the key, or what the key may read (HTTP 401)", "setup"),
            id="expired token",
        ),
        pytest.param(
            response(403),
            TryLater("it refused the key, or what the key may read (HTTP 403)", "setup"),
            id="no permission",
        ),
        pytest.param(
            response(302, location="http://169.254.169.254/"),
            TryLater("it answered with a redirect, which is never followed (HTTP 302)", "setup"),
            id="redirect",
        ),
        pytest.param(
            response(200, b"<html><body>Maintenance for zoe@example.com</body></html>"),
            TryLater("it answered with something that is not JSON", "unreachable"),
            id="HTML with 200",
        ),
        pytest.param(
            response(200, b"7"),
            TryLater("it answered with something that is not JSON", "unreachable"),
            id="7",
        ),
        pytest.param(
            response(200, b'{"id": NaN}'),
            TryLater("it answered with something that is not JSON", "unreachable"),
            id="NaN",
        ),
        pytest.param(response(500), TryLater("it answered HTTP 500", "unreachable"), id="500"),
        pytest.param(response(100), TryLater("it answered HTTP 100", "unreachable"), id="100"),
        pytest.param(response(408), TryLater("it answered HTTP 408", "unreachable"), id="408"),
        pytest.param(
            response(503, b"", **{"retry-after": "120"}),
            TryLater("it answered HTTP 503", "unreachable", timedelta(minutes=2)),
            id="503 with Retry-After",
        ),
        pytest.param(
            response(503, b'{"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}'),
            TryLater("its rate limit is reached (HTTP 503)", "limit"),
            id="503 that means a limit",
        ),
        pytest.param(
            response(429, b"slow down"),
            TryLater("its rate limit is reached (HTTP 429)", "limit"),
            id="429",
        ),
        pytest.param(
            response(429, b'{"error": {"message": "slow down", "rate_reset": 0.7}}'),
            TryLater("its rate limit is reached (HTTP 429)", "limit", timedelta(seconds=0.7)),
            id="429 with the wait in its body",
        ),
        pytest.param(response(400), Unusable("it answered HTTP 400"), id="400"),
        pytest.param(response(422), Unusable("it answered HTTP 422"), id="422"),
        pytest.param(
            SourceResponse(None, failure="its answer is longer than 1 MiB", cause="record"),
            Unusable("its answer is longer than 1 MiB"),
            id="too long",
        ),
        pytest.param(
            response(200, json.dumps([0] * 30_000).encode()),
            Unusable("its answer holds more values than are read here"),
            id="too many values",
        ),
        pytest.param(
            SourceResponse(None, failure="it could not be connected to"),
            TryLater("it could not be connected to", "unreachable"),
            id="no answer",
        ),
        pytest.param(
            SourceResponse(None, failure="its certificate is not valid", cause="setup"),
            TryLater("its certificate is not valid", "setup"),
            id="certificate",
        ),
    ],
)
def test_every_other_answer_says_what_to_do(answer, outcome):
    assert outcome_of(answer, NOW) == outcome


def graphql(code, **others):
    error = {"message": "for zoe@example.com", "extensions": {"code": code}}
    return json.dumps({"errors": [error], "data": None, **others}).encode()


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param(
            graphql("THROTTLED"),
            TryLater("its rate limit is reached (an error of GraphQL)", "limit"),
            id="throttled",
        ),
        pytest.param(
            graphql("UNAUTHENTICATED"),
            TryLater("it refused the key, or what the key may read (an error of GraphQL)", "setup"),
            id="refused key",
        ),
        pytest.param(
            graphql("INTERNAL_SERVER_ERROR"),
            TryLater("it had a fault of its own (an error of GraphQL)", "unreachable"),
            id="fault",
        ),
        pytest.param(
            graphql("undefinedField"),
            Unusable("it answered with an error of GraphQL, about the query or the record"),
            id="wrong query",
        ),
        pytest.param(
            b'{"errors": [{"message": "no"}]}',
            Unusable("it answered with an error of GraphQL, about the query or the record"),
            id="no code, no data",
        ),
        pytest.param(
            b'{"errors": [7, null, {"extensions": 3, "type": ["THROTTLED"]}], "data": null}',
            Unusable("it answered with an error of GraphQL, about the query or the record"),
            id="errors of other forms",
        ),
    ],
)
def test_an_error_of_graphql_counts_although_its_status_is_200(body, outcome):
    assert outcome_of(response(200, body), NOW) == outcome


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(graphql("THROTTLED", data={"client": {"email": "zoe@example.com"}}), id="some data"),
        pytest.param(b'{"status": "COMPLETE", "results": [], "errors": [{"category": "x"}]}', id="a batch"),
        pytest.param(b'{"errors": []}', id="no errors"),
        pytest.param(b'{"errors": {"limit": 3}}', id="errors that are a record"),
        pytest.param(b'{"errors": 3, "data": null}', id="a number of errors"),
    ],
)
def test_an_answer_with_data_is_a_record_whatever_errors_are_beside_it(body):
    assert isinstance(outcome_of(response(200, body), NOW), FoundRecord)


UNREADABLE = {
    "Infinity": b'{"id": Infinity}',
    "a number beyond every size": b'{"id": 1e400}',
    "a number of 5,000 digits": b'{"id": ' + b"9" * 5000 + b"}",
    "JSONP": b'cb({"id": 7})',
    "a guard before the JSON": b')]}\',\n{"id": 7}',
    "two objects": b'{"id": 7}{"id": 8}',
    "a text": b'"zoe@example.com"',
    "true": b"true",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_json_is_asked_for_again(body):
    assert outcome_of(response(200, body), NOW) == TryLater(
        "it answered with something that is not JSON", "unreachable"
    )


@pytest.mark.parametrize("depth", [100, 5000])
def test_json_that_is_nested_without_end_is_not_read(depth):
    body = b'{"a":' * depth + b"1" + b"}" * depth
    assert outcome_of(response(200, body), NOW) == Unusable("its answer holds more values than are read here")


READABLE = {
    "the last of equal names": (b'{"id": 6, "id": 7}', {"id": 7}),
    "a number of 30 digits": (
        b'{"id": 123456789012345678901234567890}',
        {"id": 123456789012345678901234567890},
    ),
    "a byte order mark": (b'\xef\xbb\xbf{"id": 7}', {"id": 7}),
    "Latin-1, although JSON is UTF-8": ('{"name": "Zoë"}'.encode("latin-1"), {"name": "Zoë"}),
    "UTF-16": ('{"name": "Zoë"}'.encode("utf-16"), {"name": "Zoë"}),
    "half of a character": (b'{"name": "\\ud800"}', {"name": "\N{REPLACEMENT CHARACTER}"}),
    "JSON inside a text": (b'"{\\"id\\": 7}"', {"id": 7}),
}


@pytest.mark.parametrize(("body", "data"), READABLE.values(), ids=READABLE)
def test_json_is_read_as_it_was_meant(body, data):
    outcome = outcome_of(response(200, body, **{"content-type": "application/json; charset=klingon"}), NOW)
    assert isinstance(outcome, FoundRecord)
    assert outcome.data == data


def graph(code, subcode=None, **others):
    error = {"message": "localized, with zoe@example.com", "code": code, "fbtrace_id": "A1", **others}
    return json.dumps({"error": error if subcode is None else {**error, "error_subcode": subcode}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(400, graph(190, 463), "setup", id="expired token"),
        pytest.param(400, graph(4), "limit", id="rate limit of the app"),
        pytest.param(400, graph(32), "limit", id="rate limit of the page"),
        pytest.param(403, graph(200), "setup", id="no permission"),
        pytest.param(400, graph(2, is_transient=True), "unreachable", id="transient"),
        pytest.param(500, graph(1), "unreachable", id="unknown"),
    ],
)
def test_errors_of_metas_own_api_are_told_apart_by_their_code(status, body, kind):
    outcome = outcome_of(response(status, body), NOW)
    assert outcome.trouble == kind
    assert "zoe" not in outcome.reason


def test_metas_own_api_says_in_a_code_that_there_is_no_such_record():
    assert outcome_of(response(400, graph(100, 33)), NOW) == NoRecord(12)
    assert isinstance(outcome_of(response(400, graph(100)), NOW), Unusable)


def seconds(number):
    return timedelta(seconds=number)


USED_UP = [
    pytest.param({"retry-after": "7"}, seconds(7), id="Retry-After, seconds"),
    pytest.param({"retry-after": "Sat, 28 Nov 2026 12:00:09 GMT"}, seconds(9), id="Retry-After, a date"),
    pytest.param({"ratelimit": "limit=100, remaining=0, reset=5"}, seconds(5), id="RateLimit, older form"),
    pytest.param({"ratelimit": '"default";r=0;t=30'}, seconds(30), id="RateLimit, newer form"),
    pytest.param({"ratelimit-remaining": "0", "ratelimit-reset": "4"}, seconds(4), id="RateLimit-Remaining"),
    pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4"}, seconds(4), id="X-RateLimit"),
    pytest.param({"retry-after": "-5", "ratelimit": '"d";r=0;t=3'}, seconds(3), id="the readable one of two"),
    pytest.param(
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 3)},
        seconds(3),
        id="X-RateLimit until a Unix time",
    ),
    pytest.param(
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp() + 3) * 1000)},
        seconds(3),
        id="X-RateLimit until a Unix time in milliseconds",
    ),
    pytest.param(
        {"x-rate-limit-requests-left": "0", "x-rate-limit-time-reset-ms": "15000"},
        seconds(15),
        id="Requests-Left, Time-Reset-Ms",
    ),
    pytest.param(
        {"x-vendor-ratelimit-remaining": "0", "x-vendor-ratelimit-interval-milliseconds": "10000"},
        seconds(10),
        id="with the vendor's name in it",
    ),
]


@pytest.mark.parametrize("is_limited", [True, False], ids=["limited", "answered"])
@pytest.mark.parametrize(("headers", "wait"), USED_UP)
def test_a_limit_that_is_used_up_is_waited_for(headers, wait, is_limited):
    assert asked_wait(headers, None, NOW, is_limited=is_limited) == wait


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ratelimit": "limit=100, remaining=42, reset=5"},
        {"ratelimit": '"default";r=9;t=30'},
        {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "4"},
        {"x-ratelimit-remaining": "0"},
        {"x-ratelimit-remaining": "none", "x-ratelimit-reset": "soon"},
        {"retry-after": "later"},
        {"retry-after": "Sat, 28 Nov 2026 11:00:09 GMT"},
        {"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"},
        {"retry-after": "Sat, 99 Nov 2026 12:00:09 GMT"},
        {"retry-after": "Sat, 28 Nov 99999 12:00:09 GMT"},
        {"retry-after": "-5"},
        {"retry-after": "0"},
        {"retry-after": "nan"},
        {"retry-after": "1e9"},
        {"retry-after": "١٢"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "-4"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) - 5)},
    ],
)
def test_what_is_not_used_up_or_not_readable_asks_for_no_wait(headers):
    assert asked_wait(headers, None, NOW, is_limited=False) == NOTHING


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "99999999"},
        {"retry-after": "9" * 5000},
        {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999999"},
        {"ratelimit": "limit=1, remaining=0, reset=" + "9" * 5000},
    ],
)
def test_nobody_asks_for_more_than_a_day(headers):
    assert asked_wait(headers, None, NOW, is_limited=True) == timedelta(days=1)


@given(
    st.dictionaries(
        st.sampled_from(
            ["retry-after", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-reset"]
        ),
        st.text() | st.integers().map(str) | st.floats().map(str),
    ),
    st.recursive(
        st.none() | st.floats() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["error", "rate_reset", "retry_after"]), inner),
    ),
    st.booleans(),
)
def test_whatever_an_answer_says_the_wait_is_within_bounds(headers, data, is_limited):
    assert NOTHING <= asked_wait(headers, data, NOW, is_limited=is_limited) <= timedelta(days=1)


@given(
    st.integers(100, 599),
    st.binary()
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_every_answer_has_a_meaning(status, body):
    outcome = outcome_of(response(status, body), NOW)
    if isinstance(outcome, FoundRecord):
        assert isinstance(outcome.data, dict | list)
