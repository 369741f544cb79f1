"""Compiling `required_in` of consent: where an event of a person who said nothing may go out all the same."""

from __future__ import annotations

import hashlib

from bridge.consent_decision import ConsentPolicy
from bridge.finding import EventVerdict
from bridge.mapping.compiler.context import Compiling
from bridge.mapping.language.node_types import shown
from bridge.mapping.language.reader import Entry, block_of
from bridge.spelling import closest


def compile_regions(compiling: Compiling, entry: Entry | None, unknown: EventVerdict) -> ConsentPolicy | None:
    """Return where nothing is required; a region that nobody knows is reported."""
    entries = block_of(entry)
    named = entries.get("required_in")
    if entry is None or named is None:
        return None
    if "from" not in entries and compiling.visit is None:
        message = "required_in needs something that says what the person allowed"
        compiling.loading.error(
            named.key, "missing_key", message, "add from and granted, or visit to the file"
        )
    if unknown == "ready":
        message = "required_in has no effect with unknown: send"
        compiling.loading.error(named.key, "option_alone", message, "write unknown: hold or suppress")
    spec = compiling.loading.spec
    required: set[str] = set()
    for text in named.value or ():
        region = spec.regions.get(text.upper())
        code = spec.countries.get(text.lower())
        if region is None and code is None:
            fix = f"write {', '.join(spec.regions)} or the code of a country, such as DE"
            near = closest(text.upper(), spec.regions)
            compiling.loading.error(
                named.node, "unknown_word", f"there is no region {shown(text)}", fix, near
            )
        required |= region or {code or ""}
    outside = set(spec.countries.values()) - required
    return ConsentPolicy(frozenset(map(_sent, outside)), unknown, named.position)


def _sent(code: str) -> str:
    """Return a country as it is sent."""
    return hashlib.sha256(code.encode()).hexdigest()
