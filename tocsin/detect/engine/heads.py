"""Decode only the fields that the index asks for; the rest of the record is skipped, not built.

The decoder is typed: where a record is not shaped as most are (a list on the way to a field, a key
that holds the dots of a path, a number where a text stands in every other record), decoding fails,
and the record takes the slow way, which is always right. So what it does decode is exactly what
`conditions.lookup` would give.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

MAX_SEGMENTS = 5

# No value is in this range: a key declared so makes decoding fail when it is there.
_Forbidden = Annotated[int, msgspec.Meta(ge=1, le=0)]
_FORBIDDEN = _Forbidden | UnsetType
_KEY = str | bool | None | UnsetType
_OTHER_SHAPES = str | bool | int | float | None

Getter = Callable[[object], tuple[object, ...]]


@dataclass(slots=True)
class _Node:
    """An object of the records: fields inside it by key."""

    inner: "dict[str, _Node | None]" = field(default_factory=dict)
    key_fields: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)


class Heads:
    """Decodes the fields of one kind of records.

    Attributes:
        decode: text to an object for the two functions below; raises `msgspec.MsgspecError` or
            `RecursionError` where the record must take the slow way.
        keys: the values at the key paths: text, truth value, null or `UNSET`.
        values: the values at the other paths, of any kind, or `UNSET`.
    """

    def __init__(self, key_paths: Sequence[str], value_paths: Sequence[str]) -> None:
        root = _Node()
        for path in (*key_paths, *value_paths):
            _add(root, path.split("."), is_key=path in key_paths)
        names = _Names()
        self.decode = msgspec.json.Decoder(_type_of(root, names)).decode
        self.keys = _getter([names.path(path) for path in key_paths])
        self.values = _getter([names.path(path) for path in value_paths])


class _Names:
    """Attribute names for keys: keys are not always Python words."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, key: str) -> str:
        return self._names.setdefault(key, f"f{len(self._names)}")

    def path(self, path: str) -> str:
        return ".".join(self.of(segment) for segment in path.split("."))


def can_decode(path: str) -> bool:
    """Return whether a path may be an index field: short, and with keys that hold no dots.

    A key with dots mostly has a slash too (`authorization.k8s.io/decision`).
    """
    segments = path.split(".")
    return len(segments) <= MAX_SEGMENTS and all(segments) and "/" not in path


def without_prefixes(paths: Iterable[str]) -> frozenset[str]:
    """Return the paths that do not lead through another of them: an object is no value too."""
    every = frozenset(paths)
    parents = {path[:at] for path in every for at, sign in enumerate(path) if sign == "."}
    return every - parents


def _add(node: _Node, segments: list[str], *, is_key: bool) -> None:
    for place in range(len(segments)):
        rest = segments[place:]
        node.forbidden.update(".".join(rest[:end]) for end in range(2, len(rest) + 1))
        if len(rest) > 1:
            following = node.inner.setdefault(rest[0], _Node())
            if following is None:
                raise ValueError("an index path leads through another")
            node = following
            continue
        node.inner[rest[0]] = None
        if is_key:
            node.key_fields.add(rest[0])


def _type_of(node: _Node, names: _Names) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, object]] = []
    rename: dict[str, str] = {}
    for key, inner in node.inner.items():
        name = names.of(key)
        rename[name] = key
        if inner is None:
            fields.append((name, _KEY if key in node.key_fields else Any, UNSET))
        else:
            inside = _type_of(inner, names)
            fields.append((name, inside | _OTHER_SHAPES, inside()))
    for key in sorted(node.forbidden):
        name = names.of(key)
        rename[name] = key
        fields.append((name, _FORBIDDEN, UNSET))
    return msgspec.defstruct("Head", fields, rename=rename, frozen=True, gc=False)


def _getter(paths: list[str]) -> Getter:
    if not paths:
        return lambda head: ()
    fast = attrgetter(*paths) if len(paths) > 1 else attrgetter(paths[0], paths[0])
    count = len(paths)
    split = [path.split(".") for path in paths]

    def get(head: object) -> tuple[object, ...]:
        try:
            found: tuple[object, ...] = fast(head)
        except AttributeError:
            # A null or a text where other records have an object: nothing is inside.
            return tuple(_walk(head, names) for names in split)
        return found if count > 1 else found[:1]

    return get


def _walk(head: object, names: list[str]) -> object:
    for name in names:
        if not isinstance(head, msgspec.Struct):
            return UNSET
        head = getattr(head, name)
    return head
