"""The words of `visit`: what tells whose visit it was, what it may fill in, and what can be read of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VISIT: Final = "visit"  # the name under which paths read the visit
VISIT_SOURCE: Final = "$visit"  # no source of the settings can have this name


@dataclass(frozen=True, slots=True)
class VisitKey:
    """One word of `by`: the kind of key, what people call it, and the event's field that it reads alone."""

    kind: str
    called: str
    field: str = ""


VISIT_KEYS: Final = {
    "visitor_id": VisitKey("visitor_id", "the visitor id"),
    "cb_event_id": VisitKey("event_id", "the event id"),
    "event_id": VisitKey("event_id", "the event id", "event_id"),
    "fbp": VisitKey("fbp", "the browser id (fbp)", "user_data.fbp"),
    "email": VisitKey("email", "the e-mail", "user_data.em"),
    "phone": VisitKey("phone", "the phone number", "user_data.ph"),
    "external_id": VisitKey("external_id", "the external id", "user_data.external_id"),
}
# what browsers bring by themselves; the others are learnt, from senders that prove who they are
FROM_THE_BROWSER: Final = frozenset({"visitor_id", "event_id", "fbp"})

# a word of `add` -> Meta's field of user_data, and the part of the visit that fills it
VISIT_ADDS: Final = {
    "fbc": ("fbc", "fbc"),
    "fbp": ("fbp", "fbp"),
    "external_id": ("external_id", "visitor_id"),
    "ip": ("client_ip_address", "ip"),
    "user_agent": ("client_user_agent", "user_agent"),
}
# what a landing page is called with: where the visit comes from, and the click on the ad that led there
CAMPAIGN: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id")
CLICK_IDS: Final = (
    *("gclid", "gbraid", "wbraid", "ttclid", "msclkid"),
    *("li_fat_id", "epik", "ScCid", "rdt_cid", "twclid"),
)
_OF_A_TOUCH: Final = ("landing_page", "referrer", *CAMPAIGN, *CLICK_IDS)
FIRST: Final = "first"  # the block of what is known of the visitor's first visit
OF_THE_FIRST_TOUCH: Final = frozenset(_OF_A_TOUCH)
VISIT_FIELDS: Final = (
    *("visitor_id", "began_at", "found_by", "consent", "consent_source", "consent_at"),
    *("fbc", "fbp", "ip", "user_agent", "address_at"),
    *_OF_A_TOUCH,
    FIRST,
)
