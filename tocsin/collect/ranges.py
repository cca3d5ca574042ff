"""Read the address lists that clouds publish: AWS `ip-ranges.json`, GCP `cloud.json`, Azure's tags.

A file of none of these forms, or a broken one, is refused with one line.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import msgspec

from tocsin.enrich import Note
from tocsin.errors import SourceError

Told = tuple[IPv4Network | IPv6Network, Note]

_MOST_BYTES = 64 << 20
_MOST_RANGES = 1_000_000


def read_ranges(path: Path) -> list[Told]:
    """Return each range of the file with what is told of it, the most telling first.

    Raises:
        SourceError: the file cannot be read or is none of the known lists.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SourceError(f"enrichment: {path.name} is larger than 64 MiB")
        content = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise SourceError(f"enrichment: {path.name} cannot be read: {error}") from None
    read = _form(content)
    if read is None:
        raise SourceError(
            f"enrichment: {path.name} is no address list of AWS, GCP or Azure; take it away"
        )
    try:
        found = list(read(content))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"enrichment: {path.name} is damaged ({error}); fetch it again") from None
    if len(found) > _MOST_RANGES:
        raise SourceError(f"enrichment: {path.name} holds more than {_MOST_RANGES} ranges")
    return found


def _form(content: object) -> Callable[[Mapping[str, list[object]]], Iterator[Told]] | None:
    if not isinstance(content, dict):
        return None
    if "ipv6_prefixes" in content or "syncToken" in content and "createDate" in content:
        return _aws
    if "prefixes" in content:
        return _gcp
    return _azure if "values" in content else None


def _aws(content: Mapping[str, list[object]]) -> Iterator[Told]:
    rows = [*_objects(content, "prefixes"), *_objects(content, "ipv6_prefixes")]
    # `AMAZON` names every range again; the service that uses it says more.
    for row in sorted(rows, key=lambda each: each.get("service") == "AMAZON"):
        prefix = row.get("ip_prefix") or row["ipv6_prefix"]
        yield _told(prefix, "AWS ip-ranges.json", "AWS", row.get("region"), row.get("service"))


def _gcp(content: Mapping[str, list[object]]) -> Iterator[Told]:
    for row in _objects(content, "prefixes"):
        prefix = row.get("ipv4Prefix") or row["ipv6Prefix"]
        yield _told(prefix, "GCP cloud.json", "GCP", row.get("scope"), row.get("service"))


def _azure(content: Mapping[str, list[object]]) -> Iterator[Told]:
    # Tags of one region and one service say more than those of the whole cloud.
    tags = [
        tag for each in _objects(content, "values") if isinstance(tag := each["properties"], dict)
    ]
    for tag in sorted(tags, key=lambda each: not (each.get("region") and each["systemService"])):
        for prefix in tag["addressPrefixes"]:
            service = tag.get("systemService") or None
            yield _told(prefix, "Azure service tags", "Azure", tag.get("region"), service)


def _objects(content: Mapping[str, list[object]], name: str) -> list[dict[str, object]]:
    return [each for each in content.get(name, []) if isinstance(each, dict)]


def _told(prefix: object, provider: str, cloud: str, region: object, service: object) -> Told:
    data = {"cloud": cloud, "region": region, "service": service}
    told = {name: each for name, each in data.items() if isinstance(each, str) and each}
    return ip_network(str(prefix), strict=False), Note("cloud", provider, json.dumps(told))
