"""A certificate whose time was over when a server outside showed it."""

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

OWN = [ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


def rule(event):
    ends = _time((event.get("tls") or {}).get("notafter"))
    seen = _time(event.get("timestamp"))
    if ends is None or seen is None:
        return False
    is_handshake = event.get("event_type") == "tls"
    goes_out = _is_own(event.get("src_ip")) and not _is_own(event.get("dest_ip"))
    return is_handshake and goes_out and ends < seen


def title(event):
    return f"{event.get('dest_ip')} shows a certificate that ended {event['tls'].get('notafter')}"


def dedup(event):
    return f"{event.get('src_ip')} {event.get('dest_ip')}"


def _is_own(address):
    try:
        return any(ip_address(address) in network for network in OWN)
    except ValueError:
        return False


def _time(text):
    """Return a time of EVE; those of certificates have no zone and are in UTC."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
