"""The shipped mappings behind a real server: one webhook fifty times at once, forged ones, checks by GET."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from bridge.mapping.sample_dates import redated
from bridge.verify import signed

pytestmark = pytest.mark.process


@pytest.fixture
def bridge(start_bridge, senders):
    secrets = dict(senders.environment())
    return start_bridge("--no-deliver", environment={**secrets, "CAPI_BRIDGE_MAPPINGS": str(senders.folder)})


def posted_today(bridge, sample, senders):
    """Return a function that posts a sample as its sender would today."""
    now = datetime.now(UTC)
    body = redated(sample.request.body, sample.request.received_at, now)
    path = f"/hooks/{sample.mapping}"
    today = replace(sample.request, url=bridge.url + path, body=body, received_at=now)
    request = signed(today, senders.mapping(sample.mapping).receive.verify)
    query = f"?{urlencode(request.query)}" if request.query else ""
    return lambda: bridge.send("POST", path + query, request.body, request.headers)


def test_a_vendor_that_posts_the_same_webhook_fifty_times_at_once(bridge, senders):
    sample = next(s for s in senders.samples() if s.name == "shopify-orders: order-paid")
    post = posted_today(bridge, sample, senders)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(), range(50)))
    assert Counter((answer.status, answer.body["status"]) for answer in answers) == {
        (200, "queued"): 1,
        (200, "duplicate"): 49,
    }


def test_every_vendor_gets_a_200_and_a_forger_a_401(bridge, senders):
    others = {word: word for word in ("skipped", "suppressed", "held", "erasing")}
    expected = {"ready": "queued", **others}
    wrong = []
    for name in senders.names():
        if senders.mapping(name).receive.sent_by == "companion":
            continue  # it takes nothing at its own URL
        sample = next(iter(senders.samples_of(name)))
        answer = posted_today(bridge, sample, senders)()
        own = senders.mapping(name).receive.answer
        said = answer.body if own else answer.body["status"]
        if (answer.status, said) != (200, own.text if own else expected[sample.outcome]):
            wrong.append((sample.name, answer.status, answer.body))
        bare = bridge.post(f"/hooks/{name}", {"email": "jane@example.com"})
        if bare.status != 401 and name != "website-lead-form":
            wrong.append((sample.name, "without a signature or token", bare.status))
    assert wrong == []


def test_checks_before_the_first_webhook_are_answered(bridge):
    check = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "hush-verify"}
    asked = bridge.get("/hooks/meta-lead-ads?" + urlencode(check))
    assert (asked.status, asked.body) == (200, "1158201444")
    wrong = bridge.get("/hooks/meta-lead-ads?" + urlencode({**check, "hub.verify_token": "guess"}))
    assert "1158201444" not in str(wrong.body)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert bridge.send("POST", "/hooks/woocommerce-orders", b"webhook_id=9", form).status == 200
