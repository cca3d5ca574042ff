"""Write values of indicators and of events in one form, so that equal things are equal texts.

Feeds write addresses so that nobody clicks on them (`hxxp://evil[.]example`), in any case, with or
without a last dot, in Unicode or not.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit, urlunsplit

from tocsin.ocsf.addresses import is_public

KINDS = ("address", "network", "domain", "url", "hash", "mail", "ja3", "certificate")
LONGEST = 2_048

_DEFANGED = re.compile(r"\[(?:\.|dot)\]|\((?:\.|dot)\)|\{(?:\.|dot)\}|\\\.", re.IGNORECASE)
_AT = re.compile(r"\[(?:@|at)\]|\((?:@|at)\)", re.IGNORECASE)
_SCHEME = re.compile(r"\A(?:hxxp|h\*\*p|meow|htxp)(s?)(?=\W)", re.IGNORECASE)
_MAY_BE_DEFANGED = re.compile(r"[\[({\\]|\A(?:hxxp|h\*\*p|meow|htxp)", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_HEX = re.compile(r"[0-9a-f]+\Z")
_HASH_LENGTHS = frozenset({32, 40, 64, 96, 128})
_CERTIFICATE_LENGTHS = frozenset({40, 64})
_JA4 = re.compile(r"[a-z0-9]{10}_[0-9a-f]{12}_[0-9a-f]{12}\Z")
_WITH_PORT = re.compile(r"\[?([0-9a-fA-F:.]+)\]?:\d{1,5}\Z")
_PORTS = {"http": 80, "https": 443, "ftp": 21}
_FEWEST_BITS = {4: 8, 6: 19}


def refanged(text: str) -> str:
    """Return the text as it is written where it may be clicked."""
    found = text.strip().strip("\u200b\ufeff\"'`<>").strip()
    if not _MAY_BE_DEFANGED.search(found):
        return found
    found = found.replace("[:]", ":").replace("[://]", "://").replace("[/]", "/")
    found = _AT.sub("@", _DEFANGED.sub(".", found))
    return _SCHEME.sub(r"http\1", found)


@lru_cache(maxsize=50_000)
def normalized(kind: str, text: str) -> str | None:
    """Return the value of this kind in its one form; `None` where it is none."""
    return _FORMS[kind](text) if 0 < len(text) <= LONGEST else None


def recognized(text: str) -> tuple[str, str] | None:
    """Return kind and normalized value of what a list holds without saying what it is."""
    found = refanged(text)
    if not 3 < len(found) <= LONGEST:
        return None
    kinds = ("url",) if "://" in found else ("network", "mail", "address", "hash", "ja3", "domain")
    for kind in kinds:
        value = normalized(kind, found)
        if value is not None:
            return kind, value
    return None


def is_listable(kind: str, value: str) -> bool:
    """Return whether a value can tell good from bad: addresses that many use inside cannot."""
    if kind == "address":
        return is_public(ip_address(value))
    if kind == "network":
        network = ip_network(value)
        is_wide = network.prefixlen < _FEWEST_BITS[network.version]
        return not is_wide and is_public(network.network_address)
    return True


def _address(text: str) -> str | None:
    match = _WITH_PORT.match(text) if text.count(":") in (0, 1) or text.startswith("[") else None
    try:
        found = ip_address(match[1] if match else text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.scope_id:
            return None
        found = found.ipv4_mapped or found
    return str(found)


def _network(text: str) -> str | None:
    if "/" not in text:
        return None
    try:
        found: IPv4Network | IPv6Network = ip_network(text, strict=False)
    except ValueError:
        return None
    return str(found)


def _domain(text: str) -> str | None:
    found = text.strip().rstrip(".").removeprefix("*.").lower()
    if not found.isascii():
        try:
            found = found.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return None
    labels = found.split(".")
    is_name = len(labels) >= 2 and len(found) <= 253 and not labels[-1].isdigit()
    return found if is_name and all(map(_LABEL.match, labels)) else None


def _url(text: str) -> str | None:
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host:
        return None
    address = _address(host)
    name = address or _domain(host)
    if name is None:
        return None
    shown = f"[{name}]" if ":" in name else name
    place = shown if port in (None, _PORTS[scheme]) else f"{shown}:{port}"
    return urlunsplit((scheme, place, parts.path or "/", parts.query, ""))


def _hash(text: str) -> str | None:
    found = text.strip().lower()
    return found if len(found) in _HASH_LENGTHS and _HEX.match(found) else None


def _certificate(text: str) -> str | None:
    found = text.strip().lower().replace(":", "").replace(" ", "")
    return found if len(found) in _CERTIFICATE_LENGTHS and _HEX.match(found) else None


def _mail(text: str) -> str | None:
    name, at, domain = text.strip().strip("<>").lower().rpartition("@")
    host = _domain(domain) if at else None
    return f"{name}@{host}" if host and name and not re.search(r"\s", name) else None


def _ja3(text: str) -> str | None:
    found = text.strip().lower()
    is_md5 = len(found) == 32 and _HEX.match(found)
    return found if is_md5 or _JA4.match(found) else None


_FORMS: dict[str, Callable[[str], str | None]] = {
    "address": _address,
    "network": _network,
    "domain": _domain,
    "url": _url,
    "hash": _hash,
    "mail": _mail,
    "ja3": _ja3,
    "certificate": _certificate,
}
