"""docs/meta-fields.md: every field of a person, from what comes in to what is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from bridge.docgen.markdown import code, table
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec, UserDataRule
from bridge.normalize import normalize_value
from bridge.normalize.steps import STEP_WORDS

_INTRODUCTION = """# What is sent about a person

<!-- made by `make docs` from schemas/meta/user_data.yaml; do not edit by hand -->

Meta can only match an event to somebody when both sides write the same thing in the same way. So
every value is cleaned first (spaces, capitals, punctuation, country codes) and most are then
*hashed*: turned into 64 letters and digits that cannot be turned back. You write plain values in a
mapping; the bridge does the rest, and this page shows exactly what it does.

- **hashed** means that only the SHA-256 hash leaves the bridge. A value that arrives as a SHA-256
  hash passes through and is never hashed again. MD5 is rejected.
- **as it is** means that Meta wants the value itself. It is still checked.
- A value that cannot be used is *left out*, and the reason is reported: in `dry-run`, in the findings
  of the event, and by `capi-bridge normalize FIELD VALUE`.
- Placeholders such as `null`, `unknown`, `n/a` or `{{1.email}}` count as nothing, and so do their
  hashes.
"""


def page() -> str:
    """Return the whole page."""
    spec = load_meta_spec()
    rules = [rule for rule in spec.user_data.values() if not rule.virtual]
    sections = (_section(rule, spec) for rule in rules)
    return "\n".join([_INTRODUCTION, _overview(rules), *sections, _virtual(spec), _strength(spec)])


def _overview(rules: list[UserDataRule]) -> str:
    rows = (
        (
            code(rule.long_name),
            code(rule.name),
            rule.title,
            _HASHED[rule.hashed],
            "several" if rule.many else "one",
        )
        for rule in rules
    )
    return table(("in a mapping", "Meta's name", "what it is", "sent", "values"), rows)


_HASHED = {"yes": "hashed", "no": "as it is", "asked": "hashed unless `hash_external_id: no`"}


def _section(rule: UserDataRule, spec: MetaSpec) -> str:
    steps = "; ".join(STEP_WORDS[step] for step in rule.steps)
    lines = [f"## {rule.title}: `{rule.long_name}`", "", f"Cleaning: {steps}.", ""]
    if rule.decision:
        lines += [f"Why so: {rule.decision}", ""]
    lines += [table(("comes in", "cleaned", "sent"), _examples(rule, spec))]
    lines += [f"Source: <{rule.source}>, checked {_CHECKED}.", ""]
    return "\n".join(lines)


_CHECKED = "21 November 2026"
_NOW = datetime(
    2026, 11, 21, tzinfo=UTC
)  # the day the examples were checked, so that the page never changes by itself


def _examples(rule: UserDataRule, spec: MetaSpec) -> Iterator[tuple[str, str, str]]:
    for given, _, country in rule.examples:
        result = normalize_value(rule.name, given, country, spec=spec, now=_NOW)
        shown = code(given) + (f" ({country})" if country else "")
        if result.dropped:
            yield shown, "left out", result.dropped.replace(f"{rule.name} was left out: ", "")
        else:
            yield shown, code(str(result.normalized)), code(str(result.sent))


def _virtual(spec: MetaSpec) -> str:
    rows = (
        (code(rule.name), rule.title, ", ".join(code(name) for name in rule.becomes))
        for rule in spec.user_data.values()
        if rule.virtual
    )
    return "## Fields that become other fields\n\n" + table(("in a mapping", "what it is", "becomes"), rows)


_STRENGTH = """
## How well an event can be matched

`dry-run` and the console show a *match strength* from 0 to 100. It is our own estimate, made before
sending, from the weights below, which are added up to at most 100. It is **not** Meta's Event Match
Quality, which only Meta can compute, and only afterwards. From {good_from} on nothing important is
missing.
"""


def _strength(spec: MetaSpec) -> str:
    weights = spec.match.weights
    rows = ((code(name), str(weight), spec.match.advice[name]) for name, weight in weights.items())
    once = "; ".join(", ".join(map(code, sorted(group))) for group in spec.match.groups)
    note = f"\nOf these, only the heaviest one present counts: {once}.\n"
    return (
        _STRENGTH.format(good_from=spec.match.good_from)
        + "\n"
        + table(("identifier", "weight", "what it is"), rows)
        + note
    )
