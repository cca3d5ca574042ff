"""Functions that rules import as `panther_base_helpers` where their folder brings none.

Source: https://docs.panther.com/detections/rules/python/globals (2026).
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.isolate.jail.rule_event import deep_get, deep_walk
else:
    from rule_event import deep_get, deep_walk

__all__ = [
    "aws_rule_context",
    "aws_strip_role_session_id",
    "deep_get",
    "deep_walk",
    "is_ip_in_network",
    "pattern_match",
    "pattern_match_list",
]


def is_ip_in_network(ip_addr: str, networks: Iterable[str]) -> bool:
    """Return whether the address lies in one of the networks.

    Raises:
        ValueError: the address, or a network, is none.
    """
    return any(ip_address(ip_addr) in ip_network(network) for network in networks)


def pattern_match(string_to_match: str, pattern: str) -> bool:
    """Return whether the text matches a pattern with `*` and `?`."""
    return fnmatch(string_to_match, pattern)


def pattern_match_list(string_to_match: str, patterns: Iterable[str]) -> bool:
    """Return whether the text matches one of the patterns."""
    return any(fnmatch(string_to_match, pattern) for pattern in patterns)


def aws_strip_role_session_id(user_identity_arn: str) -> str:
    """Return the ARN of an assumed role without the session; other ARNs as they are."""
    parts = user_identity_arn.split("/")
    return "/".join(parts[:2]) if parts[0].endswith(":assumed-role") else user_identity_arn


def aws_rule_context(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one wants to see first of a CloudTrail record."""
    return {
        "eventName": event.get("eventName", ""),
        "eventSource": event.get("eventSource", ""),
        "awsRegion": event.get("awsRegion", ""),
        "recipientAccountId": event.get("recipientAccountId", ""),
        "sourceIPAddress": event.get("sourceIPAddress", ""),
        "userAgent": event.get("userAgent", ""),
        "userIdentity": event.get("userIdentity", ""),
    }
