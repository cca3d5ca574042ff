"""Refuse targets that lead back to this Tocsin: what it sends would come in again, without end."""

import socket
from collections.abc import Collection
from ipaddress import ip_address

from tocsin.errors import ActionError


def refuse(target: tuple[str, int] | None, own_ports: Collection[int]) -> None:
    """Refuse a target on this machine at a port where this Tocsin listens.

    Args:
        target: host and port; `None` for a cloud or a folder.
        own_ports: of its listeners at present.

    Raises:
        ActionError: the target is this Tocsin itself.
    """
    if target is None or target[1] not in own_ports:
        return
    host, port = target
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        # Whoever sends will say so.
        return
    if any(_is_here(str(entry[4][0])) for entry in found):
        raise ActionError(f"{host}:{port} is this Tocsin itself; forward to another system")


def _is_here(text: str) -> bool:
    """Return whether an address is one of this machine: only such a one can be bound."""
    address = ip_address(text.partition("%")[0])
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((text, 0))
        except OSError:
            return False
    return True
