"""Graph API versions: unknown, usable without an end, near their end, over."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.validate.graph_version import version_note

SPEC = load_meta_spec()
VERSIONS = SPEC.limits.graph_versions
ENDING = next(version for version in VERSIONS.values() if version.usable_until)
ENDLESS = next(version for version in VERSIONS.values() if not version.usable_until)


@pytest.mark.parametrize(
    ("version", "days", "code"),
    [
        pytest.param("v99.0", 0, "graph_version_unknown", id="unknown"),
        pytest.param(ENDLESS.name, 9_999, None, id="no end is known"),
        pytest.param(ENDING.name, -SPEC.limits.graph_warn_days, None, id="the end is far"),
        pytest.param(
            ENDING.name, 1 - SPEC.limits.graph_warn_days, "graph_version_ends", id="the end is near"
        ),
        pytest.param(ENDING.name, 0, "graph_version_ends", id="the last day"),
        pytest.param(ENDING.name, 1, "graph_version_ended", id="over"),
    ],
)
def test_a_version_is_judged_by_its_last_day(version, days, code):
    today = (ENDING.usable_until or date.max) + timedelta(days=days)
    found = version_note(version, today, SPEC)
    assert (found and found.code) == code


@pytest.mark.parametrize(
    ("version", "shown"),
    [("v999.999", "v999.999"), ("v9999.999", "as set"), ("EAABsecret" * 9, "as set")],
    ids=["a mistyped one", "too long for one", "a pasted token"],
)
def test_an_unknown_version_is_shown_unless_it_is_something_else(version, shown):
    found = version_note(version, date.min, SPEC)
    assert found is not None
    assert found.message.count(shown) == 1
    assert shown == version or version not in found.message
