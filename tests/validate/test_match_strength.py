"""The estimate of match strength counts the identifiers that are there, whatever else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.validate.match_strength import match_strength

SPEC = load_meta_spec()
ENOUGH = "Good; Meta can match a person by these."
ALL = "Good; nothing important is missing."


@pytest.mark.parametrize(
    ("user_data", "present"),
    [
        pytest.param({"em": ["a" * 64], "ph": []}, ("em",), id="an empty list is no identifier"),
        pytest.param({}, (), id="nothing"),
        pytest.param(["em"], (), id="a list"),
        pytest.param(None, (), id="null"),
    ],
)
def test_identifiers_are_counted(user_data, present):
    found = match_strength({"user_data": user_data}, SPEC)
    assert (found.present, found.score > 0) == (present, bool(present))


@pytest.mark.parametrize(
    ("names", "score", "advice"),
    [
        pytest.param(
            ["em"],
            40,
            "Add the phone number with its country or the click id: the _fbc cookie, or fbclid from the "
            "landing page.",
            id="the two heaviest of what is missing",
        ),
        pytest.param(["em", "ph"], 70, ENOUGH, id="good enough"),
        pytest.param(["fb_login_id"], 60, ENOUGH, id="just good enough"),
        pytest.param(["lead_id", "ig_sid"], 70, ENOUGH, id="one proof twice"),
        pytest.param(["madid", "anon_id", "em"], 90, ENOUGH, id="a device twice"),
        pytest.param(["lead_id", "em"], 100, ENOUGH, id="100 at most"),
    ],
)
def test_weights_are_added_and_the_advice_names_what_would_help_most(names, score, advice):
    found = match_strength({"user_data": dict.fromkeys(names, "x")}, SPEC)
    assert (found.score, found.advice) == (score, advice)


def test_what_is_missing_is_what_nearly_every_business_could_send():
    found = match_strength({"user_data": {"em": "x", "lead_id": 1}}, SPEC)
    assert found.missing == tuple(name for name in SPEC.match.expected if name != "em")


def test_nothing_is_advised_when_nothing_is_missing_however_low_the_score():
    modest = replace(SPEC, match=replace(SPEC.match, expected=("ge",)))
    assert match_strength({"user_data": {"ge": "x"}}, modest).advice == ALL
