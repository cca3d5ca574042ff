"""Tell addresses of the internet from others, and find the range that holds an address."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Generic, TypeVar

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Told = TypeVar("Told")

_LONGEST_TEXT = 45
_BITS = {4: 32, 6: 128}
_DOCUMENTATION = tuple(
    ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)


@lru_cache(maxsize=100_000)
def address_of(text: str) -> Address | None:
    """Return the address that a text spells, an IPv4 one where it is mapped into IPv6."""
    if len(text) > _LONGEST_TEXT:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found


def is_public(address: Address) -> bool:
    """Return whether the address belongs to somebody on the internet.

    Ranges of documentation count: nobody has them, so data bases and tests may speak of them.
    """
    if address.is_multicast:
        return False
    return address.is_global or any(
        address.version == one.version and address in one for one in _DOCUMENTATION
    )


class Ranges(Generic[Told]):
    """What is told of address ranges; the longest range that holds an address counts."""

    def __init__(self, told: Iterable[tuple[Network, Told]] = ()) -> None:
        self._by_length: dict[tuple[int, int], dict[int, Told]] = {}
        for network, each in told:
            length = (network.version, network.prefixlen)
            # The first of the same range counts.
            self._by_length.setdefault(length, {}).setdefault(int(network.network_address), each)
        self._order = sorted(self._by_length, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def of(self, address: Address) -> Told | None:
        """Return what is told of the longest range that holds the address."""
        return next(self.every(address), None)

    def every(self, address: Address) -> Iterator[Told]:
        """Yield what is told of each range that holds the address, the longest first."""
        number, bits = int(address), _BITS[address.version]
        for version, length in self._order:
            if version != address.version:
                continue
            start = number >> (bits - length) << (bits - length)
            found = self._by_length[version, length].get(start)
            if found is not None:
                yield found
