"""Where payloads hold their records, written as one text: `Records`, `findings|detail.findings`.

Each place is a dotted path to a list. `detail{}` is the path to one object that is a record itself,
as EventBridge wraps it. `logEvents[message]` takes of each element of a list the text under that
name, as CloudWatch Logs carries records; an element without it is a record as it stands. The
first place that a payload has is taken.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import msgspec

_PLACE = re.compile(r"(?P<path>[^|{}\[\]]+)(?P<object>\{\})?(?:\[(?P<text>[^|{}\[\].]+)\])?")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a payload may hold its records.

    Attributes:
        keys: from the payload down.
        is_object: whether an object stands there that is the record.
        text: the member of each element whose text is the record, `None` for the element itself.
    """

    keys: tuple[str, ...]
    is_object: bool
    text: str | None

    @property
    def own_path(self) -> str:
        """What unwraps an object that holds nothing but the last key."""
        return self.keys[-1] + (f"[{self.text}]" if self.text else "")

    def records(self, members: dict[str, msgspec.Raw]) -> list[bytes] | None:
        """Return the records that these members of a payload hold here, `None` for no such place.

        Raises:
            msgspec.MsgspecError: when what stands there is not JSON.
        """
        held = bytes(members.get(self.keys[0], b""))
        for key in self.keys[1:]:
            held = bytes(_members(held).get(key, b"")) if held[:1] == b"{" else b""
        if self.is_object:
            return [held] if held[:1] == b"{" else None
        if held[:1] != b"[":
            return None
        elements = [bytes(raw) for raw in _elements(held)]
        return elements if self.text is None else [_said(each, self.text) for each in elements]


@lru_cache(maxsize=256)
def places(path: str | None) -> tuple[Place, ...]:
    """Return the places that a path names, in the order in which they are tried."""
    found = (_PLACE.fullmatch(part) for part in (path or "").split("|"))
    return tuple(
        Place(tuple(match["path"].split(".")), bool(match["object"]), match["text"])
        for match in found
        if match
    )


def _said(element: bytes, name: str) -> bytes:
    if element[:1] != b"{":
        return element
    value = bytes(_members(element).get(name, b""))
    return _text(value).encode() if value[:1] == b'"' else element
