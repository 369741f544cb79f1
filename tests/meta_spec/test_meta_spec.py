"""The data files: true to the libraries that know the same facts, and every Graph version still alive."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pycountry
import pytest

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import with_severities
from bridge.models import MatchStrength
from bridge.normalize.steps import STEP_WORDS, steps_of
from bridge.settings.options import DESTINATIONS
from bridge.validate.graph_version import version_note
from bridge.validate.match_strength import match_strength

SPEC = load_meta_spec()


def test_the_currencies_are_those_of_iso_4217():
    without_money = {
        "XAU",
        "XAG",
        "XPD",
        "XPT",
        "XTS",
        "XXX",
        "XBA",
        "XBB",
        "XBC",
        "XBD",
        "XDR",
        "XSU",
        "XUA",
    }
    assert set(SPEC.currencies) == {currency.alpha_3 for currency in pycountry.currencies} - without_money


def test_the_countries_are_those_of_iso_3166():
    codes = {country.alpha_2.lower(): country.alpha_3.lower() for country in pycountry.countries}
    assert {alpha_2: SPEC.countries[alpha_2] for alpha_2 in codes} == {alpha_2: alpha_2 for alpha_2 in codes}
    assert {SPEC.countries[alpha_3] for alpha_3 in codes.values()} == set(codes)


@pytest.mark.parametrize("country", ["us", "ca"])
def test_every_state_of_north_america_has_a_name(country):
    codes = {state.code[3:].lower() for state in pycountry.subdivisions.get(country_code=country.upper())}
    assert codes <= set(SPEC.states[country].values())


def test_every_step_has_a_function_and_words():
    used = {step for rule in SPEC.user_data.values() for step in rule.steps}
    assert used <= set(steps_of(SPEC)) == set(STEP_WORDS)


def test_every_rule_tells_what_to_do_and_where_it_comes_from():
    incomplete = [
        code
        for code, rule in SPEC.rules.items()
        if not (rule.message.endswith(".") and rule.fix.endswith(".") and rule.source)
    ]
    assert incomplete == []


def test_a_fix_for_finished_events_speaks_of_no_mapping():
    of_mappings = re.compile(r"\bmap(?:ped|ping)?\b|settings[.:]|defaults|lookup|true_when|_format")
    fixes = {code: rule.fix_in_body or rule.fix for code, rule in SPEC.rules.items()}
    assert {code: fix for code, fix in fixes.items() if of_mappings.search(fix.lower())} == {}
    assert [rule.code for rule in SPEC.rules.values() if "{" in rule.fix_in_body] == []


def test_the_pinned_graph_version_has_more_than_ninety_days_to_live():
    today = datetime.now(
        UTC
    ).date()  # the one test that reads the clock: it shall fail when the time has come
    assert version_note(SPEC.limits.graph_default, today, SPEC) is None


@pytest.mark.parametrize(
    ("version", "today", "code"),
    [
        ("v27.0", date(2030, 1, 1), None),
        ("v25.0", date(2028, 7, 29) - timedelta(days=90), None),
        ("v25.0", date(2028, 7, 29) - timedelta(days=89), "graph_version_ends"),
        ("v25.0", date(2028, 7, 29), "graph_version_ends"),
        ("v25.0", date(2028, 7, 30), "graph_version_ended"),
        ("v99.0", date(2026, 11, 21), "graph_version_unknown"),
    ],
)
def test_a_graph_version_near_its_end_is_noted(version, today, code):
    note = version_note(version, today, SPEC)
    assert (note and note.code) == code


@pytest.mark.parametrize(
    ("people", "score"),
    [
        ({}, 0),
        ({"em": ["h"]}, 40),
        ({"em": ["h"], "ph": ["h"]}, 70),
        ({"lead_id": 1, "fb_login_id": 1}, 70),
        ({"em": ["h"], "ph": ["h"], "fbc": "x", "fbp": "x"}, 100),
        ({"em": [], "ph": None}, 0),
        ({"client_ip_address": "x", "client_user_agent": "x"}, 15),
    ],
)
def test_match_strength_adds_weights_up_to_a_hundred(people, score):
    assert match_strength({"user_data": people}, SPEC).score == score


def test_match_strength_says_what_to_add_next():
    strength = match_strength({"user_data": {"fbp": "x", "country": ["h"]}}, SPEC)
    assert strength == MatchStrength(
        17,
        ("fbp", "country"),
        (
            "em",
            "ph",
            "fbc",
            "external_id",
            "client_ip_address",
            "client_user_agent",
            "fn",
            "ln",
            "db",
            "zp",
            "ct",
            "st",
            "ge",
        ),
        "Add the e-mail address or the phone number with its country.",
    )


@pytest.mark.parametrize("event", [{}, {"user_data": None}, {"user_data": []}])
def test_an_event_without_anybody_has_no_strength(event):
    assert match_strength(event, SPEC).score == 0


@pytest.mark.parametrize("code", ["missing_field", "no_such_rule"])
def test_what_meta_enforces_cannot_be_made_milder(code):
    with pytest.raises(KeyError, match=code):
        with_severities(SPEC, {code: "warning"})


def test_the_settings_pin_the_same_graph_version():
    assert DESTINATIONS.options["api_version"].default == SPEC.limits.graph_default
