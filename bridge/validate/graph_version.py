"""How long the Graph API version in use can still be used: a warning at start."""

from __future__ import annotations

from datetime import date

from bridge.finding import Finding
from bridge.meta_spec.spec import MetaSpec
from bridge.plurals import counted


def version_note(version: str, today: date, spec: MetaSpec) -> Finding | None:
    """Return a warning when a version has ended, ends soon or is unknown; None when all is well."""
    limits, rules = spec.limits, spec.rules
    newest = next(iter(limits.graph_versions))
    known = limits.graph_versions.get(version)
    if known is None:
        return rules["graph_version_unknown"].finding(None, version=_shown(version), newest=newest)
    until = known.usable_until
    if until is None:
        return None
    days = (until - today).days
    if days < 0:
        return rules["graph_version_ended"].finding(None, version=version, until=until, newest=newest)
    if days < limits.graph_warn_days:
        return rules["graph_version_ends"].finding(
            None, version=version, until=until, days=counted(days, "day"), newest=newest
        )
    return None


def _shown(version: str) -> str:
    """Return a mistyped version, unless it is something else altogether (a pasted token)."""
    return version if len(version) <= 8 else "as set"
