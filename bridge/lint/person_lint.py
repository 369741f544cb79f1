"""Says when nobody could be matched from any event that the samples become."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bridge.finding import Finding
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.models import Draft

# each of these is enough for Meta to know a person by; an own id, a name or a place is not
_IDENTITY = frozenset(
    [
        "em",
        "ph",
        "fbc",
        "fbclid",
        "fbp",
        "lead_id",
        "fb_login_id",
        "madid",
        "anon_id",
        "page_scoped_user_id",
        "ctwa_clid",
        "ig_sid",
    ]
)


def lint_person(mapping: CompiledMapping, made: Collection[Draft]) -> Iterator[Finding]:
    """Yield a finding when no event of the samples (`made`) carries anything to match a person by."""
    if not made or any(_names_a_person(draft) for draft in made):
        return
    yield Finding(
        "warning",
        "no_person_in_samples",
        "nobody can be matched: no event made from the samples has an e-mail, a phone or a click id",
        _fix(mapping),
        position=mapping.node.position,
    )


def _fix(mapping: CompiledMapping) -> str:
    if mapping.fetch:
        steps = " or ".join(f"${step.name}" for step in mapping.fetch)
        return f"check which fields of {steps} are read, against an answer as the source gives it"
    return "have the sender include the contact's data, or read it from its API by the id: see docs/fetch.md"


def _names_a_person(draft: Draft) -> bool:
    return not _IDENTITY.isdisjoint(draft.fields.get("user_data", {}))
