# ruff: noqa: E501 - a table reads best with one row on each line

"""The words for webhooks that are no events: `erase` erases a person, `hold` waits for somebody to answer."""

from __future__ import annotations

from bridge.mapping.language.keys import Grammar, Key

ERASE = (
    Key("when", "condition", "The webhook asks to erase somebody only when all of these hold."),
    Key("email", "value", "The person's e-mail address."),
    Key("phone", "value", "The person's phone number."),
    Key("external_id", "value", "The person's id, as it is mapped to external_id elsewhere."),
    Key("order_id", "value", "The person's orders, as they are mapped to order_id elsewhere."),
    Key("never_send", "yes_no", "Whether nothing may be sent of the person again.", default="no"),
    Key("destination", "text", "Erase only what is kept for this destination.", default="everything"),
)

HOLD = (
    Key("when", "condition", "The webhook is held when all of these hold.", required=True),
    Key("name", "text", "What such a webhook is called in lists and logs.", default="the number of the entry"),
    Key("reason", "text", "What it asks for; shown in lists, alerts and the console.", required=True),
    Key("fix", "text", "What the person who reads it has to do."),
)  # fmt: skip


def identifiers_of(grammar: Grammar) -> list[Key]:
    """Return the keys of `erase` that name a person."""
    return [key for key in grammar["erase"].keys.values() if key.kind == "value"]
