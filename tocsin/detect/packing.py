"""Turn frozen dataclasses into bytes and back, by their types alone; no object is run on the way.

Dataclasses are lists of their fields, in order. Where a type is a union of several, a value that
MessagePack cannot tell apart stands as `[which of them, value]`. What does not fit the types, or
was written for others, is refused: the bytes begin with a hash of all types that they may hold.
"""

import dataclasses
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from tocsin.ocsf.identifiers import content_hash

T = TypeVar("T")
_Turn = Callable[[Any], Any]
_PLAIN = (str, int, float, bool, type(None))
_MICROSECOND = timedelta(microseconds=1)
_HASH_BYTES = 16
_BROKEN = (
    *(msgspec.MsgspecError, TypeError, IndexError, AttributeError, OverflowError),
    RecursionError,
)


class Packing(Generic[T]):
    """Packs values of one type, which is made of dataclasses, tuples, enums and plain values."""

    def __init__(self, root: type[T]) -> None:
        kinds = _Kinds()
        self._pack = kinds.packer(root)
        self._unpack = kinds.unpacker(root)
        self._head = content_hash(kinds.described().encode()).encode()[:_HASH_BYTES]

    def pack(self, value: T) -> bytes:
        """Return the value as bytes.

        Raises:
            ValueError: it holds an integer beyond 64 bits, or half of a surrogate pair.
        """
        try:
            return self._head + msgspec.msgpack.encode(self._pack(value))
        except OverflowError as error:
            raise ValueError("an integer beyond 64 bits") from error

    def unpack(self, content: bytes) -> T:
        """Return the value that the bytes hold.

        Raises:
            ValueError: the bytes are broken, or were written for other types.
        """
        if content[:_HASH_BYTES] != self._head:
            raise ValueError("written for other types")
        try:
            value: T = self._unpack(msgspec.msgpack.decode(memoryview(content)[_HASH_BYTES:]))
        except _BROKEN as error:
            raise ValueError(f"broken: {error}") from error
        return value


class _Kinds:
    """Makes the two directions for each type once; types may contain themselves."""

    def __init__(self) -> None:
        self._packers: dict[Any, _Turn] = {}
        self._unpackers: dict[Any, _Turn] = {}
        self._hints: dict[Any, list[tuple[str, Any]]] = {}
        self._described: dict[str, str] = {}

    def described(self) -> str:
        """Return a text that changes with any of the types."""
        return repr(sorted(self._described.items()))

    def packer(self, kind: Any) -> _Turn:
        """Return what turns a value of this type into plain lists."""
        if kind not in self._packers:
            # A type inside itself finds this until its own function is there.
            self._packers[kind] = lambda value: self._packers[kind](value)
            self._packers[kind] = self._made_packer(kind)
        return self._packers[kind]

    def unpacker(self, kind: Any) -> _Turn:
        """Return what turns plain lists back into a value of this type."""
        if kind not in self._unpackers:
            self._unpackers[kind] = lambda value: self._unpackers[kind](value)
            self._unpackers[kind] = self._made_unpacker(kind)
        return self._unpackers[kind]

    def _fields(self, kind: Any) -> list[tuple[str, Any]]:
        if kind not in self._hints:
            hints = get_type_hints(kind)
            fields = [(field.name, hints[field.name]) for field in dataclasses.fields(kind)]
            self._hints[kind] = fields
            self._described[f"{kind.__module__}.{kind.__qualname__}"] = repr(fields)
        return self._hints[kind]

    def _made_packer(self, kind: Any) -> _Turn:
        origin = get_origin(kind)
        if kind in _PLAIN or origin is Literal:
            return _same
        if kind is timedelta:
            return lambda value: value // _MICROSECOND
        if isinstance(kind, type) and issubclass(kind, Enum):
            return lambda value: value.value
        if dataclasses.is_dataclass(kind):
            return _dataclass_packer([(n, self.packer(k)) for n, k in self._fields(kind)])
        if origin in (Union, types.UnionType):
            return self._union_packer(get_args(kind))
        return self._container_packer(kind, origin)

    def _made_unpacker(self, kind: Any) -> _Turn:
        origin = get_origin(kind)
        if kind in _PLAIN:
            # Rules repeat the same words: one object for all.
            return sys.intern if kind is str else _same
        if origin is Literal:
            return _one_of({each: each for each in get_args(kind)})
        if kind is timedelta:
            return lambda value: timedelta(microseconds=value)
        if isinstance(kind, type) and issubclass(kind, Enum):
            self._described[kind.__qualname__] = repr(list(kind))
            return _one_of({each.value: each for each in kind})
        if dataclasses.is_dataclass(kind):
            inner = [self.unpacker(each) for _, each in self._fields(kind)]
            return _dataclass_unpacker(kind, inner)
        if origin in (Union, types.UnionType):
            return self._union_unpacker(get_args(kind))
        return self._container_unpacker(kind, origin)

    def _union_packer(self, members: tuple[Any, ...]) -> _Turn:
        """Plain values stand as they are; others behind their place among the members."""
        places: dict[Any, tuple[int, _Turn]] = {
            dict if _is_mapping(get_origin(kind)) else get_origin(kind) or kind: (
                place,
                self.packer(kind),
            )
            for place, kind in enumerate(members)
            if kind not in _PLAIN
        }

        def pack(value: Any) -> Any:
            found = places.get(type(value))
            return value if found is None else [found[0], found[1](value)]

        return pack

    def _union_unpacker(self, members: tuple[Any, ...]) -> _Turn:
        turns = [self.unpacker(kind) for kind in members]

        def unpack(value: Any) -> Any:
            if type(value) is list:
                place, inner = value
                return turns[place](inner)
            return sys.intern(value) if type(value) is str else value

        return unpack

    def _container_packer(self, kind: Any, origin: Any) -> _Turn:
        if origin is tuple and get_args(kind)[-1:] == (...,):
            inner = self.packer(get_args(kind)[0])
            return lambda value: [inner(each) for each in value]
        if origin is frozenset:
            inner = self.packer(get_args(kind)[0])
            return lambda value: sorted(inner(each) for each in value)
        if origin is tuple:
            turns = [self.packer(each) for each in get_args(kind)]
            return lambda value: [turn(each) for turn, each in zip(turns, value, strict=True)]
        if _is_mapping(origin):
            inner = self.packer(get_args(kind)[1])
            return lambda value: {key: inner(each) for key, each in value.items()}
        raise TypeError(f"no way to pack {kind!r}")

    def _container_unpacker(self, kind: Any, origin: Any) -> _Turn:
        if origin is tuple and get_args(kind)[-1:] == (...,):
            inner = self.unpacker(get_args(kind)[0])
            return lambda value: tuple([inner(each) for each in value]) if value else ()
        if origin is frozenset:
            inner = self.unpacker(get_args(kind)[0])
            return lambda value: frozenset([inner(each) for each in value])
        if origin is tuple:
            turns = [self.unpacker(each) for each in get_args(kind)]
            return lambda value: tuple(
                [turn(each) for turn, each in zip(turns, value, strict=True)]
            )
        if _is_mapping(origin):
            inner = self.unpacker(get_args(kind)[1])
            return lambda value: {sys.intern(key): inner(each) for key, each in value.items()}
        raise TypeError(f"no way to unpack {kind!r}")


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _same(value: Any) -> Any:
    return value


def _one_of(values: Mapping[Any, Any]) -> _Turn:
    def find(value: Any) -> Any:
        try:
            return values[value]
        except KeyError as error:
            raise TypeError("not one of the values") from error

    return find


def _dataclass_packer(fields: Iterable[tuple[str, _Turn]]) -> _Turn:
    pairs = list(fields)
    return lambda value: [turn(getattr(value, name)) for name, turn in pairs]


def _dataclass_unpacker(kind: Any, turns: list[_Turn]) -> _Turn:
    """Most fields are plain: only the others are turned, in place, in the list at hand."""
    turned = [(place, turn) for place, turn in enumerate(turns) if turn is not _same]

    def unpack(value: Any) -> Any:
        for place, turn in turned:
            value[place] = turn(value[place])
        return kind(*value)

    return unpack
