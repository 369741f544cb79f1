"""IP addresses: one public address of a visitor, out of ports, brackets, zones and proxy chains."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from bridge.meta_spec.spec import MetaSpec

_PLAIN_IPV4: Final = re.compile(
    r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}"
).fullmatch
_WITH_TOKEN: Final = re.compile(r"([0-9a-fA-F:.]+?)(\.(?:AQ|Ag|Aw|BA|BQ|Bg|[A-Za-z0-9_-]{8}))").fullmatch
_IPV4_PORT: Final = re.compile(r"([0-9.]+):[0-9]{1,5}").fullmatch
_BRACKETS: Final = re.compile(r"\[([0-9a-fA-F:.%\w]+)\](?::[0-9]{1,5})?").fullmatch
_LONGEST_CHAIN: Final = 20

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NoVisitor(ValueError):
    """The text holds no public address; `is_private` says that it holds another one."""

    def __init__(self, is_private: bool) -> None:
        super().__init__("no public address")
        self.is_private = is_private


def plain_public_address(spec: MetaSpec) -> Callable[[str], bool]:
    """Return the test for a plain IPv4 address that is public beyond doubt, which nearly all are."""
    networks = (ipaddress.ip_network(text) for text in spec.no_visitor_networks)
    # The first number alone rules out most IPv4 addresses.
    suspicious = {
        str(first)
        for network in networks
        if network.version == 4
        for first in range(network[0].packed[0], network[-1].packed[0] + 1)
    }

    def is_plain(text: str) -> bool:
        return _PLAIN_IPV4(text) is not None and text.partition(".")[0] not in suspicious

    return is_plain


def visitor_address_reader(spec: MetaSpec) -> Callable[[str], str]:
    """Return the function that reads the first public address out of a text, or raises NoVisitor."""
    networks = tuple(ipaddress.ip_network(text) for text in spec.no_visitor_networks)
    is_plain = plain_public_address(spec)

    def is_public(address: Address) -> bool:
        return not any(address.version == network.version and address in network for network in networks)

    def visitor_address(text: str) -> str:
        if is_plain(text):
            return text
        seen_private = False
        for part in text.split(",")[:_LONGEST_CHAIN]:
            bare, token = _split_token(part.strip())
            address = _address(bare)
            if address is not None and is_public(address):
                return f"{address}{token}"
            seen_private = seen_private or address is not None
        raise NoVisitor(seen_private)

    return visitor_address


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
