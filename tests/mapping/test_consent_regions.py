"""`consent: {required_in: …}` by the mapped country, and the stricter decision of an event and its visit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.consent_decision import ConsentDecision, stricter
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Request, Verified
from bridge.pipeline import translate
from bridge.serialization import encode

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LEAD = "event_id: lead-{id}\nuser_data: {email: email, country: land}\n"
EUROPE = f"{LEAD}consent: {{from: ads, granted: [yes], denied: [no], required_in: [EEA, UK, CH]}}\n"
OF_VISITS = f"{LEAD}visit: {{by: [email]}}\nconsent: {{required_in: [EEA, UK, CH]}}\n"
JANE = {"id": 7, "email": "jane@example.com"}


@pytest.fixture
def run(load):
    """Return the one event that a mapping makes of data, with the visit that is found."""

    def event(text: str, data: Any, visit: Any = None) -> Any:
        mapping = load(text)
        recorded = mapping.recorded({} if visit is None else {"visit": visit})
        headers = {"content-type": "application/json"}
        request = Request("POST", "https://x.example/", headers, {}, encode({**JANE, **data}), None, NOW)
        (found,) = translate(Verified(request), mapping, load_meta_spec(), fetched=recorded).events
        return found

    return event


@pytest.mark.parametrize(
    ("land", "ads", "verdict"),
    [
        pytest.param("US", None, "ready", id="a country outside"),
        pytest.param("United States", None, "ready", id="by its name"),
        pytest.param("DE", None, "held", id="in the EEA"),
        pytest.param("Deutschland", None, "held", id="by its own name"),
        pytest.param("no", None, "held", id="Norway, which is in the EEA and not in the Union"),
        pytest.param("gb", None, "held", id="the United Kingdom"),
        pytest.param("ch", None, "held", id="Switzerland"),
        pytest.param(None, None, "held", id="an unknown country counts as inside"),
        pytest.param("Atlantis", None, "held", id="and so does one that is none"),
        pytest.param("DE", "yes", "ready", id="granted inside"),
        pytest.param("US", "no", "suppressed", id="denied outside is denied"),
        pytest.param("DE", "no", "suppressed", id="denied inside"),
        pytest.param("US", "perhaps", "ready", id="an answer that nobody understands, outside"),
    ],
)
def test_consent_is_required_where_the_mapping_says_so(run, land, ads, verdict):
    assert run(EUROPE, {"land": land, "ads": ads}).verdict == verdict


def test_who_is_held_for_a_country_is_told_why_and_where(run):
    event = run(EUROPE, {"land": "DE"})
    (finding,) = event.findings
    assert (event.data, finding.code, finding.position.line) == (None, "consent_unknown", 6)
    assert event.consent == ConsentDecision("unknown", "ads")


def test_what_is_unknown_may_be_suppressed_instead(run):
    event = run(EUROPE.replace("required_in", "unknown: suppress, required_in"), {"land": "DE"})
    assert (event.verdict, event.findings) == ("suppressed", ())


# --- an event and its visit --------------------------------------------------------------------------

GRANTED, DENIED = ({"fbc": "fb.1.1795000000000.AbC", "consent": word} for word in ("granted", "denied"))


@pytest.mark.parametrize(
    ("text", "ads", "visit", "verdict"),
    [
        pytest.param(OF_VISITS, None, GRANTED, "ready", id="the visit alone says yes"),
        pytest.param(OF_VISITS, None, None, "held", id="no visit, and nothing else says it"),
        pytest.param(OF_VISITS, None, DENIED, "suppressed", id="the visit says no"),
        pytest.param("both", "yes", GRANTED, "ready", id="both say yes"),
        pytest.param("both", "yes", DENIED, "suppressed", id="the visit is stricter"),
        pytest.param("both", "no", GRANTED, "suppressed", id="the webhook is stricter"),
        pytest.param(
            "both", None, GRANTED, "held", id="the webhook does not say, which is stricter than yes"
        ),
        pytest.param("both", "yes", None, "ready", id="no visit"),
    ],
)
def test_an_event_joined_with_a_visit_takes_the_stricter_decision(run, text, ads, visit, verdict):
    both = f"{LEAD}visit: {{by: [email]}}\nconsent: {{from: ads, granted: [yes], denied: [no]}}\n"
    assert run(both if text == "both" else text, {"land": "DE", "ads": ads}, visit).verdict == verdict


def test_the_decision_of_a_visit_is_kept_with_its_time_and_source(run):
    visit = {**GRANTED, "consent_source": "tcf", "consent_at": 1795000000}
    event = run(OF_VISITS, {"land": "DE"}, visit)
    assert event.consent == ConsentDecision("granted", "$visit.consent by tcf at 2026-11-18T11:06:40+00:00")


def test_a_decision_of_both_names_both_places():
    own, of_visit = ConsentDecision("granted", "ads"), ConsentDecision("denied", "$visit.consent")
    assert stricter(own, of_visit) == ConsentDecision("denied", "ads; $visit.consent")
    assert (stricter(own, None), stricter(None, of_visit), stricter(None, None)) == (own, of_visit, None)


# --- what is wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("consent", "code", "suggestion"),
    [
        pytest.param(
            "from: ads, granted: yes, required_in: [EAE]", "unknown_word", "EEA", id="a misspelt region"
        ),
        pytest.param("required_in: [EEA]", "missing_key", None, id="nothing says what was allowed"),
        pytest.param(
            "from: ads, granted: yes, unknown: send, required_in: EEA", "option_alone", None, id="sent anyway"
        ),
    ],
)
def test_what_is_wrong_with_the_regions_is_said(problems, consent, code, suggestion):
    found = problems(f"{LEAD}consent: {{{consent}}}\n")
    assert [(one.code, one.suggestion) for one in found] == [(code, suggestion)]


def test_a_single_country_can_be_named(run):
    text = EUROPE.replace("[EEA, UK, CH]", "[BR]")
    assert [run(text, {"land": land}).verdict for land in ("br", "de")] == ["held", "ready"]
