"""Whether an event is of the demo, a test or live: part of what it is, wherever it is shown."""

from __future__ import annotations

from typing import Literal

Mode = Literal["demo", "test", "live"]
MODES: tuple[Mode, ...] = ("live", "test", "demo")
TEST_CODE_MAX_LENGTH = 50
DEMO_DATASET_ID = "1000000000000000"  # of nobody at Meta: every event of a demo carries it
# What stands in the place of a destination when nobody knows it: no destination can have this name.
UNKNOWN_DESTINATION = "(unknown)"


def mode_of(dataset_id: str, test_event_code: str | None) -> Mode:
    """Return the mode of an event from the dataset and the test code that it was stored with."""
    if dataset_id == DEMO_DATASET_ID:
        return "demo"
    return "test" if test_event_code else "live"


def is_test_code(text: str) -> bool:
    """Return whether a text can be a test code: Meta's have about nine letters and digits, never a space."""
    return 0 < len(text) <= TEST_CODE_MAX_LENGTH and text.isascii() and text.isprintable() and " " not in text
