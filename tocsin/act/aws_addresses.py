"""Which addresses may be blocked at all."""

from ipaddress import IPv4Network, IPv6Network, ip_network

from tocsin.act.addresses import is_public
from tocsin.errors import ActionError
from tocsin.respond.actions import Target


def blocked_network(target: Target) -> IPv4Network | IPv6Network:
    """Return the network that has just this address.

    Raises:
        ActionError: it is no address, more than one, or not of the public internet: that would
            be one's own.
    """
    try:
        network = ip_network(target.uid)
    except ValueError:
        raise ActionError(f"{target.uid!r} is no address") from None
    if network.num_addresses != 1:
        raise ActionError(f"{network} is more than one address")
    if not is_public(network.network_address):
        raise ActionError(f"{network} is no public address: it is not blocked")
    return network
