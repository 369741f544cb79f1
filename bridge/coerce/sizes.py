"""Sizes as people write them: `512 KiB`, `1.5 MB`; a number alone counts bytes.

KB, MB and GB are steps of 1,000; KiB, MiB and GiB are steps of 1,024.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

BYTES: Final[dict[str, int]] = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1),
    **dict.fromkeys(("k", "kb"), 1_000),
    **dict.fromkeys(("m", "mb"), 1_000**2),
    **dict.fromkeys(("g", "gb"), 1_000**3),
    "kib": 1_024,
    "mib": 1_024**2,
    "gib": 1_024**3,
}
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)", re.ASCII)


def read_size(text: str) -> int | None:
    """Read a size in whole bytes; None when it is not one."""
    match = _SIZE.fullmatch(text.strip().lower())
    return int(Decimal(match[1]) * BYTES[match[2]]) if match is not None and match[2] in BYTES else None
