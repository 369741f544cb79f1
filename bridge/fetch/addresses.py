"""Which IP addresses a source may have, and looking them up once, so that what was checked is what is called.

An address inside another one counts as itself: NAT64, 6to4, Teredo and IPv4-mapped forms lead to the IPv4
address that they hold, and Python calls most of them public (https://docs.python.org/3/library/ipaddress.html).
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from bridge.settings import Source

IPAddress = IPv4Address | IPv6Address
# Returns the addresses of a host as text; raises OSError when there are none.
Lookup = Callable[[str, int], Sequence[str]]
Resolve = Callable[..., Sequence[tuple[Any, ...]]]  # socket.getaddrinfo

# RFC 6052 and RFC 8215: the IPv4 address is in the last 32 bits.
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
# IPv4-compatible addresses, deprecated by RFC 4291 2.5.5.1, and IPv4-translated ones of RFC 2765.
_HOLDING_IPV4 = (*_NAT64, IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
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
# Metadata services of clouds hand out credentials, and some have an address in a private network:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html (fd00:ec2::254),
# https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata (100.100.100.200).
_METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("100.100.100.200")})


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
    if address.is_multicast or address.is_link_local or address.is_unspecified or address in _METADATA:
        return "is a link-local, multicast or metadata address, which is never called"
    if any(address in network for network in _PRIVATE if network.version == address.version):
        is_allowed = source.allow_private or source.insecure
        return None if is_allowed else "is private; allow_private: yes lets this source have one"
    return None if address.is_global else "is reserved, and nothing public has such an address"


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
