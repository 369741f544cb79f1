"""`fbc` out of a click id: the click's own time, the sources of the id, and the tokens of Meta's builder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.explain.trace import Trace
from bridge.finding import Position
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Draft, ReadingSettings
from bridge.normalize import normalize, normalize_value
from bridge.normalize.builder_tokens import url_with_one_token, with_one_token

SPEC = load_meta_spec()
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
CLICKED = "2026-11-01T09:30:00Z"
CLICKED_MS = 1793525400000


def normalized(user_data, trace=None, positions=None, given_settings=None, **fields):
    draft = Draft(
        "d",
        {"event_time": SECONDS, **fields, "user_data": user_data},
        given_settings or ReadingSettings(),
        (),
        positions or {},
    )
    event, findings = normalize(draft, SPEC, NOW, trace)
    return event["user_data"].get("fbc"), [finding.code for finding in findings]


@pytest.mark.parametrize(
    ("clicked_at", "milliseconds"),
    [
        (CLICKED, CLICKED_MS),
        ([CLICKED], CLICKED_MS),
        ("2026-11-01 10:30:00 +0100", CLICKED_MS),
        (CLICKED_MS // 1000, CLICKED_MS),
        (CLICKED_MS, CLICKED_MS),
        (str(CLICKED_MS), CLICKED_MS),
        ("Sun, 01 Nov 2026 09:30:00 GMT", CLICKED_MS),
        ("", SECONDS * 1000),
        (None, SECONDS * 1000),
        ([], SECONDS * 1000),
    ],
)
def test_fbc_tells_when_the_ad_was_clicked(clicked_at, milliseconds):
    fbc, codes = normalized({"fbclid": "IwAR2x", "clicked_at": clicked_at})
    assert (fbc, codes) == (f"fb.1.{milliseconds}.IwAR2x", [])


def test_the_time_of_the_click_is_read_as_the_mapping_says():
    german = ReadingSettings(timezone="Europe/Berlin", date_format="DD.MM.YYYY HH:mm")
    fbc, codes = normalized({"fbclid": "IwAR2x", "clicked_at": "01.11.2026 10:30"}, given_settings=german)
    assert (fbc, codes) == (f"fb.1.{CLICKED_MS}.IwAR2x", [])


def test_the_time_of_the_click_says_nothing_about_a_cookie_or_the_click_id_of_a_page():
    cookie = "fb.1.1554763741205.Abc"
    assert normalized({"fbc": cookie, "clicked_at": CLICKED}) == (cookie, [])
    page = "https://x.de/?fbclid=IwAR2x"
    fbc, _ = normalized({"clicked_at": CLICKED}, event_source_url=page)
    assert fbc == f"fb.1.{SECONDS}000.IwAR2x"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"action_source": "website"}, False, id="a website event of today"),
        pytest.param({"action_source": "system_generated"}, True, id="an event of a CRM"),
        pytest.param({"event_time": SECONDS - 2 * 86_400}, True, id="an event of the day before yesterday"),
        pytest.param({"event_time": SECONDS - 3_600}, False, id="an event of an hour ago"),
    ],
)
def test_an_assumed_time_is_told_where_it_may_be_far_from_the_truth(fields, told):
    _, codes = normalized({"fbclid": "IwAR2x"}, **fields)
    assert codes == (["click_time_assumed"] if told else [])
    assert normalized({"fbclid": "IwAR2x", "clicked_at": CLICKED}, **fields)[1] == []


@pytest.mark.parametrize(
    ("clicked_at", "positions", "words"),
    [
        (CLICKED, {}, "and the time of the click"),
        (None, {"event_time": Position("m.yaml", 1, 1)}, "and the event's time, as the time of the click is"),
        (None, {}, "and the time of receipt, as the time of the click is not known"),
    ],
)
def test_the_explanation_says_whose_time_it_is(clicked_at, positions, words):
    trace = Trace()
    normalized({"fbclid": "IwAR2x", "clicked_at": clicked_at}, trace, positions)
    assert words in trace.records["user_data.fbc"].steps[0]["step"]


@pytest.mark.parametrize(
    ("given", "click_id"),
    [
        ("IwAR2x", "IwAR2x"),
        ("fbclid=IwAR2x", "IwAR2x"),
        ("?fbclid=IwAR2x&utm_source=fb", "IwAR2x"),
        ("utm_source=fb&fbclid=IwAR2x", "IwAR2x"),
        ("https://www.example.com/?utm_source=fb&fbclid=IwAR2x&utm_medium=cpc#top", "IwAR2x"),
        ("https://www.example.com/#/offer?fbclid=IwAR2x", "IwAR2x"),
        ("https://www.example.com/?a=1&amp;fbclid=IwAR2x", "IwAR2x"),
        ("/offer?fbclid=IwAR2x.AQICAQMC", "IwAR2x.AQICAQMC"),
        ("IwAR2x.AQICAQMC.AQICAQMC", "IwAR2x.AQICAQMC"),
        ("IwAR2x.AQAAAAAA", "IwAR2x"),
        ("https://www.example.com/?utm_source=fb", None),
        ("https://www.example.com/?fbclid=", None),
        ("https://www.example.com/?fbclid={{fbclid}}", None),
    ],
)
def test_a_click_id_is_found_in_what_senders_keep_of_a_landing_page(given, click_id):
    fbc, _ = normalized({"fbclid": given})
    assert fbc == (click_id and f"fb.1.{SECONDS}000.{click_id}")


@pytest.mark.parametrize(
    ("url", "cleaned"),
    [
        ("https://x.de/?fbclid=IwAR2x.AQICAQMC", "https://x.de/?fbclid=IwAR2x.AQICAQMC"),
        ("https://x.de/?fbclid=IwAR2x.AQICAQMC.AQICAQMC", "https://x.de/?fbclid=IwAR2x.AQICAQMC"),
        ("https://x.de/?fbclid=IwAR2x.AQICAQMC.AQQCAQMC&b=1", "https://x.de/?fbclid=IwAR2x.AQICAQMC&b=1"),
        ("https://x.de/thanks.AQICAQMC.AQICAQMC", "https://x.de/thanks.AQICAQMC"),
        ("https://x.de/thanks.AQAAAAAA", "https://x.de/thanks"),
        ("https://x.de/thanks.AQcCAQMC#top", "https://x.de/thanks#top"),
        ("https://x.de/thanks.AQAAAAAA.AQICAQMC", "https://x.de/thanks.AQICAQMC"),
        ("https://x.de/thanks.download", "https://x.de/thanks.download"),
        ("https://x.de/AQICAQMC.AQ", "https://x.de/AQICAQMC.AQ"),
        ("https://x.de/.AQAAAAAA", "https://x.de/.AQAAAAAA"),
        ("https://x.AQAAAAAA/", "https://x.AQAAAAAA/"),
        ("https://x.de/a.AQAAAAAA/b", "https://x.de/a.AQAAAAAA/b"),
    ],
)
def test_a_url_keeps_one_token_and_none_that_cannot_be_one(url, cleaned):
    assert normalize_value("event_source_url", url, now=NOW).sent == cleaned
    assert normalize_value("referrer_url", url, now=NOW).sent == cleaned


TOKENS = st.sampled_from([".AQ", ".Bg", ".AQICAQMC", ".AQAAAAAA", ".AQQCAQMC", ".x"])


@settings(deadline=None)
@given(tokens=st.lists(TOKENS, max_size=4))
def test_tokens_are_collapsed_once_and_for_all(tokens):
    value = "fb.1.1795000000000.IwAR2x" + "".join(tokens)
    assert with_one_token(with_one_token(value)) == with_one_token(value)
    url = "https://x.de/a" + "".join(tokens)
    assert url_with_one_token(url_with_one_token(url)) == url_with_one_token(url)


def test_a_day_between_click_and_event_is_what_the_cookie_says():
    event_time = SECONDS - 3_600
    clicked = datetime.fromtimestamp(event_time, UTC) - timedelta(days=30)
    fbc, codes = normalized({"fbclid": "IwAR2x", "clicked_at": clicked.isoformat()}, event_time=event_time)
    assert (fbc, codes) == (f"fb.1.{int(clicked.timestamp())}000.IwAR2x", [])


@pytest.mark.parametrize(
    "text", ["undefined", "null", "None", "{{fbclid}}", "%7B%7Bfbclid%7D%7D", "%FBCLID%", "[[fbclid]]"]
)
def test_a_click_id_that_was_never_filled_in_makes_no_fbc(text):
    assert normalized({"fbclid": text}) == (None, ["placeholder"])
    page = f"https://x.de/?fbclid={text}"
    assert normalized({}, event_source_url=page)[0] is None
    assert normalized({"fbclid": page})[0] is None
