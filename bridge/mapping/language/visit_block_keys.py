# ruff: noqa: E501 - a table reads best with one row on each line

"""The keys of `visit`, which joins an event with the earlier visit of the same person."""

from __future__ import annotations

from bridge.mapping.language.grammar import Key

VISIT_BLOCK = (
    Key("by", "visit_keys", "What tells whose visit it was, the strongest first; the first one that finds a visit counts.", required=True),
    Key("within", "duration", "How long before the event the visit may have begun.", default="90 days"),
    Key("add", "choices", "The fields that the visit fills when they are empty; external_id, ip and user_agent may be another person's on a shared device.", ("fbc", "fbp", "external_id", "ip", "user_agent")),
    Key("wait", "duration", "How long an event waits for a visit that is not known yet; at most 1 hour.", default="not at all"),
)  # fmt: skip
