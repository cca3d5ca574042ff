"""What correlations can group and measure names by: the domain that somebody registered.

Whoever answers for a domain chooses the labels below it: a tunnel writes what it carries there. The
domain is judged by its form, without a list of suffixes that changes daily: the last two labels,
three below endings such as `co.uk`, and below hosts that give everybody a name.
"""

import math
from collections import Counter
from collections.abc import Mapping

from tocsin.conditions import lookup, text_of

_NAMES = ("query.hostname", "tls.sni", "http_request.url.hostname", "dst_endpoint.hostname")
_OWN = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost"}
)
_SECOND = frozenset(
    {"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "mil", "ne", "net", "nom", "or", "org"}
)
_SHARED = frozenset(
    {
        *("appspot.com", "azureedge.net", "azurewebsites.net", "blogspot.com", "cloudfront.net"),
        *("ddns.net", "duckdns.org", "firebaseapp.com", "fly.dev", "github.io", "glitch.me"),
        *("herokuapp.com", "netlify.app", "ngrok-free.app", "ngrok.io", "onrender.com"),
        *("pages.dev", "run.app", "trycloudflare.com", "vercel.app", "web.app", "workers.dev"),
    }
)
_COUNTRY_CHARACTERS = 2
_MOST_CHARACTERS = 255


def domain_of(row: Mapping[str, object]) -> str | None:
    """Return the registered domain of the name in a normalized event; `None` for one's own names.

    The name is what DNS was asked for, or what TLS or HTTP says whom it wants.
    """
    parts = _split(row)
    return parts[1] if parts else None


def entropy_of(row: Mapping[str, object]) -> str | None:
    """Return the bits a character of what stands below the domain, as text with two decimals.

    `None` where nothing stands below it. Words have less than 3.2 bits or so, encoded data more.
    """
    parts = _split(row)
    below = parts[0].replace(".", "") if parts else ""
    if not below:
        return None
    counts = Counter(below).values()
    bits = -math.fsum(each / len(below) * math.log2(each / len(below)) for each in counts)
    return f"{abs(bits):.2f}"


def _split(row: Mapping[str, object]) -> tuple[str, str] | None:
    """Return what stands below the domain, and the domain."""
    labels = _name(row).split(".")
    if len(labels) < 2 or not all(labels[-2:]):
        return None
    if labels[-1] in _OWN or not labels[-1].strip("0123456789"):
        return None
    is_of_country = len(labels[-1]) == _COUNTRY_CHARACTERS and labels[-2] in _SECOND
    kept = 3 if is_of_country or ".".join(labels[-2:]) in _SHARED else 2
    return ".".join(labels[:-kept]), ".".join(labels[-kept:])


def _name(row: Mapping[str, object]) -> str:
    for path in _NAMES:
        for value in lookup(row, path):
            text = text_of(value) or ""
            if text and ":" not in text:
                return text[:_MOST_CHARACTERS].lower().rstrip(".")
    return ""
