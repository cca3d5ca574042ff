"""Decode only the fields that are asked for; the rest of the record is skipped, not built.

The decoder is typed: where a record is not shaped as expected (a list inside a list, a key that
holds the dots of a path, an object where texts are compared), decoding fails, and the record takes
the slow way, which is always right. So what it does decode is exactly what `conditions.lookup`
would give. What it gives compares and hashes by value, so that it can be remembered; no field may
hold both truth values and numbers where they are told apart, because for Python `True == 1`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

MAX_SEGMENTS = 5
_MAX_PATHS = 64

Getter: TypeAlias = Callable[[object], object]


class _Object(msgspec.Struct, frozen=True, gc=False):
    """Stands for an object of which nothing but its presence counts."""


# No value is in this range: a key declared so makes decoding fail when it is there.
_Forbidden = Annotated[int, msgspec.Meta(ge=1, le=0)]
_FORBIDDEN = _Forbidden | UnsetType
_TEXT = str | bool | None
_NUMBER = str | int | None
_ANY_SCALAR = str | bool | int | float | None
_ANYTHING = _ANY_SCALAR | _Object

_IN_THE_WAY = object()


class Kind(IntEnum):
    """Which values a field may have to be decoded; what is asked most strictly decides.

    Attributes:
        PRESENCE: anything; an object gives a value without content.
        TEXT: text, truth values and null; lists of them.
        NUMBER: text, integers and null; lists of them.
    """

    PRESENCE = 0
    TEXT = 1
    NUMBER = 2


_TYPES: dict[Kind, Any] = {
    Kind.PRESENCE: _ANYTHING | UnsetType | tuple[_ANYTHING, ...],
    Kind.TEXT: _TEXT | UnsetType | tuple[_TEXT, ...],
    Kind.NUMBER: _NUMBER | UnsetType | tuple[_NUMBER, ...],
}


@dataclass(slots=True)
class _Node:
    """An object of the records: the fields inside it by key, and keys that must not be there."""

    inner: "dict[str, _Node | Kind]" = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)


class Heads:
    """Decodes some fields of one kind of records, and reads them for compiled conditions.

    Attributes:
        paths: what is decoded.
        decode: text to an object for the functions below; raises `msgspec.MsgspecError` or
            `RecursionError` where the record must take the slow way.
    """

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self.paths = frozenset(kinds)
        self._root = _Node()
        for path, kind in kinds.items():
            _add(self._root, path.split("."), kind)
        self._names = _Names()
        self.decode = msgspec.json.Decoder(_type_of(self._root, self._names)).decode
        # Many conditions ask for few paths.
        self._getters: dict[str, Getter] = {}
        self._all = tuple(map(self.value, kinds))

    def value(self, path: str) -> Getter:
        """Return the function that gives the value at a path, several as a tuple, or `UNSET`."""
        known = self._getters.get(path)
        if known is None:
            known = self._getters[path] = self._getter(path)
        return known

    def _getter(self, path: str) -> Getter:
        names = self._names.path(path)
        fast, split = attrgetter(names), names.split(".")

        def get(head: object) -> object:
            try:
                return fast(head)
            except AttributeError:
                # A null, a text or a list where other records have an object.
                return _walk(head, split)

        return get

    def values(self, path: str) -> Callable[[object], list[object]]:
        """Return the function that gives every value at a path, as `conditions.lookup` would."""
        get = self.value(path)

        def read(head: object) -> list[object]:
            value = get(head)
            if value is UNSET:
                return []
            return list(value) if isinstance(value, tuple) else [value]

        return read

    def presence(self, path: str) -> Callable[[object], bool]:
        """Return the function that says whether a path is there."""
        fast, split = attrgetter(self._names.path(path)), self._names.path(path).split(".")

        def is_there(head: object) -> bool:
            try:
                return fast(head) is not UNSET
            except AttributeError:
                return _is_there(head, split)

        return is_there

    def leaves(self, head: object) -> Iterator[object]:
        """Never asked: no keyword is decided here."""
        return iter(())

    def together(self, paths: Iterable[str]) -> Callable[[object], tuple[object, ...]]:
        """Return a function whose result is the same for heads with the same values at paths."""
        tops = tuple(_tops(self._root, frozenset(paths), (), self._names))
        if not tops:
            return lambda head: ()
        # With one name alone, `attrgetter` gives no tuple.
        fast: Callable[[object], tuple[object, ...]] = attrgetter(*tops, tops[0])
        split = [top.split(".") for top in tops]

        def get(head: object) -> tuple[object, ...]:
            try:
                return fast(head)
            except AttributeError:
                return tuple(_reachable(head, names) for names in split)

        return get

    def size(self, head: object) -> int:
        """Return about how many characters the values hold."""
        return sum(map(size_of, (get(head) for get in self._all)))


def size_of(value: object) -> int:
    """Return the characters of a text, or of all texts of a tuple."""
    if isinstance(value, str):
        return len(value)
    return sum(map(size_of, value)) if isinstance(value, tuple) else 0


class _Names:
    """Attribute names for keys: keys are not always Python words."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, key: str) -> str:
        return self._names.setdefault(key, f"f{len(self._names)}")

    def path(self, path: str) -> str:
        return ".".join(self.of(segment) for segment in path.split("."))


def can_decode(path: str) -> bool:
    """Return whether a path may be decoded: short, and with keys that hold no dots.

    A key with dots mostly has a slash too (`authorization.k8s.io/decision`).
    """
    segments = path.split(".")
    return len(segments) <= MAX_SEGMENTS and all(segments) and "/" not in path


def without_prefixes(paths: Iterable[str]) -> frozenset[str]:
    """Return the paths that do not lead through another of them: an object is no value too."""
    every = frozenset(paths)
    parents = {path[:at] for path in every for at, sign in enumerate(path) if sign == "."}
    return every - parents


def _add(node: _Node, segments: list[str], kind: Kind) -> None:
    for place in range(len(segments)):
        rest = segments[place:]
        node.forbidden.update(".".join(rest[:end]) for end in range(2, len(rest) + 1))
        if len(rest) == 1:
            node.inner[rest[0]] = kind
            return
        following = node.inner.setdefault(rest[0], _Node())
        if not isinstance(following, _Node):
            raise ValueError("a decoded path leads through another")
        node = following


def _type_of(node: _Node, names: _Names) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, object]] = []
    rename: dict[str, str] = {}
    for key, inner in node.inner.items():
        name = names.of(key)
        rename[name] = key
        if isinstance(inner, Kind):
            fields.append((name, _TYPES[inner], UNSET))
        else:
            inside = _type_of(inner, names)
            one: Any = inside | _ANY_SCALAR
            fields.append((name, one | tuple[one, ...], inside()))
    for key in sorted(node.forbidden):
        name = names.of(key)
        rename[name] = key
        fields.append((name, _FORBIDDEN, UNSET))
    return msgspec.defstruct("Head", fields, rename=rename, frozen=True, gc=False)


def _tops(
    node: _Node, wanted: frozenset[str], above: tuple[str, ...], names: _Names
) -> Iterator[str]:
    """Yield the highest attributes below which there are wanted fields and no others."""
    for key, inner in node.inner.items():
        path = (*above, key)
        inside = frozenset(_paths(inner, path))
        if inside <= wanted:
            yield ".".join(map(names.of, path))
        elif isinstance(inner, _Node) and inside & wanted:
            yield from _tops(inner, wanted, path, names)


def _paths(node: _Node | Kind, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, Kind):
        yield ".".join(path)
    else:
        for key, inner in node.inner.items():
            yield from _paths(inner, (*path, key))


def _walk(value: object, names: list[str]) -> object:
    """Return what is at a path that may lead through lists, nulls and texts."""
    for place, name in enumerate(names):
        if isinstance(value, tuple):
            return tuple(_inside(value, names[place:]))
        if not isinstance(value, msgspec.Struct):
            return UNSET
        value = getattr(value, name)
    return value


def _inside(elements: tuple[object, ...], names: list[str]) -> Iterator[object]:
    for element in elements:
        found = _walk(element, names)
        if isinstance(found, tuple):
            yield from found
        elif found is not UNSET:
            yield found


def _reachable(value: object, names: list[str]) -> object:
    """Return what is at a path, or what stands in the way, marked as such."""
    for name in names:
        if not isinstance(value, msgspec.Struct):
            return _IN_THE_WAY, value
        value = getattr(value, name)
    return value


def _is_there(value: object, names: list[str]) -> bool:
    for place, name in enumerate(names):
        if isinstance(value, tuple):
            return any(_is_there(element, names[place:]) for element in value)
        if not isinstance(value, msgspec.Struct):
            return False
        value = getattr(value, name)
    return value is not UNSET
