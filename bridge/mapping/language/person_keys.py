# ruff: noqa: E501 - a table reads best with one row on each line

"""The keys of `visit` and `consent`: the earlier visit of the same person, and what the person allowed."""

from __future__ import annotations

from bridge.mapping.language.keys import Key

VISIT_BLOCK = (
    Key("by", "visit_keys", "What tells whose visit it was, the strongest first; the first one that finds a visit counts.", required=True),
    Key("within", "duration", "How long before the event the visit may have begun.", default="90 days"),
    Key("add", "choices", "The fields that the visit fills when they are empty; external_id, ip and user_agent may be another person's on a shared device.", ("fbc", "fbp", "external_id", "ip", "user_agent")),
    Key("wait", "duration", "How long an event waits for a visit that is not known yet; at most 1 hour.", default="not at all"),
)  # fmt: skip

CONSENT_BLOCK = (
    Key("from", "value", "The field that says what the person allowed."),
    Key("granted", "texts", "Values that mean yes."),
    Key("denied", "texts", "Values that mean no; the event is kept as suppressed and never sent."),
    Key(
        "unknown",
        "choice",
        "What happens with any other value, and without one.",
        ("send", "hold", "suppress"),
        "hold",
    ),
    Key(
        "required_in",
        "texts",
        "Where an event needs consent: EEA, UK, CH or countries; an unknown country counts as one of them.",
        default="everywhere",
    ),
    Key("limited_data_use", "condition", "When these hold, Meta is asked for limited data use (LDU)."),
)  # fmt: skip
