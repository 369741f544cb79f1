"""JSON whose numbers keep every digit: a fast reader for most bodies, a second one that explains the rest."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

import msgspec

from bridge.body.charset import decode
from bridge.body.json_diagnosis import unreadable
from bridge.body.limits import MAX_DEPTH, MAX_NODES, check_bounds, may_break_bounds, too_large
from bridge.body.media_type import MediaType
from bridge.coerce.special_characters import without_lone_surrogates, without_nul, without_special_escapes
from bridge.errors import Refused, UnreadableBody
from bridge.finding import Finding

_Read = tuple[Any, tuple[Finding, ...]]

_MAX_NUMBER_CHARACTERS: Final = 400
_MAX_EXPONENT: Final = 308
_SAMPLES_OF_A_LONG_NUMBER: Final = 4
_DIGITS_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")

_NESTED_TEXT_NOTE: Final = Finding(
    "warning",
    "json_encoded_twice",
    "The body is JSON written as a text inside JSON; the inner one was read.",
    "At the sender, put the object into the body field itself instead of turning it into a text first.",
)


def read_json(content: bytes, media: MediaType, max_values: int = MAX_NODES) -> _Read:
    """Read a JSON body, whatever its encoding; an object or a list, perhaps encoded twice."""
    data, notes = _read(content, media.charset, max_values)
    if type(data) is str:
        data, notes = opened_json(data), (*notes, _NESTED_TEXT_NOTE)
    if type(data) is not dict and type(data) is not list:
        raise UnreadableBody(
            "The body is a single value; an object or a list is expected.",
            fix='Send the fields as an object: {"email": …, "phone": …}.',
        )
    return data, notes


def opened_json(text: str) -> Any:
    """Return what a text says that holds a JSON object or list, None when it holds none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        data, _ = _read(without_special_escapes(text).encode("utf-8", "surrogatepass"), "utf-8")
    except Refused:
        return None
    return data


def _read(content: bytes, charset: str | None, max_values: int = MAX_NODES) -> _Read:
    if (charset is None or charset.lower() in ("utf-8", "utf8")) and not _may_hold_long_number(content):
        try:
            data = _READ(content)
        except (ValueError, RecursionError):
            pass  # perhaps only another encoding, or a half character: the second reader decides
        else:
            if may_break_bounds(content):
                check_bounds(data, max_values)
            return without_nul(data) if b"\\" in content and b"\\u0000" in content else (data, ())
    text, notes = decode(content, charset)
    data = _read_or_explain(text)
    check_bounds(data, max_values)
    data, halves = without_lone_surrogates(data)
    data, nuls = without_nul(data)
    return data, (*notes, *halves, *nuls)


def _may_hold_long_number(content: bytes) -> bool:
    """Say whether a whole number beyond the limit may be there, by a look at every hundredth character."""
    samples = content[:: _MAX_NUMBER_CHARACTERS // _SAMPLES_OF_A_LONG_NUMBER]
    return b"0" * _SAMPLES_OF_A_LONG_NUMBER in samples.translate(_DIGITS_AS_ZEROS)


def _read_or_explain(text: str) -> Any:
    text = text.removeprefix("\ufeff")
    try:
        return _EXPLAINABLE.decode(text)
    except json.JSONDecodeError as error:
        raise unreadable(text, error.pos, error.msg) from error
    except _NoNumber as error:
        raise unreadable(text, _position_of(text, error.name), "no number") from error
    except RecursionError as error:
        raise too_large("nesting of the body", MAX_DEPTH, "levels") from error


class _NoNumber(ValueError):
    """JSON has no NaN and no Infinity, whatever some writers think."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _refuse_constant(name: str) -> NoReturn:
    raise _NoNumber(name)


def _whole_number(text: str) -> int:
    _check_length(text)
    return int(text)


def _fraction(text: str) -> float | Decimal:
    """Return a float where it is written with the same digits, else a Decimal, which keeps them (`12.50`)."""
    number = float(text)
    return number if repr(number) == text else _exactly(text)


def _exactly(text: str) -> Decimal:
    _check_length(text)
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise _unbounded_number() from error
    if number and abs(number.adjusted()) > _MAX_EXPONENT:
        raise _unbounded_number()
    return number


def _check_length(text: str) -> None:
    if len(text) > _MAX_NUMBER_CHARACTERS:
        raise _unbounded_number()


def _unbounded_number() -> UnreadableBody:
    return UnreadableBody("A number in the body is too long or too large.", fix="Send it as text, in quotes.")


def _position_of(text: str, constant: str) -> int:
    """Return the place of a constant outside every text, which the parser does not report."""
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|(?P<constant>-?Infinity|NaN)', text, re.DOTALL):
        if match["constant"] == constant:
            return match.start()
    return 0


_EXPLAINABLE: Final = json.JSONDecoder(
    parse_int=_whole_number, parse_float=_fraction, parse_constant=_refuse_constant, strict=True
)
_READ: Final = msgspec.json.Decoder(float_hook=_fraction).decode
