"""Why a JSON body cannot be read, in words for the person who built it in an HTTP module.

Templating tools put values into JSON as text, so most broken bodies break in the same dozen ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bridge.errors import UnreadableBody
from bridge.finding import Finding


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading stopped: the text there, the text before it, and the parser's own message."""

    text: str
    position: int
    said: str

    @property
    def here(self) -> str:
        """The text from the mistake on, a few characters of it."""
        return self.text[self.position : self.position + 24]

    @property
    def before(self) -> str:
        """The few characters before the mistake, without the whitespace next to it."""
        return self.text[max(0, self.position - 64) : self.position].rstrip()

    @property
    def around(self) -> str:
        """Both sides, close to the mistake."""
        return self.text[max(0, self.position - 2) : self.position + 2]


@dataclass(frozen=True, slots=True)
class Cause:
    """One way in which JSON breaks."""

    code: str
    found_in: Callable[[Place], bool]
    message: str
    fix: str


def unreadable(text: str, position: int, said: str) -> UnreadableBody:
    """Return the refusal with line, column and likely cause; it never quotes the body."""
    if said.startswith("Illegal trailing comma"):  # from Python 3.13 on, and at the comma itself
        position = _next_visible(text, position + 1)
    place = Place(text, min(position, len(text)), said)
    cause = next(cause for cause in CAUSES if cause.found_in(place))
    mistake = text.rindex(",", 0, place.position) if cause.code == "trailing_comma" else place.position
    line = text.count("\n", 0, mistake) + 1
    column = mistake - text.rfind("\n", 0, mistake)
    message = f"The JSON body breaks at line {line}, column {column}: {cause.message}"
    finding = Finding("error", cause.code, message, cause.fix, path=f"line {line}, column {column}")
    return UnreadableBody(message, fix=cause.fix, code="unreadable_body", findings=(finding,))


def _next_visible(text: str, position: int) -> int:
    return len(text) - len(text[position:].lstrip())


def _starts(*openings: str) -> Callable[[Place], bool]:
    return lambda place: place.here.startswith(openings)


def _said(words: str) -> Callable[[Place], bool]:
    return lambda place: place.said.startswith(words)


def _is_unrendered(place: Place) -> bool:
    return any(mark in place.around for mark in ("{{", "{%", "<%", "${"))


def _is_empty(place: Place) -> bool:
    return place.before.endswith(":") and place.here[:1] in (",", "}", "]")


def _is_trailing_comma(place: Place) -> bool:
    return place.here[:1] in ("}", "]") and place.before.endswith(",")


def _is_double_comma(place: Place) -> bool:
    return place.here.startswith(",") and place.before[-1:] in (",", "[", "{")


def _is_decimal_comma(place: Place) -> bool:
    return place.here[:1].isdigit() and re.search(r"\d\s*,$", place.before) is not None


def _is_unescaped_quote(place: Place) -> bool:
    ends_a_text = place.said.startswith("Expecting ','") and place.before.endswith('"')
    return ends_a_text and place.here[:1] not in ("", '"', "{", "[")


def _is_missing_comma(place: Place) -> bool:
    after_value = place.said.startswith("Expecting ','")
    return after_value and place.here[:1] in ('"', "{", "[")


def _is_leading_zero(place: Place) -> bool:
    return place.here[:1].isdigit() and place.before.endswith("0")


def _is_cut(place: Place) -> bool:
    return place.position >= len(place.text.rstrip()) or place.said.startswith("Unterminated string")


def _is_unquoted(place: Place) -> bool:
    return place.here[:1].isalpha() or place.here[:1] in ("_", "@", "+", "$", "#")


_SMART_QUOTES = ("“", "”", "„", "‟", "‘", "’", "‚", "«", "»", "″")

CAUSES: tuple[Cause, ...] = (
    Cause(
        "empty_text",
        lambda place: not place.text.strip(),
        "the body is empty.",
        "Send the fields as JSON; in an HTTP module, fill in the request content.",
    ),
    Cause(
        "unrendered_template",
        _is_unrendered,
        "a placeholder such as {{…}} was sent without being filled.",
        "Choose the field from the module's list again, and run the scenario instead of the editor's test.",
    ),
    Cause(
        "smart_quotes",
        _starts(*_SMART_QUOTES),
        'there is a typographic quote instead of a straight one (").',
        "Write the JSON in the module itself or in a plain text editor; word processors replace quotes.",
    ),
    Cause(
        "single_quotes",
        _starts("'"),
        'there is a single quote instead of a double one (").',
        'Write names and texts in double quotes: {"email": "…"}.',
    ),
    Cause(
        "trailing_comma",
        _is_trailing_comma,
        "there is a comma after the last entry.",
        "Delete the comma before the closing bracket.",
    ),
    Cause(
        "empty_value",
        _is_empty,
        "a field has no value: the tool inserted nothing where a number should be.",
        'Put the field in quotes ("value": "{{amount}}"): an empty text is read as no value, '
        "and a number in quotes is still read as a number.",
    ),
    Cause(
        "double_comma",
        _is_double_comma,
        "an entry is missing next to a comma.",
        "Delete the comma, or put the missing value in quotes.",
    ),
    Cause(
        "decimal_comma",
        _is_decimal_comma,
        "a number is written with a decimal comma.",
        'Put the number in quotes ("value": "12,50") and set number_format in the mapping, or use a point.',
    ),
    Cause(
        "raw_line_break",
        _said("Invalid control character"),
        "a text contains a raw line break or tab; JSON requires \\n there.",
        "Let the tool build the JSON (a JSON module, or a form body) instead of typing it around the fields; "
        "or replace line breaks in the field before sending.",
    ),
    Cause(
        "bad_escape",
        _said("Invalid \\"),
        "a backslash is followed by a character that cannot be escaped.",
        "Let the tool build the JSON, or write each backslash twice.",
    ),
    Cause(
        "comment",
        _starts("//", "/*", "#"),
        "there is a comment; JSON does not allow comments.",
        "Delete the comment.",
    ),
    Cause(
        "not_a_number",
        _starts("NaN", "Infinity", "-Infinity"),
        "NaN and Infinity are not JSON numbers.",
        "Leave the field out, or send null if there is no number.",
    ),
    Cause(
        "foreign_word",
        _starts("True", "False", "None", "undefined", "TRUE", "FALSE", "NULL", "Null", "nil"),
        "there is a word from a programming language; JSON has true, false and null, in lowercase.",
        "Write true, false or null, or put the field in quotes.",
    ),
    Cause(
        "web_page",
        lambda place: place.text.lstrip().startswith("<"),
        "this is a web page or XML.",
        "Set the body of the request to JSON.",
    ),
    Cause(
        "form_instead",
        lambda place: re.match(r"[^\s{\[\"=&]+=", place.text) is not None,
        "this is a form, sent as JSON.",
        "Set the content type of the request to application/x-www-form-urlencoded, or send JSON.",
    ),
    Cause(
        "unescaped_quote",
        _is_unescaped_quote,
        'a text ends too early: it probably contains a quote (").',
        "Let the tool build the JSON (a JSON module, or a form body) instead of typing it around the fields.",
    ),
    Cause(
        "missing_comma",
        _is_missing_comma,
        "a comma is missing between two entries, or a text contains a quote.",
        "Add a comma after the previous entry.",
    ),
    Cause(
        "leading_zero",
        _is_leading_zero,
        "a number starts with a zero, as postcodes and phone numbers do.",
        'Put the field in quotes: "zip": "01067".',
    ),
    Cause(
        "cut_off",
        _is_cut,
        "the body ends in the middle.",
        "A closing quote or bracket is missing, or the sender truncates long bodies.",
    ),
    Cause(
        "more_than_one",
        _said("Extra data"),
        "there is something after the end of the JSON.",
        "Send one object or one list; put several objects into a list: [{…}, {…}].",
    ),
    Cause(
        "no_colon",
        _said("Expecting ':'"),
        "a colon is missing between a name and its value.",
        'Write "name": "value".',
    ),
    Cause(
        "unquoted_text",
        _is_unquoted,
        "a text or name is not in quotes.",
        'Put it in double quotes: {"email": "…"}.',
    ),
    Cause(
        "not_json",
        lambda _place: True,
        "this is not JSON.",
        "Check the body with a JSON validator; every name and text must be in double quotes, without a comma "
        "at the end.",
    ),
)
