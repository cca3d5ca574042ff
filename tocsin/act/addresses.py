"""Tell which network addresses are public, whatever they are wrapped in.

`ipaddress` alone is not enough: it calls 64:ff9b::a9fe:a9fe and 2002:a9fe:a9fe:: global although
both carry 169.254.169.254, where clouds keep credentials, and 100.64.0.0/10 neither private nor
global. Sources: RFC 6890 and its registries, RFC 6052 (NAT64), RFC 8215, RFC 3056 (6to4), RFC 4380
(Teredo).
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NEVER_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")


def is_public(address: Address) -> bool:
    """Return whether the address, and every address that it carries, is of the public internet."""
    return all(_is_public_itself(one) for one in unwrapped(address))


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Return whether what the address finally reaches lies in one of the networks."""
    reached = list(unwrapped(address))
    innermost = reached[1:] or reached
    return all(_is_in(one, networks) for one in innermost)


def unwrapped(address: Address) -> Iterator[Address]:
    """Yield the address and the IPv4 addresses inside it."""
    yield address
    if not isinstance(address, IPv6Address):
        return
    bits = int(address)
    if address in _MAPPED or address in _NAT64:
        yield IPv4Address(bits & 0xFFFFFFFF)
    elif address in _SIX_TO_FOUR:
        yield IPv4Address((bits >> 80) & 0xFFFFFFFF)
    elif address in _TEREDO:
        yield IPv4Address((bits >> 64) & 0xFFFFFFFF)
        yield IPv4Address(~bits & 0xFFFFFFFF)


def _is_public_itself(address: Address) -> bool:
    if address in _MAPPED:
        # What counts is the address inside; Python calls the mapped form itself reserved.
        return True
    return address.is_global and not _is_in(address, _NEVER_PUBLIC)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)
