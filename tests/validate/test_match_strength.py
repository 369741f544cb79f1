"""The estimate of match strength counts the identifiers that are there, whatever else is."""

from __future__ import annotations

import pytest

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.validate.match_strength import match_strength

SPEC = load_meta_spec()


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
