"""A port of administration or of a database that any address may reach is found within minutes."""

PORTS = {22, 445, 1433, 2375, 3306, 3389, 5432, 5900, 5985, 5986, 6379, 9200, 10250, 11211, 27017}


def rule(event):
    if event.get("eventName") != "AuthorizeSecurityGroupIngress" or event.get("errorCode"):
        return False
    return any(_is_open(p) and _open_ports(p) for p in _permissions(event))


def title(event):
    group = (event.get("requestParameters") or {}).get("groupId")
    ports = sorted({port for p in _permissions(event) if _is_open(p) for port in _open_ports(p)})
    return f"Security group {group} opens port {', '.join(map(str, ports))} to any address"


def dedup(event):
    parameters = event.get("requestParameters") or {}
    return f"{event.get('recipientAccountId')} {parameters.get('groupId')}"


def _permissions(event):
    """Yield the permissions of the older, flat form and of the newer, listed one."""
    parameters = event.get("requestParameters") or {}
    yield parameters
    yield from _items(parameters.get("ipPermissions"))


def _is_open(permission):
    ranges = _items(permission.get("ipRanges")) + _items(permission.get("ipv6Ranges"))
    networks = [permission.get("cidrIp")]
    networks += [r.get("cidrIp") or r.get("cidrIpv6") for r in ranges]
    return any(str(network).endswith("/0") for network in networks)


def _open_ports(permission):
    if str(permission.get("ipProtocol")) == "-1":
        return PORTS
    first, last = permission.get("fromPort"), permission.get("toPort")
    if not isinstance(first, int) or not isinstance(last, int):
        return set()
    return {port for port in PORTS if first <= port <= last}


def _items(value):
    items = value.get("items") if isinstance(value, dict) else None
    return [item for item in items or [] if isinstance(item, dict)]
