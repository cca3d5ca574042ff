"""Name values by numbers of 64 bits, which are sorted, searched and kept by the million."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from ipaddress import ip_address, ip_network


def key_of(kind: str, value: str) -> int:
    """Return the key of a normalized value."""
    told = f"{kind}\0{value}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "little")


def variants(
    kind: str, value: str, lengths: Iterable[tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    """Yield what an indicator may say that concerns a value, the nearest first.

    A domain is concerned by those above it, an address by the networks that hold it.

    Args:
        kind: of the value.
        value: normalized.
        lengths: IP version and prefix length of the networks that are known.
    """
    yield kind, value
    if kind == "domain":
        above = value
        while above.count(".") > 1:
            above = above.partition(".")[2]
            yield "domain", above
    elif kind == "address":
        address = ip_address(value)
        for version, length in lengths:
            if version == address.version:
                yield "network", str(ip_network((address, length), strict=False))


def length_of(network: str) -> tuple[int, int]:
    """Return IP version and prefix length of a network."""
    return (6 if ":" in network else 4), int(network.rpartition("/")[2])
