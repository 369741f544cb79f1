"""docs/rules.md: every finding an event can get, with its reason and its cure."""

from __future__ import annotations

import re

from bridge.docgen.markdown import code, table
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import Rule

_INTRODUCTION = """# What can be wrong with an event

<!-- made by `make docs` from schemas/meta/rules.yaml; do not edit by hand -->

Before an event leaves, the bridge looks at it the way Meta would. Everything it finds has a code
that never changes, so that you can search for it.

- An **error** means that Meta would reject the event, and with it everything sent in the same
  request. The event is held; nothing is lost, and it can be sent after the mapping is fixed.
- A **warning** means that the event is sent, but is worth less than it could be, or that one value
  was left out.
"""

_AREAS = {
    "schema": ("The form of an event", "Missing, unknown or mistyped fields."),
    "event": ("What the event says", "Times, names, ids, money, and whether anybody can be matched at all."),
    "value": (
        "Values about a person that were left out",
        "Each is a warning; the rest of the event is sent.",
    ),
    "content": ("Other values that were left out or corrected", "Everything beside the person."),
    "drop_in": (
        "What the drop-in for Meta's endpoint put right",
        "Told in the `messages` of its answer, together with everything above.",
    ),
    "body": ("Whole requests and the Graph API", "For `capi-bridge validate`, and for notes at start."),
}


def page() -> str:
    """Return the whole page."""
    rules = load_meta_spec().rules.values()
    sections = [
        f"## {title}\n\n{words}\n\n" + table(_HEADS, [_row(rule) for rule in rules if rule.area == area])
        for area, (title, words) in _AREAS.items()
    ]
    return "\n".join([_INTRODUCTION, *sections])


_HEADS = ("code", "", "what was wrong", "what to do", "source")


def _row(rule: Rule) -> tuple[str, ...]:
    source = "our own rule" if rule.source == "own" else f"[Meta]({rule.source})"
    if not rule.source.startswith(("https://developers.facebook.com", "https://www.facebook.com", "own")):
        source = f"[source]({rule.source})"
    return code(rule.code), rule.severity, _readable(rule.message), _readable(rule.fix), source


def _readable(text: str) -> str:
    """Return a message with its gaps as words: `{field}` becomes *field*."""
    return re.sub(r"\{(\w+)\}", r"*\1*", text).replace("{{", "{").replace("}}", "}")
