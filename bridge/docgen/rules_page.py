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

_CONTACT_DATA = """
## Contact data outside user_data

E-mail addresses and phone numbers belong in `user_data`, where they are hashed. Everywhere else they would
be sent as they are, and Meta [forbids that](https://www.facebook.com/business/help/361948878201809). So the
bridge looks for them in ids, event names, URLs and all of `custom_data`: an `event_id` that holds one is
sent as its SHA-256, a URL loses the part, an event with one in its name is held, and any other value is
left out. `capi-bridge validate` reports the same.

Seven to fifteen digits are taken for a phone number when one of these is true:

- a plus stands in front: `+49 151 2345678`, `lead-+4915123456789`;
- the separators of a phone number stand between them: `(650) 555-1212`, `650-555-1212`, `0151 2345678`,
  `030/1234567`, `0044 20 7946 0958`;
- they are those of a phone number that the same webhook maps, with or without its country:
  `lead-15123456789`.

Digits alone are an id, however many there are: order numbers (`4915123456789`), EAN and ISBN, ids of 18
digits. So are digits with the separators of something else: dates (`2026-11-27`, `27.11.2026`), order
numbers such as `123-4567890-1234567`, and numbers behind a dash (`order-030-1234567`). An `event_id` that
the pixel sends too therefore never changes because it is made of digits.
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
        "Reported in the `messages` of its answer, together with everything above.",
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
    return "\n".join([_INTRODUCTION, *sections, _CONTACT_DATA])


_HEADS = ("code", "", "what was wrong", "what to do", "source")


def _row(rule: Rule) -> tuple[str, ...]:
    source = "our own rule" if rule.source == "own" else f"[Meta]({rule.source})"
    if not rule.source.startswith(("https://developers.facebook.com", "https://www.facebook.com", "own")):
        source = f"[source]({rule.source})"
    return code(rule.code), rule.severity, _readable(rule.message), _readable(rule.fix), source


def _readable(text: str) -> str:
    """Return a message with its gaps as words: `{field}` becomes *field*."""
    return re.sub(r"\{(\w+)\}", r"*\1*", text).replace("{{", "{").replace("}}", "}")
