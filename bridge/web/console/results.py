"""What a button did, told on the page it leads to: by a code in the URL, so that no link can choose words."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.web.console.jobs import WORDS
from bridge.web.request import HttpRequest, query

_MOST_DIGITS = 6
_SENTENCES = {
    "discarded": "discarded",
    "left_alone": "left alone: it was sent, or is being sent right now",
    "nothing": "there was nothing to do",
    "saved": "saved, and active",
    "saved_not_active": "saved, but not active: the list of mappings says why",
    "taken_back": "the content before the last change is active again",
    "taken_back_not_active": "the content before the last change is back, but not active",
    "paused": "nothing is sent to it until its pause ends; its events wait",
    "resumed": "it sends again",
    "not_paused": "it was not paused",
    "no_destination": "there is no such destination",
    "source_resumed": "records are fetched from it again",
    "capture_closed": "closed, and what was captured is deleted",
    "sample_saved": "saved as a sample, with fictional people",
    "file_deleted": "the file was deleted",
    "no_source": "there is no such source",
}


def code_of(became: Mapping[str, int]) -> str:
    """Return the result of a replay as a code: `replayed-1.still_held-2`."""
    return ".".join(f"{word}-{number}" for word, number in became.items() if number) or "nothing"


def sentence_of(request: HttpRequest) -> str:
    """Return what the code in the URL says, empty when there is none that is known."""
    code = query(request).get("done", "")
    if code in _SENTENCES:
        return _SENTENCES[code]
    counted = [_counted(part) for part in code.split(".")]
    return ", ".join(counted) if all(counted) else ""


def _counted(part: str) -> str:
    word, _, number = part.rpartition("-")
    is_number = number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS
    return f"{int(number):,} {WORDS[word]}" if word in WORDS and is_number else ""
