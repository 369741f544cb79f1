"""Identifiers that are never hashed: IP addresses, browser cookies, click ids, ids made of digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from bridge.coerce.emptiness import is_empty_text
from bridge.coerce.identifiers import why_damaged
from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.builder_tokens import FIRST_GENERATION, TOKEN, with_one_token
from bridge.normalize.context import CleaningContext, Short, ValueDropped
from bridge.normalize.text import LONGEST
from bridge.privacy.client_ip import NoVisitor, plain_public_address, visitor_address_reader
from bridge.privacy.personal_data import holds_contact

_SUFFIX: Final = rf"(?:{FIRST_GENERATION}|{TOKEN})"
_CLICK_COOKIE: Final = re.compile(r"fb\.[0-9]+\.[0-9]+\.[^\s.][^\s.]*(?:\.[^\s.]+)?").fullmatch
_BROWSER_COOKIE: Final = re.compile(
    rf"fb\.[0-9]+\.[0-9]+\.[0-9]+(?:{_SUFFIX}|\.[A-Za-z0-9_-]{{8}})?"
).fullmatch
_ORDINARY_CLICK_COOKIE: Final = re.compile(r"fb\.[0-9]\.[0-9]{13}\.[A-Za-z0-9_-]{9,512}").fullmatch
_ORDINARY_BROWSER_COOKIE: Final = re.compile(r"fb\.[0-9]\.[0-9]{13}\.[0-9]{1,32}").fullmatch
_CLICK_ID: Final = re.compile(rf"[A-Za-z0-9_\-+/=%~]{{3,1024}}(?:{_SUFFIX})?").fullmatch
_CLICK_ID_IN_URL: Final = re.compile(r"[?&#;]fbclid=([^&#;\s]+)").search
_DIGITS: Final = re.compile(r"[0-9]{1,32}").fullmatch
_LEAD_ID: Final = re.compile(r"(?:l:)?([0-9]{15,17})").fullmatch
_ADVERTISING_ID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch


def ip_address_step(spec: MetaSpec) -> Callable[[str, CleaningContext], str]:
    """Return the cleaning step for IP addresses."""
    visitor_address = visitor_address_reader(spec)

    def ip_address(text: str, context: CleaningContext) -> str:
        try:
            return visitor_address(text)
        except NoVisitor as error:
            raise ValueDropped("ip_private" if error.is_private else "ip_malformed") from None

    return ip_address


def user_agent_step(spec: MetaSpec) -> Callable[[str, CleaningContext], str]:
    """Return the cleaning step for user agents: a server's own would say that all visitors are one."""
    servers = spec.server_user_agents

    def visitor_user_agent(text: str, context: CleaningContext) -> str:
        if text.startswith("Mozilla/"):
            return text
        if text.lower().startswith(servers):
            raise ValueDropped("server_user_agent")
        if spec.is_unfilled(text):
            raise ValueDropped("placeholder")
        return text

    return visitor_user_agent


def ordinary_ip_address(spec: MetaSpec) -> Short:
    """Return the short way for IP addresses: a plain IPv4 address that is public."""
    is_plain = plain_public_address(spec)

    def plain(value: Any, context: CleaningContext) -> str | None:
        return value if type(value) is str and is_plain(value) else None

    return plain


def ordinary_user_agent(value: Any, context: CleaningContext) -> str | None:
    """Return the user agent of a browser as it is."""
    if type(value) is not str or not value.startswith("Mozilla/5.0 (") or len(value) > LONGEST:
        return None
    return value.rstrip(" ") if value.isascii() and value.isprintable() else None


def ordinary_click_cookie(spec: MetaSpec) -> Short:
    """Return the short way for `_fbc` as the pixel writes it."""
    signs = spec.signs_written_with("[A-Za-z0-9._-]")

    def plain(value: Any, context: CleaningContext) -> str | None:
        if type(value) is not str or not _ORDINARY_CLICK_COOKIE(value):
            return None
        for sign in signs:
            if sign in value:
                return None
        return value

    return plain


def ordinary_browser_cookie(value: Any, context: CleaningContext) -> str | None:
    """Return `_fbp` as the pixel writes it."""
    return value if type(value) is str and _ORDINARY_BROWSER_COOKIE(value) else None


def one_token(text: str, context: CleaningContext) -> str:
    """Keep one token of Meta's parameter builder, and none that cannot be one."""
    return with_one_token(text)


def click_cookie(text: str, context: CleaningContext) -> str:
    """Check the form of `_fbc`; its click id is never changed."""
    if len(text) <= 1100 and _CLICK_COOKIE(text) and why_damaged(text) is None:
        return text
    raise ValueDropped("browser_id_malformed")


def browser_cookie(text: str, context: CleaningContext) -> str:
    """Check the form of `_fbp`, whose last part is digits."""
    if len(text) <= 1100 and _BROWSER_COOKIE(text):
        return text
    raise ValueDropped("browser_id_malformed")


def click_id(text: str) -> str:
    """Return a bare click id; also out of a URL or query. Its case is never changed."""
    found = _CLICK_ID_IN_URL(f"?{text}")
    bare = with_one_token(unquote(found[1]) if found else text)
    if _is_placeholder(bare):
        raise ValueDropped("placeholder")
    if not _CLICK_ID(bare):
        raise ValueDropped("click_id_malformed")
    return bare


def click_id_in(url: str) -> str | None:
    """Return the click id in a URL, if there is one."""
    if "fbclid=" not in url:
        return None
    found = _CLICK_ID_IN_URL(url)
    bare = with_one_token(unquote(found[1])) if found else ""
    return bare if _CLICK_ID(bare) and not _is_placeholder(bare) else None


def _is_placeholder(click: str) -> bool:
    """Say whether a page wrote a word or a template where the click id belongs: `fbclid=undefined`."""
    return is_empty_text(click) or why_damaged(unquote(click)) == "placeholder"


def no_contact(text: str, context: CleaningContext) -> str:
    """Drop an e-mail address or phone number where an id belongs: it would be sent unhashed."""
    if holds_contact(text):
        raise ValueDropped("identifier_personal")
    return text


def digits(text: str, context: CleaningContext) -> str:
    """Keep an id made of digits, every one of them."""
    if _DIGITS(text):
        return text
    raise ValueDropped("digits_malformed")


def lead_id(text: str, context: CleaningContext) -> str:
    """Keep the 15 to 17 digits of a lead id; exports put `l:` in front."""
    found = _LEAD_ID(text)
    if found:
        return found[1]
    raise ValueDropped("lead_id_malformed")


def advertising_id(text: str, context: CleaningContext) -> str:
    """Keep a device's advertising id; all zeros mean that the device hides it."""
    if _ADVERTISING_ID(text) and text.strip("0-"):
        return text
    raise ValueDropped("advertising_id_malformed")
