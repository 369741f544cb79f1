"""Identifiers that are never hashed: IP addresses, browser cookies, click ids, ids made of digits."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import unquote

from bridge.catalog import Catalog
from bridge.normalize.dropping import Dropped, Known

_PLAIN_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}").fullmatch
_WITH_TOKEN = re.compile(r"([0-9a-fA-F:.]+?)(\.(?:AQ|Ag|Aw|BA|BQ|Bg|[A-Za-z0-9_-]{8}))").fullmatch
_IPV4_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}").fullmatch
_BRACKETS = re.compile(r"\[([0-9a-fA-F:.%\w]+)\](?::[0-9]{1,5})?").fullmatch
_COOKIE = re.compile(r"fb\.[0-9]+\.[0-9]+\.[^\s.][^\s.]*(?:\.[^\s.]+)?").fullmatch
_CLICK_ID = re.compile(r"[A-Za-z0-9_\-+/=%~]{3,1024}").fullmatch
_CLICK_ID_IN_URL = re.compile(r"[?&#;]fbclid=([^&#;\s]+)").search
_DIGITS = re.compile(r"[0-9]{1,32}").fullmatch
_LEAD_ID = re.compile(r"(?:l:)?([0-9]{15,17})").fullmatch
_ADVERTISING_ID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def ip_address_step(catalog: Catalog) -> Callable[[str, Known], str]:
    """Return the cleaning step for IP addresses: without port, brackets and zone; the first public one of a chain."""
    networks = tuple(ipaddress.ip_network(text) for text in catalog.no_visitor_networks)
    # The first byte alone clears most IPv4 addresses of suspicion.
    suspicious = {
        str(first)
        for network in networks
        if network.version == 4
        for first in range(network[0].packed[0], network[-1].packed[0] + 1)
    }

    def ip_address(text: str, known: Known) -> str:
        if _PLAIN_IPV4(text) and text.partition(".")[0] not in suspicious:
            return text
        reason = "ip_malformed"
        for part in text.split(",")[:20]:
            bare, token = _split_token(part.strip())
            address = _address(bare)
            if address is None:
                continue
            if not any(address.version == network.version and address in network for network in networks):
                return f"{address}{token}"
            reason = "ip_private"
        raise Dropped(reason)

    return ip_address


def _split_token(text: str) -> tuple[str, str]:
    """Separate the token that Meta's parameter builder appends to an address."""
    if _PLAIN_IPV4(text):
        return text, ""
    found = _WITH_TOKEN(text)
    return (found[1], found[2]) if found and _address(found[1]) else (text, "")


def _address(text: str) -> Address | None:
    text = text.strip('"')
    found = _IPV4_PORT(text) or _BRACKETS(text)
    bare = (found[1] if found else text).partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def browser_cookie(text: str, known: Known) -> str:
    """Check the form of `_fbc` and `_fbp`; nothing in them is ever changed."""
    if len(text) <= 1100 and _COOKIE(text):
        return text
    raise Dropped("browser_id_malformed")


def click_id(text: str) -> str:
    """Return a bare click id; out of an address or query when one was given. Its case is never changed."""
    found = _CLICK_ID_IN_URL(text if "?" in text or "&" in text else f"?{text}")
    bare = unquote(found[1]) if found else text
    if not _CLICK_ID(bare):
        raise Dropped("click_id_malformed")
    return bare


def click_id_in(address: str) -> str | None:
    """Return the click id inside an address, if there is one."""
    if "fbclid=" not in address:
        return None
    found = _CLICK_ID_IN_URL(address)
    bare = unquote(found[1]) if found else ""
    return bare if _CLICK_ID(bare) else None


def digits(text: str, known: Known) -> str:
    """Keep an id made of digits, every one of them."""
    if _DIGITS(text):
        return text
    raise Dropped("digits_lost" if "e+" in text.lower() else "digits_malformed")


def lead_id(text: str, known: Known) -> str:
    """Keep the 15 to 17 digits of a lead id; exports put `l:` in front."""
    found = _LEAD_ID(text)
    if found:
        return found[1]
    raise Dropped("digits_lost" if "e+" in text.lower() else "lead_id_malformed")


def advertising_id(text: str, known: Known) -> str:
    """Keep a device's advertising id; all zeros mean that the device hides it."""
    if _ADVERTISING_ID(text) and text.strip("0-"):
        return text
    raise Dropped("advertising_id_malformed")
