"""Where payloads hold their records, written as one text: `Records`, `findings|detail.findings`.

Each place is a dotted path to a list. `detail{}` is the path to one object that is a record itself,
as EventBridge wraps it, and `message.data()` the path to a text of JSON that is one, plain or in
base64, as Pub/Sub does. `logEvents[message]` takes of each element of a list the text under that
name, as CloudWatch Logs carries records, or the object, as `hits.hits[_source]` of a search; an
element without it is a record as it stands. The first place that a payload has is taken.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import msgspec

_PLACE = re.compile(r"(?P<path>[^|{}()\[\]]+)(?P<form>\{\}|\(\))?(?:\[(?P<text>[^|{}\[\]]+)\])?")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a payload may hold its records.

    Attributes:
        keys: from the payload down.
        is_object: whether one object stands there that is the record, not a list.
        is_text: whether that object stands there as a text.
        text: the dotted member of each element whose text is the record, `None` for itself.
    """

    keys: tuple[str, ...]
    is_object: bool
    is_text: bool
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
        held = _below(bytes(members.get(self.keys[0], b"")), self.keys[1:])
        if self.is_text:
            held = _opened(held)
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
        Place(
            tuple(match["path"].split(".")),
            bool(match["form"]),
            match["form"] == "()",
            match["text"],
        )
        for match in found
        if match
    )


def _below(held: bytes, keys: Iterable[str]) -> bytes:
    for key in keys:
        held = bytes(_members(held).get(key, b"")) if held[:1] == b"{" else b""
    return held


def _opened(held: bytes) -> bytes:
    """Return what a text holds, decoded where it is base64; empty where it is no object."""
    text = _text(held).encode() if held[:1] == b'"' else b""
    if text[:1] != b"{":
        try:
            text = base64.b64decode(text, validate=True)
        except ValueError:
            return b""
    try:
        return text if text[:1] == b"{" and _members(text) is not None else b""
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return b""


def _said(element: bytes, name: str) -> bytes:
    value = _below(element, name.split("."))
    if value[:1] == b"{":
        return value
    return _text(value).encode() if value[:1] == b'"' else element
