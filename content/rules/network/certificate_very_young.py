"""A certificate that was made in the three days before a server outside showed it."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

YOUNG = timedelta(days=3)
OWN = [ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


def rule(event):
    begins = _time((event.get("tls") or {}).get("notbefore"))
    seen = _time(event.get("timestamp"))
    if begins is None or seen is None:
        return False
    is_handshake = event.get("event_type") == "tls"
    goes_out = _is_own(event.get("src_ip")) and not _is_own(event.get("dest_ip"))
    return is_handshake and goes_out and seen - begins < YOUNG


def title(event):
    tls = event["tls"]
    name = tls.get("sni") or event.get("dest_ip")
    return f"The certificate of {name} is of {tls.get('notbefore')}"


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
