"""The table of cleaning steps: the names that `schemas/meta/user_data.yaml` uses, and what each one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bridge.meta_spec.spec import MetaSpec
from bridge.normalize import ids, text
from bridge.normalize.birth_date import birth_date, birth_day, birth_month, birth_year
from bridge.normalize.context import CleaningContext, ValueDropped
from bridge.normalize.phone import phone_step
from bridge.normalize.places import city_step, country_step, state_step

Step = Callable[[str, CleaningContext], str]


def steps_of(spec: MetaSpec) -> dict[str, Step]:
    """Return every step by name, made for one spec."""
    return {
        "lowercase": lambda value, context: value.lower(),
        "outer_spaces": lambda value, context: value.strip(),
        "compose": text.compose,
        "name_alone": text.name_alone,
        "city_alone": city_step(spec),
        "drop_punctuation": text.drop_punctuation,
        "letters_only": text.letters_only,
        "has_a_letter": text.has_a_letter,
        "email": text.email,
        "postal_code": text.postal_code_step(spec),
        "identifier": text.identifier,
        "plain_text": text.plain_text,
        "phone": phone_step(spec),
        "country": country_step(spec),
        "state": state_step(spec),
        "gender": _gender_step(spec),
        "birth_date": birth_date,
        "ip_address": ids.ip_address_step(spec),
        "visitor_user_agent": ids.user_agent_step(spec),
        "one_token": ids.one_token,
        "click_cookie": ids.click_cookie,
        "browser_cookie": ids.browser_cookie,
        "first_five": text.first_five,
        "initial": text.initial,
        "birth_day": birth_day,
        "birth_month": birth_month,
        "birth_year": birth_year,
        "no_contact": ids.no_contact,
        "digits": ids.digits,
        "lead_id": ids.lead_id,
        "advertising_id": ids.advertising_id,
    }


# What each step does, in words for the explanation and the page of fields.
STEP_WORDS: Final[dict[str, str]] = {
    "lowercase": "lower case, outer spaces removed",
    "outer_spaces": "outer spaces removed",
    "compose": "Unicode composed (NFC)",
    "name_alone": "checked: no e-mail address and no URL",
    "city_alone": "state or country behind a comma removed",
    "drop_punctuation": "spaces and punctuation removed",
    "letters_only": "letters kept, the rest removed",
    "has_a_letter": "checked: at least one letter",
    "email": "checked: one @, a dot in the domain, no spaces",
    "postal_code": "only the code kept, without spaces; a lost leading zero restored; five digits in the US",
    "identifier": "checked: no control characters, at most 256 characters",
    "plain_text": "checked: no control characters",
    "phone": "digits with country calling code",
    "country": "two-letter ISO code",
    "state": "two letters in the US and Canada, else the whole name",
    "gender": "f or m",
    "birth_date": "YYYYMMDD",
    "ip_address": "one public address without port",
    "visitor_user_agent": "checked: not the user agent of a server or tool",
    "one_token": "one token of Meta's parameter builder kept, impossible ones removed",
    "click_cookie": "checked: fb.<number>.<milliseconds>.<click id>",
    "browser_cookie": "checked: fb.<number>.<milliseconds>.<digits>",
    "first_five": "first five characters",
    "initial": "first character",
    "birth_day": "two-digit day",
    "birth_month": "two-digit month",
    "birth_year": "four-digit year",
    "no_contact": "checked: no e-mail address, no phone number",
    "digits": "checked: digits only",
    "lead_id": "checked: 15 to 17 digits",
    "advertising_id": "checked: an advertising id, not all zeros",
}


def _gender_step(spec: MetaSpec) -> Step:
    words = spec.genders

    def gender(value: str, context: CleaningContext) -> str:
        sent = words.get(value) or words.get(value.rstrip("."))
        if sent is None:
            raise ValueDropped("gender_unknown")
        return sent

    return gender
