"""Read events of MISP: attributes by their types, of events and of their objects.

Source: https://www.misp-standard.org/rfc/misp-standard-core.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_KINDS: dict[str, tuple[str, ...]] = {
    "ip-src": ("address",),
    "ip-dst": ("address",),
    "hostname": ("domain",),
    "domain": ("domain",),
    "url": ("url",),
    "uri": ("url",),
    "link": (),
    "md5": ("hash",),
    "sha1": ("hash",),
    "sha224": ("hash",),
    "sha256": ("hash",),
    "sha384": ("hash",),
    "sha512": ("hash",),
    "email": ("mail",),
    "email-src": ("mail",),
    "email-dst": ("mail",),
    "ja3-fingerprint-md5": ("ja3",),
    "x509-fingerprint-sha1": ("certificate",),
    "x509-fingerprint-sha256": ("certificate",),
    # Two values behind each other: `|` joins them as it joins the names of their types.
    "ip-src|port": ("address", ""),
    "ip-dst|port": ("address", ""),
    "hostname|port": ("domain", ""),
    "domain|ip": ("domain", "address"),
    "filename|md5": ("", "hash"),
    "filename|sha1": ("", "hash"),
    "filename|sha256": ("", "hash"),
    "filename|sha512": ("", "hash"),
}
_PRIVATE_TLP = "tlp:red"

Told = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Event:
    """What an event says of all its attributes."""

    name: str = ""
    labels: tuple[str, ...] = ()
    reference: str = ""


def told_of_event(found: object) -> Event:
    """Return name and tags of an event; `{"Event": {...}}` and the event itself are read."""
    event = _event(found)
    tags = tuple(
        str(tag["name"]) for tag in _objects(event.get("Tag")) if isinstance(tag.get("name"), str)
    )
    return Event(str(event.get("info") or ""), tags)


def attributes(found: object) -> Iterator[tuple[Told, Mapping[str, object]]]:
    """Yield kinds and values of each attribute that is for detection, with the attribute."""
    event = _event(found)
    listed = [*_objects(event.get("Attribute"))]
    for each in _objects(event.get("Object")):
        listed += _objects(each.get("Attribute"))
    for attribute in listed:
        # `to_ids` says whether an attribute is meant for machines that look for it.
        if attribute.get("to_ids") not in (True, 1, "1"):
            continue
        values = list(_values(attribute))
        if values:
            yield values, attribute


def _values(attribute: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    kinds = _KINDS.get(str(attribute.get("type")), ())
    text = attribute.get("value")
    if not isinstance(text, str) or not kinds:
        return
    parts = text.split("|") if len(kinds) > 1 else [text]
    for kind, part in zip(kinds, parts, strict=False):
        if kind:
            yield ("network" if kind == "address" and "/" in part else kind), part


def _event(found: object) -> Mapping[str, object]:
    if not isinstance(found, dict):
        return {}
    inner = found.get("Event", found)
    return inner if isinstance(inner, dict) else {}


def _objects(value: object) -> list[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
