"""Which IP addresses a source may have, and looking them up once, so that what was checked is what is called.

An address inside another one counts as itself: NAT64, 6to4, Teredo and IPv4-mapped forms lead to the IPv4
address that they hold, and Python calls most of them public (https://docs.python.org/3/library/ipaddress.html).
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from bridge.settings import Source

IPAddress = IPv4Address | IPv6Address
# Returns the addresses of a host as text; raises OSError when there are none.
Lookup = Callable[[str, int], Sequence[str]]
Resolve = Callable[..., Sequence[tuple[Any, ...]]]  # socket.getaddrinfo

# The IPv4 address is in the last 32 bits: NAT64 (RFC 6052), IPv4-compatible (deprecated by RFC 4291, 2.5.5.1)
# and IPv4-translated (RFC 2765). Local NAT64 (64:ff9b:1::/48, RFC 8215) may hold it elsewhere: not public.
_HOLDING_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
# Where IPv6 addresses of the public internet are; Python calls most of the rest public, too.
# https://www.iana.org/assignments/ipv6-address-space (checked 2026-11-28)
_PUBLIC_IPV6 = IPv6Network("2000::/3")
# Special purposes that not every supported Python knows: IETF protocols, relays of 6to4, documentation.
# https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry
_RESERVED = tuple(ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))
# Private networks, in which a source may be when its operator says so.
_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "fc00::/7",
        "::1/128",
    )
)
# Metadata services of clouds hand out credentials; some have a public address, or one in a private network.
_METADATA = tuple(
    ip_network(text)
    for text in (
        "100.100.100.200/32",  # https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
        "168.63.129.16/32",  # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
        "fd00:ec2::/32",  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
        "fd20:ce::254/128",  # https://cloud.google.com/compute/docs/metadata/querying-metadata
        "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
        "fd00:42::42/128",  # https://cloudinit.readthedocs.io/en/latest/reference/datasources/scaleway.html
        "fd00:a9fe:a9fe::1/128",  # Linode
    )
)


def held_address(address: IPAddress) -> IPAddress:
    """Return the address that a call to this one reaches in the end."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if int(address) > 1 and any(address in network for network in _HOLDING_IPV4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def why_not_called(text: str, source: Source) -> str | None:
    """Return why a source may not have this address; None when it may. The address itself is not named."""
    try:
        address = held_address(ip_address(text))
    except ValueError:
        return "is not an IP address that can be checked"  # one with a zone, fe80::1%eth0
    if source.url.startswith("http://") and not address.is_loopback:
        return "is not of this machine, and plain http:// is for this machine only"
    if address.is_multicast or address.is_link_local or address.is_unspecified or _is_in(address, _METADATA):
        return "is a link-local, multicast or metadata address, which is never called"
    if _is_in(address, _PRIVATE):
        is_allowed = source.allow_private or source.url.startswith("http://")
        return None if is_allowed else "is private; allow_private: yes lets this source have one"
    return None if _is_public(address) else "is reserved, and nothing public has such an address"


def _is_public(address: IPAddress) -> bool:
    is_where_public_ones_are = isinstance(address, IPv4Address) or address in _PUBLIC_IPV6
    return is_where_public_ones_are and address.is_global and not _is_in(address, _RESERVED)


def _is_in(address: IPAddress, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def system_lookup(timeout_seconds: float, resolve: Resolve = socket.getaddrinfo) -> Lookup:
    """Return a lookup by the system's resolver that gives up in time; by itself it can take minutes."""

    def lookup(host: str, port: int) -> Sequence[str]:
        answers: queue.Queue[Sequence[str] | OSError] = queue.Queue()
        thread = threading.Thread(
            target=lambda: answers.put(_resolved(resolve, host, port)), daemon=True, name="lookup"
        )
        thread.start()
        try:
            answer = answers.get(timeout=timeout_seconds)
        except queue.Empty:
            raise TimeoutError("the name was not resolved in time") from None
        if isinstance(answer, OSError):
            raise answer
        return answer

    return lookup


def _resolved(resolve: Resolve, host: str, port: int) -> Sequence[str] | OSError:
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        return OSError("the name cannot be looked up")
    except OSError as error:
        return error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
