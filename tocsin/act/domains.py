"""Which domains may be blocked at all."""

import re

from tocsin.errors import ActionError
from tocsin.respond.actions import Target

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NEEDED = (
    "amazonaws.com",
    "aws.amazon.com",
    "azure.com",
    "googleapis.com",
    "microsoftonline.com",
    "windows.net",
)
"""What workloads in the clouds live by: a name of it in a log is no reason to cut them off."""

_SHARED = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})
"""What stands below the top level of countries for everybody: `co.uk`."""

_LONGEST = 253
_COUNTRY = 2


def blocked_domain(target: Target) -> str:
    """Return the domain in small letters, without the dot at its end.

    Raises:
        ActionError: it is no name, a top-level domain, a name inside, or one that clouds need.
    """
    name = target.uid.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > _LONGEST or not all(_LABEL.fullmatch(each) for each in labels):
        raise ActionError(f"{target.uid!r} is no domain")
    is_shared = len(labels) == 2 and len(labels[1]) == _COUNTRY and labels[0] in _SHARED
    if len(labels) == 1 or labels[-1].isdecimal() or is_shared:
        raise ActionError(f"{name} is no domain that can be blocked: name one below a top level")
    if labels[-1] in ("internal", "local", "localhost", "arpa", "svc"):
        raise ActionError(f"{name} is a name inside: it is not blocked")
    if any(f".{name}".endswith(f".{each}") for each in _NEEDED):
        raise ActionError(f"{name} belongs to a cloud that workloads need: it is not blocked")
    return name


def entries(target: Target, subdomains: bool) -> tuple[str, ...]:
    """Return what a list of domains must hold; `*.` stands for all names below."""
    name = blocked_domain(target)
    return (name, f"*.{name}") if subdomains else (name,)
