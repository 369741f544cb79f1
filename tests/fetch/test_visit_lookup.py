"""From the click to the sale: webhooks joined with the visit before them. On both databases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.explain.stored_webhook import explained
from bridge.ingest.entries import new_webhook
from bridge.lint.check import load_checked
from bridge.mapping import MappingFolder
from bridge.models import Request, Verified
from bridge.monitoring.pairing_check import visit_mappings
from bridge.outbox import NewVisit, Receipt
from bridge.outbox.pairing import PairingQuestion
from bridge.outbox.visits import VisitSearch
from bridge.pipeline import translate
from tests.fetch.test_fetcher import NOW, Bench

ANNA, BEN = "a" * 32, "b" * 32
FBC, OTHER_FBC = "fb.1.1792500000000.first", "fb.1.1795200000000.second"
FBP = "fb.1.1792500000000.42"
DAY = timedelta(days=1)
FORM = """\
version: 1
event_name: Lead
action_source: website
event_id: lead-{id}
event_time: at
receive: {repeat_key: "{id}", verify: {scheme: token, header: X-Token, secret: "${TOKEN}"}}
user_data: {email: email, phone: phone}
visit:
  by: [{visitor_id: visitor_id}, {cb_event_id: cb_event_id}, email, phone]
  add: [fbc, fbp, ip]
"""
OPEN_FORM = FORM.replace(', verify: {scheme: token, header: X-Token, secret: "${TOKEN}"}', "")
SALE = FORM.replace("Lead", "Contract").replace("lead-", "sale-").replace("website", "system_generated")
SALE = SALE.replace("cb_event_id, fbp, email", "cb_event_id, email").replace(
    "cb_event_id}, fbp", "cb_event_id}"
)
MAPPINGS = {"form": FORM, "sale": SALE}


@dataclass
class Shop(Bench):
    """A website, its forms and its CRM."""

    @property
    def mappings(self) -> MappingFolder:
        return MappingFolder(
            [self.folder],
            environment={"TOKEN": "secret"},
            spec=self.spec,
            destinations={"main"},
            sources={"crm"},
            load=load_checked,
        )

    def visited(self, visitor: str = ANNA, at: datetime | None = None, **others: Any) -> None:
        moment = at or self.now
        values: dict[str, Any] = {"consent": "granted", "consent_source": "page", "consent_at": moment}
        values |= {"fbc": FBC, "fbp": FBP, "ip": "8.8.8.8", **others}
        [stored] = self.outbox.submit([self.outbox.pack_visit(NewVisit(visitor, moment, **values))]).result(
            30
        )
        assert isinstance(stored, Receipt)

    def refused(self, visitor: str = ANNA) -> None:
        self.visited(visitor, consent="denied")

    def arrives(self, mapping: str, number: int = 1, **data: Any) -> Any:
        """Take in a webhook, and return its first stored event once it was joined."""
        receipt = self.takes_in(mapping, number, **data)
        self.fetcher().run_once()
        return self.outbox.show(receipt.events[0].id)

    def takes_in(self, name: str, number: int = 1, **data: Any) -> Any:
        body = {"id": f"{name}{number}", "at": int(self.now.timestamp()), **data}
        request = Request("POST", f"/hooks/{name}", {}, {}, json.dumps(body).encode(), None, self.now)
        mapping = self.mappings.get(name)
        translation = translate(Verified(request), mapping, self.spec)
        return self.outbox.add(
            new_webhook(
                translation, request, self.settings, self.spec, request_id="r", repeat_window_seconds=3600
            )
        )

    def found_by(self, kind: str, text: str) -> Any:
        return self.outbox.visits.find(VisitSearch(((kind, text),), self.now, 365 * DAY))


def user_data(event: Any) -> dict[str, Any]:
    return dict(json.loads(event.body)["user_data"])


@pytest.fixture
def shop(outbox, tmp_path, spec):
    (tmp_path / "mappings").mkdir()
    shop = Shop(outbox, tmp_path / "mappings", spec)
    for name, text in MAPPINGS.items():
        (tmp_path / "mappings" / f"{name}.yaml").write_text(text)
    return shop


def test_a_sale_thirty_days_later_gets_the_click_of_the_form_by_the_e_mail(shop):
    shop.visited()
    shop.now += timedelta(minutes=5)
    lead = shop.arrives("form", visitor_id=ANNA, email="Anna@Example.com")
    assert {name: user_data(lead).get(name) for name in ("fbc", "fbp")} == {"fbc": FBC, "fbp": FBP}
    shop.now += 30 * DAY
    sale = shop.arrives("sale", email=" anna@example.com ")
    assert user_data(sale).keys() == {"em", "fbc", "fbp"}
    assert {name: user_data(sale)[name] for name in ("fbc", "fbp")} == {"fbc": FBC, "fbp": FBP}
    [why] = [
        field["from"]
        for field in explained(shop.outbox, sale.event.webhook_id, "sale", shop.mappings, shop.spec)[0][
            "fields"
        ]
        if field["field"] == "user_data.fbc"
    ]
    assert why == "the visit of 28 Nov 2026, found by the e-mail"


def test_the_intake_answers_before_the_visit_is_looked_for(shop):
    shop.visited()
    receipt = shop.takes_in("sale", email="anna@example.com")
    assert [event.status for event in receipt.events] == ["fetching"]


def test_without_a_visit_the_event_goes_out_as_it_is(shop):
    sale = shop.arrives("sale", email="anna@example.com")
    assert (sale.event.status, user_data(sale).keys()) == ("waiting", {"em"})


@pytest.mark.parametrize("written", ["+49 151 2345678", "0049 151 2345678", "+49-151-2345678"])
def test_a_phone_number_finds_the_visitor_however_it_is_written(shop, written):
    shop.visited()
    shop.arrives("form", visitor_id=ANNA, phone="+491512345678")
    assert user_data(shop.arrives("sale", phone=written))["fbc"] == FBC


def test_a_click_after_the_sale_is_not_used(shop):
    shop.visited()
    shop.arrives("form", visitor_id=ANNA, email="anna@example.com")
    sold_at = shop.now + 3 * DAY
    shop.visited(at=NOW + 5 * DAY, fbc=OTHER_FBC)
    shop.now = NOW + 20 * DAY
    assert (
        user_data(shop.arrives("sale", email="anna@example.com", at=int(sold_at.timestamp())))["fbc"] == FBC
    )
    assert user_data(shop.arrives("sale", 2, email="anna@example.com"))["fbc"] == OTHER_FBC


def test_a_clock_that_is_ahead_lets_no_later_click_in(shop):
    shop.visited()
    shop.arrives("form", visitor_id=ANNA, email="anna@example.com")
    receipt = shop.takes_in("sale", email="anna@example.com", at=int((shop.now + 2 * DAY).timestamp()))
    shop.visited(at=shop.now + DAY, fbc=OTHER_FBC)
    shop.fetcher().run_once()
    event = shop.outbox.show(receipt.events[0].id)
    assert user_data(event)["fbc"] == FBC


def test_two_people_on_one_e_mail_are_told_apart_by_what_they_did_last(shop):
    shop.visited(ANNA)
    shop.arrives("form", 1, visitor_id=ANNA, email="family@example.com")
    shop.now += DAY
    shop.visited(BEN, fbc=OTHER_FBC)
    shop.arrives("form", 2, visitor_id=BEN, email="family@example.com")
    shop.now += DAY
    before = int((NOW + timedelta(hours=12)).timestamp())
    assert user_data(shop.arrives("sale", 1, email="family@example.com", at=before))["fbc"] == FBC
    assert user_data(shop.arrives("sale", 2, email="family@example.com"))["fbc"] == OTHER_FBC


def test_of_five_devices_of_one_person_the_last_click_counts(shop):
    for number in range(5):
        visitor = f"{number + 1:032x}"
        shop.visited(visitor, fbc=f"fb.1.179250000000{number}.device", fbp=f"fb.1.179250000000{number}.1")
        shop.arrives("form", number, visitor_id=visitor, email="anna@example.com")
        shop.now += DAY
    assert user_data(shop.arrives("sale", email="anna@example.com"))["fbc"] == "fb.1.1792500000004.device"


# --- what is learnt, and from whom -------------------------------------------------------------------


def test_an_address_is_learnt_only_from_a_sender_that_proved_who_it_is(shop):
    (shop.folder / "form.yaml").write_text(OPEN_FORM)
    shop.visited()
    assert user_data(shop.arrives("form", visitor_id=ANNA, email="victim@example.com"))["fbc"] == FBC
    assert user_data(shop.arrives("sale", email="victim@example.com")).keys() == {"em"}


def test_nothing_is_learnt_from_a_guess(shop):
    shop.visited()
    shop.arrives("form", visitor_id=ANNA, email="family@example.com")
    shop.arrives("sale", 1, email="family@example.com", phone="+491512345678")
    assert user_data(shop.arrives("sale", 2, phone="+491512345678")).keys() == {"ph"}


def test_ten_thousand_forged_beacons_neither_change_an_event_nor_reach_a_stranger(shop):
    shop.visited(event_id="lead-77")
    before = shop.arrives("form", visitor_id=ANNA, email="anna@example.com")
    forged = [
        shop.outbox.pack_visit(
            NewVisit(
                f"{n:032x}", shop.now, "granted", "page", shop.now, event_id=f"lead-{n}", fbc="fb.1.1.forged"
            )
        )
        for n in range(10_000)
    ]
    assert all(isinstance(stored, Receipt) for stored in shop.outbox.submit(forged).result(60))
    assert shop.outbox.show(before.event.id) == before
    assert user_data(shop.arrives("sale", email="anna@example.com"))["fbc"] == FBC
    assert "fbc" not in user_data(shop.arrives("form", 2, cb_event_id="lead-77", email="new@example.com"))


# --- the race ----------------------------------------------------------------------------------------


def waiting(shop: Shop) -> Shop:
    (shop.folder / "form.yaml").write_text(FORM + "  wait: 2 minutes\n")
    return shop


def test_a_webhook_before_its_beacon_waits_for_it(shop):
    waiting(shop).arrives("form", visitor_id=ANNA, email="anna@example.com")
    [event] = shop.events()
    assert (event.status, event.reason) == ("fetching", "waits for $visit: no visit is known yet")
    shop.visited(at=shop.now)
    shop.now += timedelta(seconds=2)
    shop.fetcher().run_once()
    [event] = shop.events()
    assert (event.status, user_data(shop.outbox.show(event.id))["fbc"]) == ("waiting", FBC)


def test_it_waits_no_longer_than_it_should_and_one_that_waits_stops_no_other(shop):
    waiting(shop).takes_in("form", 1, visitor_id=ANNA, email="anna@example.com")
    shop.visited(BEN)
    shop.takes_in("form", 2, visitor_id=BEN, email="ben@example.com")
    fetcher = shop.fetcher()
    fetcher.run_once()
    assert shop.counts() == {"fetching": 1, "waiting": 1}
    looks = 0
    while shop.counts().get("fetching"):
        shop.now += timedelta(seconds=1)
        looks += fetcher.run_once()
        assert shop.now <= NOW + timedelta(seconds=121)
    assert shop.now >= NOW + timedelta(seconds=120)
    assert shop.counts() == {"waiting": 2}


# --- consent -----------------------------------------------------------------------------------------


def test_withdrawn_consent_suppresses_what_is_not_sent_and_forgets_the_visitor(shop):
    shop.visited()
    shop.arrives("form", visitor_id=ANNA, email="anna@example.com")
    shop.refused()
    [event] = shop.events()
    assert (event.status, event.reason) == ("suppressed", "consent was withdrawn")
    sale = shop.arrives("sale", email="anna@example.com").event
    at = "2026-11-28T12:00:00+00:00"
    assert (sale.status, sale.consent) == ("suppressed", "denied")
    assert sale.consent_source == f"$visit.consent by withdrawal at {at}"
    other = shop.arrives("sale", 2, email="ben@example.com")
    assert (other.event.status, user_data(other).keys()) == ("waiting", {"em"})


def test_who_agrees_again_is_joined_again(shop):
    shop.visited()
    shop.arrives("form", 1, visitor_id=ANNA, email="anna@example.com")
    shop.refused()
    shop.now += DAY
    shop.visited(BEN, fbc=OTHER_FBC)
    assert user_data(shop.arrives("form", 2, visitor_id=BEN, email="anna@example.com"))["fbc"] == OTHER_FBC
    assert user_data(shop.arrives("sale", email="anna@example.com"))["fbc"] == OTHER_FBC


def test_a_webhook_before_its_beacon_waits_for_who_agrees_again(shop):
    shop.visited()
    shop.arrives("form", 1, visitor_id=ANNA, email="anna@example.com")
    shop.refused()
    waiting(shop).takes_in("form", 2, visitor_id=BEN, email="anna@example.com")
    shop.fetcher().run_once()
    assert shop.counts() == {"suppressed": 1, "fetching": 1}
    shop.visited(BEN, at=shop.now, fbc=OTHER_FBC)
    shop.now += timedelta(seconds=2)
    shop.fetcher().run_once()
    assert shop.counts() == {"suppressed": 1, "waiting": 1}


def test_a_visit_that_is_withdrawn_between_two_looks_is_not_used(shop):
    fetching = "fetch: {person: {from: crm, path: '/p/{id}', take: data}}\nvisit:\n"
    shop.write(SALE.replace("visit:\n", fetching).replace("phone: phone", "phone: $person.phone"))
    shop.visited()
    shop.arrives("form", visitor_id=ANNA, email="anna@example.com")
    shop.answer = lambda _target: None
    shop.takes_in("deals", email="anna@example.com")
    shop.fetcher().run_once()
    shop.refused()
    shop.answer, shop.now = None, shop.now + timedelta(hours=1)
    shop.outbox.fetches.resume("crm", shop.now)
    shop.fetcher().run_once()
    [event] = shop.events(mapping="deals")
    assert (event.status, event.consent, shop.outbox.show(event.id).body) == ("suppressed", "denied", None)


def test_what_a_visit_adds_to_the_match_strength_is_counted_by_mapping(shop):
    shop.visited()
    shop.arrives("form", visitor_id=ANNA, email="anna@example.com")
    shop.arrives("sale", email="anna@example.com")
    shop.arrives("sale", 2, email="nobody@example.com")
    asked = PairingQuestion((), visit_mappings(shop.mappings), shop.now - DAY, shop.now, 2 * DAY)
    found = {one.mapping: (one.events, one.joined) for one in shop.outbox.pairing.count(asked).mappings}
    [sale] = [one for one in shop.outbox.pairing.count(asked).mappings if one.mapping == "sale"]
    weights = shop.spec.match.weights
    alone = weights["em"]
    joined = alone + weights["fbc"] + weights["fbp"] + weights["client_ip_address"]
    assert found == {"form": (1, 1), "sale": (2, 1)}
    assert (sale.joined_without, sale.joined_with) == (alone, joined)
    assert (sale.all_without, sale.all_with) == (alone, (alone + joined) / 2)
