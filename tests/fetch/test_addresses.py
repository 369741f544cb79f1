"""Which addresses a source may have: every form that hides another address counts as that address."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fetch.addresses import held_address, system_lookup, why_not_called
from bridge.settings import Source

PUBLIC = Source("crm", "https://api.example.com")
PRIVATE = Source("crm", "https://crm.internal.example", allow_private=True)
PLAIN = Source("crm", "http://localhost:8080", insecure=True)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("93.184.215.14", id="IPv4"),
        pytest.param("2606:2800:21f:cb07:6820:80da:af6b:8b2c", id="IPv6"),
        pytest.param("64:ff9b::5db8:d70e", id="NAT64 of a public address"),
        pytest.param("2002:5db8:d70e::1", id="6to4 of a public address"),
    ],
)
def test_a_public_address_is_called(address):
    assert why_not_called(address, PUBLIC) is None


NEVER = {
    "link-local, the metadata service of most clouds": "169.254.169.254",
    "the same behind NAT64": "64:ff9b::a9fe:a9fe",
    "the same behind local NAT64": "64:ff9b:1::a9fe:a9fe",
    "the same as 6to4": "2002:a9fe:a9fe::1",
    "the same as Teredo": "2001:0:4136:e378:8000:63bf:5601:5601",
    "the same, mapped": "::ffff:169.254.169.254",
    "the same, translated": "::ffff:0:a9fe:a9fe",
    "the same, compatible": "::a9fe:a9fe",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with a zone": "fe80::1%eth0",
    "metadata in a private network": "fd00:ec2::254",
    "the agent beside it": "fd00:ec2::23",
    "metadata in another private network": "fd20:ce::254",
    "metadata of Oracle in IPv6": "fd00:c1::a9fe:a9fe",
    "metadata of Scaleway in IPv6": "fd00:42::42",
    "metadata of Linode in IPv6": "fd00:a9fe:a9fe::1",
    "metadata with a public address": "168.63.129.16",
    "metadata with a public address, mapped": "::ffff:168.63.129.16",
    "metadata among the protocols of the IETF": "192.0.0.192",
    "local NAT64 whose IPv4 address is in the middle": "64:ff9b:1:a9fe:a9:fe00:808:808",
    "IPv6 site-local": "fec0::1",
    "segment routing": "5f00::1",
    "newer documentation": "3fff::1",
    "relays of 6to4": "192.88.99.1",
    "IPv6 that nobody has": "4000::1",
    "metadata in the carriers' network": "100.100.100.200",
    "multicast": "224.0.0.1",
    "IPv6 multicast": "ff02::1",
    "this host": "0.0.0.0",
    "IPv6 unspecified": "::",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "documentation": "192.0.2.1",
    "benchmarks": "198.18.0.1",
    "no address": "localhost",
    "a number": "2130706433",
    "octal": "0177.0.0.1",
}
WHEN_ALLOWED = {
    "loopback": "127.0.0.1",
    "all of loopback": "127.8.8.8",
    "IPv6 loopback": "::1",
    "loopback, mapped": "::ffff:127.0.0.1",
    "loopback behind NAT64": "64:ff9b::7f00:1",
    "10/8": "10.1.2.3",
    "172.16/12": "172.31.255.1",
    "192.168/16": "192.168.0.1",
    "the same as 6to4": "2002:c0a8:1::1",
    "carriers' NAT": "100.64.0.1",
    "unique local": "fd12:3456::1",
}


@pytest.mark.parametrize("source", [PUBLIC, PRIVATE, PLAIN], ids=["public", "allow_private", "insecure"])
@pytest.mark.parametrize("address", NEVER.values(), ids=NEVER)
def test_some_addresses_are_never_called(address, source):
    assert why_not_called(address, source)


@pytest.mark.parametrize("address", WHEN_ALLOWED.values(), ids=WHEN_ALLOWED)
def test_a_private_address_is_called_only_when_the_operator_says_so(address):
    why = why_not_called(address, PUBLIC)
    assert why == "is private; allow_private: yes lets this source have one"
    assert why_not_called(address, PRIVATE) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_plain_http_is_for_this_machine(address):
    assert why_not_called(address, PLAIN) is None


@pytest.mark.parametrize("address", ["93.184.215.14", "10.1.2.3", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_plain_http_reaches_no_other_machine(address):
    assert why_not_called(address, PLAIN)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_in_every_form_of_ipv6(address):
    number = int(address)
    forms = [f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}", f"::ffff:{address}"]
    forms.append(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1")
    assert {why_not_called(form, PUBLIC) for form in forms} == {why_not_called(str(address), PUBLIC)}


@given(st.ip_addresses())
def test_no_address_breaks_the_check(address):
    held = held_address(address)
    assert held_address(held) == held or held.version == 6
    why_not_called(str(address), PUBLIC)


def test_a_resolver_that_hangs_is_given_up_in_time(hanging_lookup):
    with pytest.raises(TimeoutError):
        hanging_lookup("api.example.com", 443)


@pytest.fixture
def hanging_lookup():
    hanging = threading.Event()

    def hang(*_arguments, **_options):
        hanging.wait(30)
        return []

    yield system_lookup(0.05, hang)
    hanging.set()


def test_the_system_finds_this_machine():
    assert set(system_lookup(10)("localhost", 443)) <= {"127.0.0.1", "::1"}
    assert system_lookup(10)("127.0.0.1", 443) == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 300 + ".example", "."])
def test_a_name_that_means_nothing_is_an_ordinary_error(host):
    with pytest.raises(OSError, match=r"\w"):
        system_lookup(10)(host, 443)
