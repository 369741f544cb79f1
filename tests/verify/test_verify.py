"""Who may speak: a right proof passes, and every wrong one fails alike, for every scheme."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import NotAuthentic
from bridge.models import HandshakeRule, Request, SenderAnswer, VerifyRule, Webhook
from bridge.verify import handshake_answer, signed, verify

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SECONDS = str(int(NOW.timestamp()))
MILLISECONDS = SECONDS + "000"
URL = "https://www.example.com/webhook_uri?a=1&b=%2Fx"
BODY = b'{"id": 42, "name": "Zo\xc3\xab", "token": "new"}'
NEW, OLD = b"new", b"old"
SECRETS = (NEW, OLD)


def request(**changes: Any) -> Request:
    plain = Request("POST", URL, {"content-type": "application/json"}, {}, BODY, "192.0.2.1", NOW)
    return replace(plain, **changes)


def with_headers(**headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request(headers={"content-type": "application/json", **named})


def hexed(text: bytes, secret: bytes = NEW, algorithm: str = "sha256") -> str:
    return hmac.digest(secret, text, algorithm).hex()


def based(text: bytes, secret: bytes = NEW, algorithm: str = "sha256") -> str:
    return base64.b64encode(hmac.digest(secret, text, algorithm)).decode()


HEX = VerifyRule("hmac", SECRETS, header="X-Signature")
BASE64 = replace(HEX, encoding="base64")
PREFIXED = replace(HEX, prefix="sha256=")
TIMED = replace(HEX, signed="{timestamp}.{body}", timestamp_header="X-Time", timestamp_unit="seconds")
STRUCTURED = VerifyRule(
    "hmac", SECRETS, header="X-Signature", format="t={timestamp},v1={signature}", signed="{timestamp}.{body}"
)
FULL = VerifyRule(
    "hmac",
    SECRETS,
    header="X-Signature",
    encoding="base64",
    signed="{method}{url}{body}{timestamp}",
    timestamp_header="X-Time",
    timestamp_unit="milliseconds",
)
DIGEST = VerifyRule("digest", SECRETS, header="X-Signature", signed="{secret}{body}")
STANDARD_KEY = b"0123456789abcdef01234567"
STANDARD = VerifyRule("standard_webhooks", (b"whsec_" + base64.b64encode(STANDARD_KEY),))
BEARER = VerifyRule("token", SECRETS, header="Authorization")
HEADER_TOKEN = VerifyRule("token", SECRETS, header="X-Api-Key")
QUERY_TOKEN = VerifyRule("token", SECRETS, query="token")
BODY_TOKEN = VerifyRule("token", SECRETS, body_field=lambda data: data.get("token"))
BASIC = VerifyRule("basic", SECRETS, user="zoë")

timed_text = SECONDS.encode() + b"." + BODY
EARLIER = str(int(SECONDS) - 1)
earlier_text = EARLIER.encode() + b"." + BODY
standard_signature = based(b"msg_1." + timed_text, STANDARD_KEY)


def standard(**changes: str) -> Request:
    headers = {
        "webhook_id": "msg_1",
        "webhook_timestamp": SECONDS,
        "webhook_signature": f"v1,{standard_signature}",
    }
    return with_headers(**(headers | changes))


HONEST = {
    "hex": (HEX, with_headers(x_signature=hexed(BODY))),
    "hex in capitals": (HEX, with_headers(x_signature=hexed(BODY).upper())),
    "previous secret": (HEX, with_headers(x_signature=hexed(BODY, OLD))),
    "header sent twice, one right": (HEX, with_headers(x_signature="00, " + hexed(BODY))),
    "sha1": (replace(HEX, algorithm="sha1"), with_headers(x_signature=hexed(BODY, algorithm="sha1"))),
    "sha512": (replace(HEX, algorithm="sha512"), with_headers(x_signature=hexed(BODY, algorithm="sha512"))),
    "base64": (BASE64, with_headers(x_signature=based(BODY))),
    "prefix": (PREFIXED, with_headers(x_signature="sha256=" + hexed(BODY))),
    "timestamp": (TIMED, with_headers(x_signature=hexed(timed_text), x_time=SECONDS)),
    "structured": (STRUCTURED, with_headers(x_signature=f"t={SECONDS},v1={hexed(timed_text)}")),
    "structured, other order and keys": (
        STRUCTURED,
        with_headers(x_signature=f"v0=abc, v1={hexed(timed_text)}, t={SECONDS}"),
    ),
    "structured, several signatures": (
        STRUCTURED,
        with_headers(x_signature=f"t={SECONDS},v1=00,v1={hexed(timed_text, OLD)}"),
    ),
    "structured, with semicolons": (
        replace(STRUCTURED, format="ts={timestamp};h1={signature}"),
        with_headers(x_signature=f"ts={SECONDS};h1={hexed(timed_text)}"),
    ),
    "positional format": (
        replace(STRUCTURED, format="v0:{timestamp}:{signature}"),
        with_headers(x_signature=f"v0:{SECONDS}:{hexed(timed_text)}"),
    ),
    "method, url, body, time": (
        FULL,
        with_headers(
            x_signature=based(b"POST" + URL.encode() + BODY + MILLISECONDS.encode()), x_time=MILLISECONDS
        ),
    ),
    "url with bare reserved characters": (
        FULL,
        with_headers(
            x_signature=based(b"POST" + URL.replace("%2F", "/").encode() + BODY + MILLISECONDS.encode()),
            x_time=MILLISECONDS,
        ),
    ),
    "plain digest": (DIGEST, with_headers(x_signature=hashlib.sha256(NEW + BODY).hexdigest())),
    "standard webhooks": (STANDARD, standard()),
    "standard webhooks, several": (
        STANDARD,
        standard(webhook_signature=f"v1,AAAA v2,xx v1,{standard_signature}"),
    ),
    "standard webhooks, header sent twice": (
        STANDARD,
        standard(webhook_signature=f"v1,{standard_signature}, v1,AAAA"),
    ),
    "standard webhooks, other header family": (
        replace(STANDARD, header="svix-signature"),
        with_headers(svix_id="msg_1", svix_timestamp=SECONDS, svix_signature=f"v1,{standard_signature}"),
    ),
    "standard webhooks, decoded key": (replace(STANDARD, secrets=(STANDARD_KEY,)), standard()),
    "bearer": (BEARER, with_headers(authorization="Bearer new")),
    "bearer in small letters": (BEARER, with_headers(authorization="bearer  old")),
    "bare token": (BEARER, with_headers(authorization="new")),
    "token header": (HEADER_TOKEN, with_headers(x_api_key="new")),
    "token behind its own prefix": (
        replace(HEADER_TOKEN, prefix="Key "),
        with_headers(x_api_key="Key new"),
    ),
    "query token": (QUERY_TOKEN, request(query={"token": "old"})),
    "body token": (BODY_TOKEN, request()),
    "basic": (BASIC, with_headers(authorization="Basic " + base64.b64encode("zoë:new".encode()).decode())),
    "none": (VerifyRule(), request()),
}


@pytest.mark.parametrize(("rule", "honest"), HONEST.values(), ids=HONEST)
def test_an_honest_sender_is_let_through(rule, honest):
    assert verify(honest, rule).request is honest


FORGED = {
    "no header": (HEX, request()),
    "empty": (HEX, with_headers(x_signature="")),
    "only commas": (HEX, with_headers(x_signature=",,")),
    "another secret": (HEX, with_headers(x_signature=hexed(BODY, b"guess"))),
    "body changed by one byte": (HEX, with_headers(x_signature=hexed(BODY + b"\n"))),
    "cut short": (HEX, with_headers(x_signature=hexed(BODY)[:-1])),
    "too long": (HEX, with_headers(x_signature=hexed(BODY) + "0")),
    "not hex": (HEX, with_headers(x_signature="%%%")),
    "not ascii": (HEX, with_headers(x_signature="sïgnature")),
    "half a surrogate": (HEX, with_headers(x_signature="\ud800")),
    "other algorithm": (HEX, with_headers(x_signature=hexed(BODY, algorithm="sha1"))),
    "base64 instead of hex": (HEX, with_headers(x_signature=based(BODY))),
    "base64 without padding": (BASE64, with_headers(x_signature=based(BODY).rstrip("="))),
    "prefix missing": (PREFIXED, with_headers(x_signature=hexed(BODY))),
    "prefix alone": (PREFIXED, with_headers(x_signature="sha256=")),
    "time missing": (TIMED, with_headers(x_signature=hexed(timed_text))),
    "time shifted": (TIMED, with_headers(x_signature=hexed(timed_text), x_time=str(int(SECONDS) + 1))),
    "time is no time": (TIMED, with_headers(x_signature=hexed(b"soon." + BODY), x_time="soon")),
    "time of other digits": (TIMED, with_headers(x_signature=hexed("١.".encode() + BODY), x_time="١")),
    "time without end": (TIMED, with_headers(x_signature="0" * 64, x_time="9" * 5_000)),
    "time without zone": (TIMED, with_headers(x_signature="0" * 64, x_time="2026-11-01T12:00:00")),
    "structured without time": (STRUCTURED, with_headers(x_signature=f"v1={hexed(timed_text)}")),
    "structured without signature": (STRUCTURED, with_headers(x_signature=f"t={SECONDS}")),
    "structured under another version": (
        STRUCTURED,
        with_headers(x_signature=f"t={SECONDS},v0={hexed(timed_text)}"),
    ),
    "two times": (
        STRUCTURED,
        with_headers(x_signature=f"t={SECONDS},t=1,v1={hexed(timed_text)}"),
    ),
    "positional format unmet": (
        replace(STRUCTURED, format="v0:{timestamp}:{signature}"),
        with_headers(x_signature=f"v1:{SECONDS}:{hexed(timed_text)}"),
    ),
    "another method": (
        FULL,
        replace(
            with_headers(
                x_signature=based(b"POST" + URL.encode() + BODY + MILLISECONDS.encode()), x_time=MILLISECONDS
            ),
            method="PUT",
        ),
    ),
    "another url": (
        FULL,
        replace(
            with_headers(
                x_signature=based(b"POST" + URL.encode() + BODY + MILLISECONDS.encode()), x_time=MILLISECONDS
            ),
            url=URL + "x",
        ),
    ),
    "digest without secret": (DIGEST, with_headers(x_signature=hashlib.sha256(BODY).hexdigest())),
    "standard webhooks, another id": (STANDARD, standard(webhook_id="msg_2")),
    "standard webhooks, no version": (STANDARD, standard(webhook_signature=standard_signature)),
    "standard webhooks, other version": (STANDARD, standard(webhook_signature=f"v2,{standard_signature}")),
    "standard webhooks, no signature": (STANDARD, standard(webhook_signature="v1,")),
    "standard webhooks, secret is no base64": (replace(STANDARD, secrets=(b"whsec_%",)), standard()),
    "wrong token": (BEARER, with_headers(authorization="Bearer newer")),
    "bearer alone": (BEARER, with_headers(authorization="Bearer ")),
    "token prefix missing": (replace(HEADER_TOKEN, prefix="Key "), with_headers(x_api_key="new")),
    "no token": (HEADER_TOKEN, request()),
    "empty query token": (QUERY_TOKEN, request(query={"token": ""})),
    "query token in the header": (QUERY_TOKEN, with_headers(token="new")),
    "body token wrong": (BODY_TOKEN, request(body=b'{"token": "nope"}')),
    "body token is a list": (BODY_TOKEN, request(body=b'{"token": ["new"]}')),
    "body token is true": (replace(BODY_TOKEN, secrets=(b"True",)), request(body=b'{"token": true}')),
    "body token in a broken body": (BODY_TOKEN, request(body=b'{"token": "new"')),
    "body that is a list": (
        replace(BODY_TOKEN, body_field=lambda data: data.get("token") if isinstance(data, dict) else None),
        request(body=b"[1]"),
    ),
    "basic, another user": (
        BASIC,
        with_headers(authorization="Basic " + base64.b64encode(b"x:new").decode()),
    ),
    "basic, no password": (BASIC, with_headers(authorization="Basic em8=")),
    "basic as bearer": (BASIC, with_headers(authorization="Bearer new")),
    "no secret at all": (replace(HEX, secrets=()), with_headers(x_signature=hexed(BODY, b""))),
    "an empty secret": (replace(HEX, secrets=(b"",)), with_headers(x_signature=hexed(BODY, b""))),
    "an empty token": (replace(HEADER_TOKEN, secrets=(b"",)), with_headers(x_api_key="")),
    "an empty previous secret": (
        replace(HEX, secrets=(NEW, b"")),
        with_headers(x_signature=hexed(BODY, b"")),
    ),
}


FORGED |= {
    "structured, two timestamps, each with a right signature": (
        STRUCTURED,
        with_headers(x_signature=f"t={SECONDS},t={EARLIER},v1={hexed(timed_text)},v1={hexed(earlier_text)}"),
    ),
    "a format that names the signature twice": (
        replace(HEX, format="{signature}.{signature}"),
        with_headers(x_signature=f"{hexed(BODY)}.{hexed(BODY)}"),
    ),
}


@pytest.mark.parametrize(("rule", "forged"), FORGED.values(), ids=FORGED)
def test_everyone_else_is_refused(rule, forged):
    with pytest.raises(NotAuthentic) as refusal:
        verify(forged, rule)
    assert all(secret.decode() not in refusal.value.message.split() for secret in SECRETS)


@pytest.mark.parametrize(("rule", "unit"), [(TIMED, 1), (FULL, 1_000), (STRUCTURED, 1), (STANDARD, 1)])
@pytest.mark.parametrize(
    ("shift", "passes"),
    [(0, True), (-300, True), (300, True), (-301, False), (301, False), (-86_400, False), (10**9, False)],
)
def test_a_signature_holds_for_its_tolerance_in_both_directions(rule, unit, shift, passes):
    sent = signed(request(received_at=NOW + timedelta(seconds=shift)), rule)
    received = replace(sent, received_at=NOW)
    if passes:
        assert verify(received, rule).request is received
    else:
        with pytest.raises(NotAuthentic, match="300 seconds"):
            verify(received, rule)


@pytest.mark.parametrize(
    ("text", "unit", "passes"),
    [
        (SECONDS, None, True),
        (MILLISECONDS, None, True),
        (MILLISECONDS, "seconds", False),
        (SECONDS, "milliseconds", False),
        ("2026-11-01T12:00:00Z", None, True),
        ("2026-11-01T13:00:00.123456+01:00", None, True),
        ("2026-11-01T14:00:00+01:00", None, False),
    ],
)
def test_a_timestamp_is_read_in_its_unit(text, unit, passes):
    rule = replace(TIMED, timestamp_unit=unit)
    received = with_headers(x_signature=hexed(text.encode() + b"." + BODY), x_time=text)
    if passes:
        assert verify(received, rule).request is received
    else:
        with pytest.raises(NotAuthentic):
            verify(received, rule)


RULES = [HEX, BASE64, PREFIXED, TIMED, STRUCTURED, FULL, DIGEST, STANDARD, BEARER, QUERY_TOKEN, BASIC]


@given(rule=st.sampled_from(RULES), text=st.text(max_size=60), body=st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_guess_passes_and_none_raises_anything_else(rule, text, body):
    names = ("x-signature", "x-time", "authorization", "webhook-id", "webhook-timestamp", "webhook-signature")
    guess = request(headers=dict.fromkeys(names, text), query={"token": text}, body=body)
    if text.strip() in ("new", "old") and rule.scheme == "token":
        return
    with pytest.raises(NotAuthentic):
        verify(guess, rule)


@given(rule=st.sampled_from(RULES), body=st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_what_the_signer_signs_is_let_through(rule, body):
    sent = signed(request(body=body), rule)
    assert verify(sent, rule).request is sent


# Vectors that vendors publish; the sample folders of the shipped mappings hold more of them.
VENDOR_SECRET = b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
VENDOR_BODY = json.dumps(
    [
        {
            "eventId": 1,
            "subscriptionId": 12345,
            "portalId": 62515,
            "occurredAt": 1564113600000,
            "subscriptionType": "contact.creation",
            "attemptNumber": 0,
            "objectId": 123,
            "changeSource": "CRM",
            "changeFlag": "NEW",
            "appId": 54321,
        }
    ],
    separators=(",", ":"),
).encode()


def test_the_published_digest_of_secret_method_url_is_accepted():
    """https://developers.hubspot.com/docs/faq/v2-request-validation: a GET without body."""
    rule = VerifyRule(
        "digest", (VENDOR_SECRET,), header="X-HubSpot-Signature", signed="{secret}{method}{url}{body}"
    )
    headers = {"x-hubspot-signature": "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"}
    asked = Request("GET", "https://www.example.com/webhook_uri", headers, {}, b"", None, NOW)
    assert verify(asked, rule).request is asked


def test_the_published_digest_of_secret_and_body_is_accepted():
    """https://developers.hubspot.com/docs/faq/v1-request-validation."""
    rule = VerifyRule("digest", (VENDOR_SECRET,), header="X-HubSpot-Signature", signed="{secret}{body}")
    headers = {"x-hubspot-signature": "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"}
    asked = Request("POST", URL, headers, {}, VENDOR_BODY, None, NOW)
    assert verify(asked, rule).request is asked


def test_the_published_standard_webhooks_signature_is_accepted():
    """https://github.com/standard-webhooks/standard-webhooks, test vector of the libraries."""
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    now = datetime.fromtimestamp(1_614_265_330, UTC)
    asked = Request("POST", URL, headers, {}, b'{"test": 2432232314}', None, now)
    assert verify(asked, VerifyRule("standard_webhooks", (secret,))).request is asked


def query(name: str) -> Any:
    return lambda webhook: webhook.request.query.get(name)


GET_HANDSHAKE = HandshakeRule(
    "get", ((query("hub.mode"), "subscribe"), (query("hub.verify_token"), "s3cret")), query("hub.challenge")
)
FIELD_HANDSHAKE = HandshakeRule(
    "field",
    ((lambda webhook: webhook.data.get("type"), "url_verification"),),
    lambda webhook: webhook.data.get("challenge"),
)
HEADER_HANDSHAKE = HandshakeRule("header", (), lambda webhook: webhook.request.headers.get("x-hook-secret"))
ASKED = {"hub.mode": "subscribe", "hub.verify_token": "s3cret", "hub.challenge": "1158201444"}


@pytest.mark.parametrize(
    ("rule", "asked", "answer"),
    [
        pytest.param(GET_HANDSHAKE, request(method="GET", query=ASKED), "1158201444", id="get"),
        pytest.param(
            GET_HANDSHAKE,
            request(method="GET", query=ASKED | {"hub.verify_token": "wrong"}),
            None,
            id="wrong token",
        ),
        pytest.param(GET_HANDSHAKE, request(method="GET", query={}), None, id="nothing asked"),
        pytest.param(GET_HANDSHAKE, request(method="POST", query=ASKED), None, id="a POST"),
        pytest.param(
            FIELD_HANDSHAKE,
            Webhook(request(), {"type": "url_verification", "challenge": "abc"}),
            "abc",
            id="field",
        ),
        pytest.param(FIELD_HANDSHAKE, Webhook(request(), {"type": "event"}), None, id="an ordinary webhook"),
        pytest.param(HEADER_HANDSHAKE, with_headers(x_hook_secret="xyz"), "xyz", id="header"),
        pytest.param(HEADER_HANDSHAKE, request(), None, id="no such header"),
    ],
)
def test_a_handshake_is_answered_when_it_is_one(rule, asked, answer):
    assert handshake_answer(asked, rule) == (answer and SenderAnswer(answer))


def test_a_handshake_may_be_answered_in_the_sender_s_own_form():
    own = SenderAnswer('{"challenge": "abc"}', "application/json", (("x-hook", "abc"),))
    assert handshake_answer(Webhook(request(), {}), HandshakeRule("field", (), lambda _webhook: own)) == own


@pytest.mark.parametrize(
    ("rule", "header"),
    [
        pytest.param(replace(TIMED, timestamp_header=None), hexed(b"." + BODY), id="only in what was signed"),
        pytest.param(
            replace(STRUCTURED, signed="{body}"), f"v1={hexed(BODY)}", id="only in the header's format"
        ),
        pytest.param(STRUCTURED, f"v1={hexed(b'.' + BODY)}", id="in both"),
    ],
)
def test_a_timestamp_that_the_rule_speaks_of_has_to_be_there(rule, header):
    with pytest.raises(NotAuthentic, match="without its timestamp"):
        verify(with_headers(x_signature=header), rule)


@pytest.mark.parametrize("text", ["2026-11-01T12:00:00", "2026-11-01"])
def test_a_timestamp_without_a_time_zone_is_refused_by_name(text):
    received = with_headers(x_signature=hexed(text.encode() + b"." + BODY), x_time=text)
    with pytest.raises(NotAuthentic, match="no time zone"):
        verify(received, replace(TIMED, timestamp_unit=None))


def test_a_token_of_two_words_is_compared_whole():
    rule = replace(HEADER_TOKEN, secrets=(b"two words",))
    assert verify(with_headers(x_api_key="two words"), rule)
    with pytest.raises(NotAuthentic, match="wrong"):
        verify(with_headers(x_api_key="words"), rule)


def test_basic_credentials_under_another_scheme_are_refused():
    credentials = base64.b64encode("zoë:new".encode()).decode()
    assert verify(with_headers(authorization=f"Basic {credentials}"), BASIC)
    with pytest.raises(NotAuthentic, match="no Authorization: Basic header"):
        verify(with_headers(authorization=f"Bearer {credentials}"), BASIC)


@pytest.mark.parametrize(
    ("rule", "headers", "query"),
    [
        pytest.param(HEX, {"x-signature": hexed(BODY)}, {}, id="a signature"),
        pytest.param(BEARER, {"authorization": "Bearer new"}, {}, id="a bearer token"),
        pytest.param(HEADER_TOKEN, {"x-api-key": "new"}, {}, id="a token in a header of its own"),
        pytest.param(
            replace(BEARER, prefix="Key "), {"authorization": "Key new"}, {}, id="a token behind a prefix"
        ),
        pytest.param(QUERY_TOKEN, {}, {"token": "new"}, id="a token in the query"),
        pytest.param(BODY_TOKEN, {}, {}, id="a token that the body contains"),
    ],
)
def test_the_signer_adds_just_what_the_rule_asks_for_by_its_first_secret(rule, headers, query):
    sent = signed(request(headers={}), rule)
    assert (sent.headers, sent.query) == (headers, query)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param(request(), "the token is missing", id="none"),
        pytest.param(with_headers(x_api_key="guess"), "the token is wrong", id="another"),
    ],
)
def test_the_reason_tells_a_missing_token_from_a_wrong_one(sent, reason):
    with pytest.raises(NotAuthentic, match=reason):
        verify(sent, HEADER_TOKEN)
