"""Addresses of pages: entities undone, personal data and secrets taken out, the rest as it was."""

from __future__ import annotations

import re
from typing import NamedTuple

from bridge.catalog import Catalog
from bridge.normalize.personal import is_personal_name, is_personal_parameter, without_email

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://").match
_HOST_FIRST = re.compile(r"(?:[a-zA-Z0-9\-]+\.)+[a-zA-Z]{2,}(?::[0-9]+)?(?:[/?#]|$)").match
_USER_INFO = re.compile(r"(?<=://)[^/?#@]*@")
_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f\\\"<>]")
_PARTS = re.compile("[&#?;]")
_LONGEST = 8192


class Address(NamedTuple):
    """A cleaned address, the names of the parameters taken out, and whether https:// was put in front."""

    text: str
    removed: tuple[str, ...] = ()
    completed: bool = False


def clean_address(text: str, catalog: Catalog, *, web_only: bool) -> Address | None:
    """Return the address without personal data; None when it is no address. `web_only` wants http or https."""
    if not text or len(text) > _LONGEST:
        return None
    completed = False
    if not text.startswith(("https://", "http://")) and not _SCHEME(text):
        if not _HOST_FIRST(text):
            return None
        text, completed = f"https://{text}", True
    elif web_only and text[:4].lower() != "http":
        return None
    if "&amp;" in text:
        text = text.replace("&amp;", "&")
    if _BLANK_OR_CONTROL.search(text):
        text = _BLANK_OR_CONTROL.sub(lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode()), text)
    return _without_secrets(text, completed, catalog)


def _without_secrets(text: str, completed: bool, catalog: Catalog) -> Address:
    if "@" not in text and "%40" not in text and not _names_something_personal(text, catalog):
        return Address(text, (), completed)
    before, _, fragment = text.partition("#")
    path, mark, query = before.partition("?")
    kept_query, removed = _without_personal(query, catalog)
    kept_fragment, removed_there = _without_personal(fragment, catalog) if "=" in fragment else (fragment, [])
    bare = _USER_INFO.sub("", path) if "@" in path else path
    kept_path = without_email(bare.replace("%40", "@")) if "%40" in bare or "@" in bare else bare
    if without_email(kept_path) == kept_path and "%40" in bare and "redacted" not in kept_path:
        kept_path = bare
    if kept_path != path:
        removed.append("path")
    if "@" in kept_fragment or "%40" in kept_fragment:
        kept_fragment, removed_there = "", [*removed_there, "fragment"]
    whole = (
        kept_path + (mark + kept_query if kept_query else "") + (f"#{kept_fragment}" if kept_fragment else "")
    )
    gone = (*removed, *removed_there)
    return Address(whole if gone else text, gone, completed)


def _names_something_personal(text: str, catalog: Catalog) -> bool:
    """Say whether any parameter has a personal name: the quick look that nearly every address passes."""
    query = text.partition("?")[2]
    if not query and "#" not in text:
        return False
    names = (part.partition("=")[0] for part in _PARTS.split(query or text))
    return any(is_personal_name(name, catalog) for name in names)


def _without_personal(query: str, catalog: Catalog) -> tuple[str, list[str]]:
    kept, removed = [], []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if value and is_personal_parameter(name, value, catalog):
            removed.append(name if name.isascii() and len(name) <= 40 and "@" not in name else "a parameter")
        elif "@" in name or "%40" in name:
            removed.append("a parameter")
        else:
            kept.append(part)
    return "&".join(kept), removed
