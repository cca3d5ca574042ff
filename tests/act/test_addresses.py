"""What is public, whatever it is wrapped in."""

from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.act.addresses import is_public, is_within

INSIDE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
]
OUTSIDE = ["1.1.1.1", "8.8.8.8", "52.94.76.1", "172.32.0.1", "100.128.0.1"]


def wrappings(text: str) -> dict[str, str]:
    """The forms of IPv6 that carry an IPv4 address."""
    number = int(IPv4Address(text))
    high, low = number >> 16, number & 0xFFFF
    return {
        "mapped": f"::ffff:{text}",
        "nat64": f"64:ff9b::{high:x}:{low:x}",
        "6to4": f"2002:{high:x}:{low:x}::1",
        "teredo server": f"2001:0:{high:x}:{low:x}:0:0:f7f7:f7f7",
        "teredo client": f"2001:0:808:808:0:0:{~high & 0xFFFF:x}:{~low & 0xFFFF:x}",
    }


@pytest.mark.parametrize("text", INSIDE)
def test_addresses_of_networks_inside_are_not_public(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", INSIDE)
@pytest.mark.parametrize("form", wrappings("1.1.1.1"))
def test_a_wrapping_does_not_make_them_public(text, form):
    assert not is_public(ip_address(wrappings(text)[form]))


@pytest.mark.parametrize(
    "text",
    [
        "::",
        "::1",
        "::7f00:1",
        "64:ff9b:1::a9fe:a9fe",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_special_addresses_of_version_six_are_not_public(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", [*OUTSIDE, "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_addresses_of_the_internet_are_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", OUTSIDE)
@pytest.mark.parametrize("form", ["mapped", "nat64"])
def test_a_public_address_stays_public_in_a_wrapping(text, form):
    assert is_public(ip_address(wrappings(text)[form]))


@given(st.ip_addresses(v=4))
def test_no_wrapping_is_more_public_than_what_it_carries(address):
    for form in wrappings(str(address)).values():
        assert is_public(address) or not is_public(ip_address(form))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.1.2.3", False),
        ("::ffff:127.0.0.1", False),
        ("2001:0:a01:203::f5fe:fdfc", True),
        ("2001:0:a01:203::80ff:fffe", False),
    ],
)
def test_an_allowed_range_covers_what_an_address_finally_reaches(text, expected):
    assert is_within(ip_address(text), (ip_network("10.0.0.0/8"),)) is expected
