"""The values made anew for every webhook: compared and shown by their parts."""

from __future__ import annotations

import pytest

from bridge.models import Draft, Event, ReadingSettings, Translation


def event(**changed) -> Event:
    parts = {
        "label": "Purchase",
        "verdict": "ready",
        "data": {"event_name": "Purchase"},
        "send_to": ("main",),
    }
    return Event(**{**parts, **changed})


def test_values_with_the_same_parts_are_equal():
    assert event() == event()
    assert Translation("shop", "1", b"k", (event(),)) == Translation("shop", "1", b"k", (event(),))
    assert hash(event(data=None)) == hash(event(data=None))


@pytest.mark.parametrize(
    "changed", [{"label": "Lead"}, {"data": {}}, {"reason": "no value"}, {"findings": (1,)}]
)
def test_values_that_differ_in_one_part_are_not_equal(changed):
    assert event() != event(**changed)


def test_values_of_two_kinds_are_never_equal():
    one = event()
    assert one != Draft("Purchase", {}, ReadingSettings(), ("main",), {})
    assert one != tuple(getattr(one, name) for name in Event.__match_args__)


def test_a_value_shows_the_names_of_its_parts():
    start = "label='Purchase', verdict='ready', data=None, send_to=('main',)"
    assert (
        repr(event(data=None))
        == f"Event({start}, findings=(), reason=None, match=None, needs=None, consent=None)"
    )
