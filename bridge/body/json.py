"""JSON whose numbers keep every digit: a fast reader for most bodies, an exact one for the rest."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

import orjson

from bridge.body.charset import decode
from bridge.body.json_diagnosis import unreadable
from bridge.body.limits import MAX_DEPTH, MAX_NODES, SHAPE, check_bounds, may_break_bounds, too_large
from bridge.body.media_type import MediaType
from bridge.body.special_characters import without_lone_surrogates
from bridge.errors import Refused, UnreadableBody
from bridge.models import Finding

_Read = tuple[Any, tuple[Finding, ...]]

# The fast reader makes floats of fractions and of whole numbers beyond 64 bits. A float gives back what
# was written unless it has more than 15 significant digits, ends in a zero (12.50) or is very small.
_BEYOND_64_BIT: Final = b"0" * 19
_DELICATE_FRACTION: Final = re.compile(
    rb"\.(?=\d+(?:[,}\]\seE]|\Z))(?:\d+0(?!\d)|\d{7}|0000|(?<=\d{9}\.))", re.ASCII
)
_BEFORE_A_NUMBER: Final = (b"", b":", b"[", b",", b" ", b"\t", b"\n", b"\r")
_KEEPS_ITS_DIGITS: Final = frozenset({str, int, bool, type(None)})
_NEVER_TOO_MANY_BYTES: Final = 2 * MAX_NODES
_LONGEST_WHOLE_PART: Final = 32
_MAX_NUMBER_CHARACTERS: Final = 400
_MAX_EXPONENT: Final = 308

_NESTED_TEXT_NOTE: Final = Finding(
    "warning",
    "json_encoded_twice",
    "The body is JSON written as a text inside JSON; the inner one was read.",
    "At the sender, put the object into the body field itself instead of turning it into a text first.",
)


def read_json(content: bytes, media: MediaType, max_values: int = MAX_NODES) -> _Read:
    """Read a JSON body, whatever its encoding; an object or a list, perhaps encoded twice."""
    data, notes = _read(content, media.charset, max_values)
    if isinstance(data, str):
        data, notes = opened_json(data), (*notes, _NESTED_TEXT_NOTE)
    if not isinstance(data, dict | list):
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
        data, _ = _read(text.encode("utf-8", "surrogatepass"), "utf-8")
    except Refused:
        return None
    return data


def _read(content: bytes, charset: str | None, max_values: int = MAX_NODES) -> _Read:
    if charset is None or charset.lower() in ("utf-8", "utf8"):
        try:
            data = orjson.loads(content)
        except orjson.JSONDecodeError:
            pass  # perhaps only another encoding, or a half character: the exact reader decides
        else:
            if len(content) < _NEVER_TOO_MANY_BYTES and _is_simple(data, MAX_DEPTH):
                return data, ()
            shape = content.translate(SHAPE)
            if may_break_bounds(shape):
                check_bounds(data, max_values)
            return (_read_exactly(content.decode()) if _loses_digits(content, shape) else data), ()
    text, notes = decode(content, charset)
    data = _read_exactly(text)
    check_bounds(data, max_values)
    data, more = without_lone_surrogates(data)
    return data, (*notes, *more)


def _is_simple(data: Any, depth: int) -> bool:
    """Return whether data holds no float, which alone may have lost digits, and is not nested too deep."""
    if type(data) is dict:
        data = data.values()
    elif type(data) is not list:
        return type(data) is not float
    if depth == 0:
        return False
    for value in data:
        if type(value) not in _KEEPS_ITS_DIGITS and not _is_simple(value, depth - 1):
            return False
    return True


def _loses_digits(content: bytes, shape: bytes) -> bool:
    """Return whether a float would change how a number was written; a false alarm only costs time."""
    if _BEYOND_64_BIT in shape:
        return True
    for fraction in _DELICATE_FRACTION.finditer(content):
        if _is_in_a_number(content, fraction.start()):
            return True
    return False


def _is_in_a_number(content: bytes, point: int) -> bool:
    """Return whether a decimal point may be one of a number; those of browser ids (`fb.1.155.12`) are not."""
    before = content[max(0, point - _LONGEST_WHOLE_PART) : point].rstrip(b"0123456789").removesuffix(b"-")
    return before[-1:] in _BEFORE_A_NUMBER


def _read_exactly(text: str) -> Any:
    text = text.removeprefix("\ufeff")
    try:
        return _EXACT.decode(text)
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


def _fraction(text: str) -> Decimal:
    _check_length(text)
    number = Decimal(text)
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


_EXACT: Final = json.JSONDecoder(
    parse_int=_whole_number, parse_float=_fraction, parse_constant=_refuse_constant, strict=True
)
