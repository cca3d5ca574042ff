"""Make many records of one: each element of the lists inside a report, with what surrounds it.

A report says what it is about once and then lists what it found. An element alone would not say
which image or repository it belongs to, so the record of each element is the report as it stands,
every list on the way replaced by the one element, and of the members around it only those that the
mapping keeps. Paths in the record are therefore those of the report.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TypeAlias

import msgspec

MAX_RECORDS = 500_000
"""Elements that one document may hold."""

MAX_OUTPUT_BYTES = 128 << 20
"""What the records of one document may take together: what surrounds them is repeated in each."""

MAX_KEPT_BYTES = 32 << 10
"""A longer value around an element is not repeated in its record."""

_KEEP = re.compile(r"[^.\[\]]+(\[[^.\[\]=]+=[^\[\]=]+\])?(\.[^.\[\]]+(\[[^.\[\]=]+=[^\[\]=]+\])?)*")
_STEP = re.compile(r"([^.\[\]]+)(?:\[([^.\[\]=]+)=([^\[\]=]+)\])?")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_value = msgspec.json.Decoder().decode
_encode = msgspec.json.encode


class TooManyError(Exception):
    """A document would become more records, or larger ones, than are held."""


class NotExpandableError(Exception):
    """Something else stands where an object or a list is expected."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """How one record becomes many.

    Attributes:
        path: the dotted key below which a payload holds its records, `None` where each is one.
        within: the keys below which a record may hold others of its kind, in a list or as one
            object, each then read with what is kept of the one around it.
        paths: where a record holds lists of elements, as keys from the record down.
        kept: the members around an element that its record keeps.
    """

    path: str | None
    within: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]
    kept: "Kept"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a value.

    Attributes:
        inside: of each of its members; empty where the whole is kept.
        list_key, own_path: of a list only the elements whose member `list_key` is the text that the
            record's own element has at `own_path`.
        has_choice: whether this or anything inside depends on the element.
    """

    inside: Mapping[str, "Kept"] = field(default_factory=dict)
    list_key: str = ""
    own_path: str = ""
    has_choice: bool = False


def written(
    path: str | None, expand: Sequence[str], keep: Sequence[str], within: Sequence[str] = ()
) -> str:
    """Return an expansion as the text that `unwrap` takes.

    Args:
        path: the key below which payloads hold their records.
        expand: dotted paths of lists inside a record.
        keep: dotted paths of what is kept around an element; `rules[id=ruleId]` keeps of a list the
            elements whose `id` is the element's own `ruleId`.
        within: keys below which a record may list others of its kind, or hold one.

    Raises:
        ValueError: with what is wrong, for a path that is none.
    """
    for each in keep:
        if not _KEEP.fullmatch(each):
            raise ValueError(f"{each!r} is not a path such as 'tool.rules[id=ruleId].name'")
    for each in expand:
        if not all(each.split(".")):
            raise ValueError(f"{each!r} is not a dotted path")
    said = _Said(path, list(expand), list(keep), list(within))
    return _encode(said).decode()


def is_expanding(unwrap: str | None) -> bool:
    """Tell whether an `unwrap` of a mapping makes many records of one."""
    return expansion_of(unwrap) is not None


@lru_cache(maxsize=256)
def expansion_of(unwrap: str | None) -> Expansion | None:
    """Return the expansion that a text of `written` means; `None` for a plain path."""
    if not unwrap or not unwrap.startswith("{"):
        return None
    said = msgspec.json.decode(unwrap, type=_Said)
    paths = tuple(tuple(each.split(".")) for each in said.expand)
    return Expansion(said.path, tuple(said.within), paths, _kept_tree(said.keep))


class _Said(msgspec.Struct):
    path: str | None
    expand: list[str]
    keep: list[str]
    within: list[str]


def expanded(record: bytes, expansion: Expansion) -> list[bytes]:
    """Return the records that one holds; the record itself where it has none of the lists.

    Raises:
        TooManyError: it holds more than is read at once.
        msgspec.MsgspecError: it is not JSON.
    """
    if record[:1] != b"{":
        return [record]
    found: list[bytes] = []
    size = 0
    is_report = False
    try:
        for each in _reports(record, expansion):
            paths = [path for path in expansion.paths if path[0] in _members(each)]
            is_report = is_report or bool(paths)
            for path in paths:
                for element in _walk(each, path, expansion.kept, _Frame()):
                    size += len(element)
                    found.append(element)
                    if size > MAX_OUTPUT_BYTES or len(found) > MAX_RECORDS:
                        raise TooManyError(f"more than {MAX_RECORDS} records, or too large ones")
    except NotExpandableError:
        return [record]
    return found if is_report else _alone(record, expansion)


def _alone(record: bytes, expansion: Expansion) -> list[bytes]:
    """Return a record without any of the lists: what it holds, where that is one."""
    held = list(islice(_reports(record, expansion), 2))
    return held if len(held) == 1 else [record]


def _reports(record: bytes, expansion: Expansion) -> Iterator[bytes]:
    """Yield the objects to expand: the record, or those that it holds, with what is kept of it."""
    members = _members(record)
    listing = [name for name in expansion.within if _holds_more(members.get(name))]
    if not listing:
        yield record
        return
    around = {
        name: msgspec.Raw(part)
        for name, kept in expansion.kept.inside.items()
        if name in members and name not in listing
        if isinstance(part := _prepared(bytes(members[name]), kept), bytes)
    }
    for name in listing:
        held = members[name]
        for each in _elements(held) if bytes(held)[:1] == b"[" else (held,):
            if bytes(each)[:1] == b"{":
                yield _encode({**around, **_members(each)})


def _holds_more(value: msgspec.Raw | None) -> bool:
    return value is not None and bytes(value)[:1] in (b"[", b"{")


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands around a value, from the record down: members, and the key of the next behind.

    Attributes:
        has_choice: whether any of the members depends on the element.
    """

    levels: "tuple[tuple[tuple[_Member, ...], bytes], ...]" = ()
    has_choice: bool = False

    def within(self, members: "tuple[_Member, ...]", name: bytes) -> "_Frame":
        chooses = self.has_choice or not all(isinstance(part, bytes) for _, part in members)
        return _Frame((*self.levels, (members, name)), chooses)

    def around(self, element: bytes) -> bytes:
        """Return the record of an element."""
        own = _value(element) if self.has_choice else None
        pieces: list[bytes] = []
        for members, name in self.levels:
            pieces.append(b"{")
            for key, part in members:
                if (text := _rendered(part, own)) is not None:
                    pieces += (key, b":", text, b",")
            pieces += (name, b":")
        return b"".join((*pieces, element, b"}" * len(self.levels)))


def _walk(value: bytes, path: Sequence[str], kept: Kept, frame: _Frame) -> Iterator[bytes]:
    """Yield the records below an object on the way."""
    if value[:1] != b"{":
        raise NotExpandableError
    members = _members(value)
    name, rest = path[0], path[1:]
    held = bytes(members.get(name, b"null"))
    if held == b"null":
        return
    if held[:1] not in (b"[", b"{"):
        raise NotExpandableError
    inner = frame.within(tuple(_around(members, kept, name)), _encode(name))
    below = kept.inside.get(name, _NOTHING)
    for each in _elements(held) if held[:1] == b"[" else (held,):
        element = bytes(each)
        if rest:
            yield from _walk(element, rest, below, inner)
        else:
            yield inner.around(element)


def _around(members: Mapping[str, msgspec.Raw], kept: Kept, besides: str) -> "Iterator[_Member]":
    for name, inside in kept.inside.items():
        if name != besides and name in members:
            part = _prepared(bytes(members[name]), inside)
            if part is not None:
                yield _encode(name), part


@dataclass(frozen=True, slots=True)
class _ObjectOf:
    members: "tuple[_Member, ...]"


@dataclass(frozen=True, slots=True)
class _ListOf:
    parts: "tuple[_Prepared, ...]"


@dataclass(frozen=True, slots=True)
class _ChosenOf:
    """The elements of a list that an element may speak of, by their names."""

    by_name: Mapping[str, Sequence[bytes]]
    own_path: tuple[str, ...]


_Prepared: TypeAlias = bytes | _ObjectOf | _ListOf | _ChosenOf
"""What is kept of a value: its text, or that with places where each element has its own."""
_Member: TypeAlias = tuple[bytes, _Prepared]


def _prepared(raw: bytes, kept: Kept) -> _Prepared | None:
    """Return what is kept of a value, each list that elements choose from indexed once."""
    if raw[:1] == b"[" and kept.list_key:
        return _ChosenOf(_by_name(raw, kept), tuple(kept.own_path.split(".")))
    if not kept.inside:
        return raw if len(raw) <= MAX_KEPT_BYTES else None
    if raw[:1] == b"[":
        parts = (_object_of(bytes(each), kept) for each in _elements(raw))
        return _plain(_ListOf(tuple(part for part in parts if part is not None)), kept)
    whole = _object_of(raw, kept)
    return None if whole is None else _plain(whole, kept)


def _plain(part: _Prepared, kept: Kept) -> _Prepared | None:
    """Return a part as text where it is the same for every element."""
    if kept.has_choice:
        return part
    text = _rendered(part, None)
    return text if text is not None and len(text) <= MAX_KEPT_BYTES else None


def _object_of(raw: bytes, kept: Kept) -> _ObjectOf | None:
    if raw[:1] != b"{":
        return None
    members = _members(raw)
    prepared = (
        (_encode(name), _prepared(bytes(members[name]), inside))
        for name, inside in kept.inside.items()
        if name in members
    )
    return _ObjectOf(tuple((name, part) for name, part in prepared if part is not None))


def _by_name(raw: bytes, kept: Kept) -> dict[str, list[bytes]]:
    index: dict[str, list[bytes]] = {}
    whole = Kept(kept.inside)
    for each in _elements(raw):
        element = bytes(each)
        name = _members(element).get(kept.list_key) if element[:1] == b"{" else None
        text = _rendered(_prepared(element, whole), None)
        if name is not None and text is not None:
            index.setdefault(str(_value(name)), []).append(text)
    return index


def _rendered(part: _Prepared | None, own: object) -> bytes | None:
    """Return the text of a part for one element."""
    if part is None or isinstance(part, bytes):
        return part
    if isinstance(part, _ObjectOf):
        texts = ((name, _rendered(inner, own)) for name, inner in part.members)
        return b"{" + b",".join(name + b":" + text for name, text in texts if text) + b"}"
    if isinstance(part, _ListOf):
        rendered = (_rendered(inner, own) for inner in part.parts)
        return b"[" + b",".join(text for text in rendered if text) + b"]"
    names = dict.fromkeys(_texts(own, part.own_path))
    chosen = [text for name in names for text in part.by_name.get(name, ())]
    text = b"[" + b",".join(chosen) + b"]"
    return text if len(text) <= MAX_KEPT_BYTES else None


def _texts(value: object, path: Sequence[str]) -> Iterator[str]:
    """Yield what a value holds at a path, through lists, as text."""
    if isinstance(value, list):
        for each in value:
            yield from _texts(each, path)
    elif not path:
        if isinstance(value, str | int):
            yield str(value)
    elif isinstance(value, dict) and path[0] in value:
        yield from _texts(value[path[0]], path[1:])


def _kept_tree(paths: Sequence[str]) -> Kept:
    tree: dict[tuple[str, str, str], list[str]] = {}
    for path in paths:
        step = _STEP.match(path)
        if step is None:
            continue
        rest = path[step.end() + 1 :]
        tree.setdefault((step[1], step[2] or "", step[3] or ""), []).append(rest)
    inside = {name: _kept(key, own, rests) for (name, key, own), rests in tree.items()}
    return Kept(inside, has_choice=any(each.has_choice for each in inside.values()))


def _kept(list_key: str, own_path: str, rests: Sequence[str]) -> Kept:
    below = _NOTHING if "" in rests else _kept_tree(rests)
    return Kept(below.inside, list_key, own_path, bool(list_key) or below.has_choice)


_NOTHING = Kept()
