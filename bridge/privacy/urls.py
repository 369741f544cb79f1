"""URLs of pages: personal data, secrets and unfilled templates removed, the rest unchanged."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from bridge.meta_spec.spec import MetaSpec
from bridge.privacy.personal_data import (
    holds_encoded_contact,
    is_personal_name,
    is_personal_parameter,
    without_email,
)
from bridge.privacy.phone_numbers import Phones, may_hold_mapped_phone, may_hold_phone

_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://").match
_HOST_FIRST: Final = re.compile(r"(?:[a-zA-Z0-9\-]+\.)+[a-zA-Z]{2,}(?::[0-9]+)?(?:[/?#]|$)").match
_USER_INFO: Final = re.compile(r"(?<=://)[^/?#@]*@")
_UNSAFE: Final = re.compile(r"[\s\x00-\x1f\x7f\\\"<>]")
_PARTS: Final = re.compile("[&#?;]")
_PIECES: Final = re.compile("[/&#?;=]")
_MANY_DIGITS: Final = re.compile(r"[0-9](?:[^0-9/&=]{0,9}[0-9]){6}").search
_LONGEST: Final = 8192
_TEMPLATE: Final = re.compile(r"\{\{|\$\{|\*\||%7B%7B|%24%7B|%2A%7C", re.IGNORECASE).search
_NO_HOST: Final = frozenset({"", "/", "?", "#"})
# No separator of a phone number between digits: then only a mapped number can be one.
_ORDINARY: Final = re.compile(
    r"https?://(?=[A-Za-z0-9])(?:[A-Za-z./_~\-]++|[0-9]++(?![./_~\-]{1,3}[0-9]))++"
).fullmatch
_LONGEST_ORDINARY: Final = 2000


class CleanUrl(NamedTuple):
    """A URL without personal data, the names of the removed parameters, and whether https:// was added.

    `unfilled` names the parameters that were removed because a template in them was not filled in.
    """

    text: str
    removed: tuple[str, ...] = ()
    completed: bool = False
    unfilled: tuple[str, ...] = ()


def is_clean(text: str, spec: MetaSpec, phones: Phones = ()) -> bool:
    """Say whether a URL needs no cleaning: a quick check that nearly every URL passes."""
    return (
        text.startswith(("https://", "http://"))
        and len(text) <= _LONGEST
        and "@" not in text
        and "%40" not in text
        and "%2540" not in text
        and "&amp;" not in text
        and _UNSAFE.search(text) is None
        and (("?" not in text and "#" not in text) or not _names_something_personal(text, spec))
        and not _holds_contact(text, phones)
        and (("{" not in text and "%" not in text and "*" not in text) or _TEMPLATE(text) is None)
        and text[8:9] not in _NO_HOST
    )


def is_ordinary_url(text: str, phones: Phones) -> bool:
    """Say the same of a URL without parameters, more quickly; a no means that `is_clean` must look."""
    if len(text) > _LONGEST_ORDINARY or _ORDINARY(text) is None:
        return False
    return not may_hold_mapped_phone(text, phones)


def _holds_contact(text: str, phones: Phones) -> bool:
    """Say whether contact data is in a segment of the path, or in the name or value of a parameter."""
    if "%" not in text and not may_hold_phone(text, phones):  # an e-mail address was ruled out before
        return False
    return _MANY_DIGITS(text) is not None and any(
        holds_encoded_contact(part, phones) for part in _PIECES.split(text)
    )


def clean_url(text: str, spec: MetaSpec, phones: Phones = (), *, web_only: bool) -> CleanUrl | None:
    """Return the URL without personal data; None when the text is no URL, or a template instead of one.

    `web_only` wants http or https.
    """
    if not text or len(text) > _LONGEST:
        return None
    completed = not _SCHEME(text)
    if completed and not _HOST_FIRST(text):
        return None
    scheme, _, rest = (f"https://{text}" if completed else text).partition("://")
    is_web = scheme.lower() in {"http", "https"}
    if (web_only and not is_web) or (is_web and rest[:1] in _NO_HOST):
        return None
    whole = f"{scheme.lower()}://{rest}"
    if _TEMPLATE(whole.partition("?")[0].partition("#")[0]):
        return None
    return _without_secrets(_UNSAFE.sub(_escaped, whole.replace("&amp;", "&")), completed, spec, phones)


def _escaped(sign: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in sign[0].encode())


def _names_something_personal(text: str, spec: MetaSpec) -> bool:
    return any(is_personal_name(part.partition("=")[0], spec) for part in _PARTS.split(text)[1:])


def _without_secrets(text: str, completed: bool, spec: MetaSpec, phones: Phones) -> CleanUrl:
    before, _, fragment = text.partition("#")
    path, _, query = before.partition("?")
    clean_path = _without_contacts(path, phones)
    query, unfilled = _without_templates(query)
    fragment, also_unfilled = _without_templates(fragment)
    clean_query, removed = _without_personal(query, spec, phones)
    clean_fragment, also_removed = _without_personal(fragment, spec, phones)
    gone = (*removed, *also_removed, *(("path",) if clean_path != path else ()))
    templates = (*unfilled, *also_unfilled)
    if not gone and not templates:
        return CleanUrl(text, (), completed)
    tail = (f"?{clean_query}" if clean_query else "") + (f"#{clean_fragment}" if clean_fragment else "")
    return CleanUrl(clean_path + tail, gone, completed, templates)


def _without_templates(query: str) -> tuple[str, list[str]]:
    """Return the parameters that are filled in, and the names of the others."""
    if not _TEMPLATE(query):
        return query, []
    parts = query.split("&")
    names = [_shown(part.partition("=")[0]) for part in parts if _TEMPLATE(part)]
    return "&".join(part for part in parts if not _TEMPLATE(part)), names


def _shown(name: str) -> str:
    return name if name.isidentifier() and len(name) <= 40 else "a parameter"


def _without_contacts(path: str, phones: Phones) -> str:
    """Remove credentials before the host, and e-mail addresses and phone numbers in the path."""
    bare = _USER_INFO.sub("", path)
    readable = bare.replace("%2540", "@").replace("%40", "@")
    clean = without_email(readable)
    clean = bare if clean == readable else clean
    if _MANY_DIGITS(clean) is None:
        return clean
    return "/".join(
        "redacted" if holds_encoded_contact(segment, phones) else segment for segment in clean.split("/")
    )


def _without_personal(query: str, spec: MetaSpec, phones: Phones) -> tuple[str, list[str]]:
    """Return the parameters to keep, and the names of the removed ones, unless those are personal too."""
    kept, removed = [], []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if is_personal_parameter(name, value, spec, phones):
            removed.append(_shown(name))
        else:
            kept.append(part)
    return "&".join(kept), removed
