"""GET and POST: which of them is a webhook, which a look whether somebody is there, and which is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from bridge.body.parse import parse
from bridge.errors import WrongMethod
from bridge.models import HandshakeRule, Receive, Request, Verified, VerifyRule
from bridge.verify.method import as_posted

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
POST_ONLY = Receive()
GET_ONLY = Receive(methods=frozenset({"get"}))
BOTH = Receive(methods=frozenset({"get", "post"}))
BY_TOKEN = Receive(verify=VerifyRule("token", (b"s",), query="key"))
BY_CHALLENGE = Receive(handshake=HandshakeRule("get", (), lambda _webhook: None))


def request(method: str, query: str = "", body: bytes = b"") -> Request:
    url = f"https://bridge.example/hooks/lead?{query}"
    return Request(method, url, {"x-trace": "1"}, dict(parse_qsl(urlsplit(url).query)), body, None, NOW)


def test_the_query_of_a_get_is_read_like_a_form():
    posted = as_posted(request("GET", "mail=jane%40example.com&tags[]=a&tags[]=b&name=Jane+van+Doe"), BOTH)

    assert posted is not None
    assert posted.headers == {"x-trace": "1", "content-type": "application/x-www-form-urlencoded"}
    assert parse(Verified(posted), BOTH).data == {
        "mail": "jane@example.com",
        "tags": ["a", "b"],
        "name": "Jane van Doe",
    }


def test_a_post_stays_as_it_is():
    sent = request("POST", "mail=x", b'{"mail": "y"}')
    assert as_posted(sent, POST_ONLY) is sent


@pytest.mark.parametrize(
    ("sent", "receive"),
    [
        pytest.param(request("GET"), POST_ONLY, id="no query"),
        pytest.param(request("GET"), GET_ONLY, id="no query where a GET may be a webhook"),
        pytest.param(request("GET", "wait=true&test_event_code=T1"), POST_ONLY, id="our own parameters"),
        pytest.param(request("GET", "key=s"), BY_TOKEN, id="the token alone"),
        pytest.param(request("GET", "hub.challenge=1"), BY_CHALLENGE, id="a challenge"),
        pytest.param(request("HEAD", "mail=x"), POST_ONLY, id="HEAD"),
    ],
)
def test_a_look_is_no_webhook(sent, receive):
    assert as_posted(sent, receive) is None


@pytest.mark.parametrize(
    ("sent", "receive", "allowed"),
    [
        pytest.param(request("GET", "mail=x"), POST_ONLY, ("POST",), id="data by GET"),
        pytest.param(request("GET", "key=s&mail=x"), BY_TOKEN, ("POST",), id="data beside the token"),
        pytest.param(request("POST", "", b"mail=x"), GET_ONLY, ("GET",), id="data by POST"),
    ],
)
def test_data_by_another_method_is_refused_with_the_methods_that_are_taken(sent, receive, allowed):
    with pytest.raises(WrongMethod) as refusal:
        as_posted(sent, receive)
    assert refusal.value.allowed == allowed
    assert "nothing was stored" in refusal.value.message
