"""Time-ordered ids (UUID version 7, RFC 9562) of a given moment.

`uuid_utils.uuid7` makes them too, but in order only for its own clock; here the moment is an argument, and
ids made one after the other for one moment still sort in the order they were made.
"""

from __future__ import annotations

import itertools
import os
import random

_COUNTER_BITS = 26  # 12 of them before the variant, 14 after it; 48 bits are random
# An id must be unique, not secret: asking the system each time would let go of Python's lock at every id.
_random_bits = random.Random()  # noqa: S311
_count = itertools.count(_random_bits.getrandbits(24))
os.register_at_fork(after_in_child=_random_bits.seed)


def new_id(milliseconds: int) -> bytes:
    """Return an id of this moment, later than all that this process has made for it."""
    count = next(_count) & (1 << _COUNTER_BITS) - 1
    high = milliseconds << 16 | 0x7000 | count >> 14
    low = 0b10 << 62 | (count & 0x3FFF) << 48 | _random_bits.getrandbits(48)
    return (high << 64 | low).to_bytes(16, "big")


def first_id(milliseconds: int) -> bytes:
    """Return what is not above any id of this moment or later, and above all earlier ones."""
    return milliseconds.to_bytes(6, "big") + bytes(10)


def moment_of(row_id: bytes) -> int:
    """Return the milliseconds an id begins with."""
    return int.from_bytes(row_id[:6], "big")
