"""Read the fields of rules from an event: from its own record, or from its normalized form.

Where a path is read is decided once, when a rule is bound to a source, never by what an event
happens to hold:

* A rule with `category: ocsf` reads OCSF paths.
* Any other rule reads the source's own record, except for paths whose first segment is one of
  `SHARED_ROOTS` (words that mean the same for every source) and paths written `ocsf.…`.
* A source can claim a shared word for its own records (`native` in the log sources file).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.conditions import PlainReader, lookup, text_of

_Made = TypeVar("_Made")

SHARED_ROOTS = frozenset(
    {
        *("activity_id", "activity_name", "actor", "api", "category_name", "category_uid"),
        *("class_name", "class_uid", "cloud", "dst_endpoint", "http_request", "is_mfa"),
        *("enrichments", "observables", "osint", "src_endpoint", "status_id"),
        *("type_name", "type_uid"),
    }
)
"""First segments of OCSF paths that every rule may use beside its source's own fields."""

_OCSF_PREFIX = "ocsf."
_PLAIN = PlainReader()
_NESTED = (dict, list)


class Row(Mapping[str, object]):
    """The normalized form of one event: OCSF attributes by name, nulls left out at every depth."""

    __slots__ = ("_columns", "_index")

    def __init__(self, columns: "Columns", index: int) -> None:
        self._columns = columns
        self._index = index

    def __getitem__(self, name: str) -> object:
        value = self._columns.value(name, self._index)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, key: str, /, default: object = None) -> object:
        """Return one value without the exception that a missing one costs."""
        value = self._columns.value(key, self._index)
        return default if value is None else value

    def first_text(self, path: str) -> str:
        """Return the first value at an OCSF path as text; empty where there is none."""
        return self._columns.first_text(path, self._index)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._columns.value(name, self._index) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._columns.names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Columns:
    """An events table whose columns become Python values when a rule first asks for them."""

    def __init__(self, events: pa.Table) -> None:
        self._events = events
        self._read: dict[str, list[object]] = {}
        self._texts: dict[str, list[str]] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the columns."""
        return frozenset(self._events.column_names)

    def value(self, name: str, index: int) -> object:
        """Return one value, `None` where there is no such column or no value."""
        column = self._read.get(name)
        if column is None:
            if name not in self.names:
                return None
            array = self._events.column(name)
            column = array.to_pylist()
            if pa.types.is_nested(array.type):
                column = [_pruned(value) for value in column]
            self._read[name] = column
        return column[index]

    def first_text(self, path: str, index: int) -> str:
        """Return the first value at a path that is no empty text, as text; empty for none.

        A path that leads through no list is read without making objects of the rows.
        """
        texts = self._texts.get(path)
        if texts is None:
            texts = self._texts[path] = self._texts_at(path)
        return texts[index]

    def _texts_at(self, path: str) -> list[str]:
        leaf = leaf_at(self._events, path)
        if leaf is None:
            rows = (Row(self, index) for index in range(self._events.num_rows))
            return [next(filter(None, map(text_of, lookup(row, path))), "") for row in rows]
        return [text_of(value) or "" for value in leaf.to_pylist()]


def leaf_at(events: pa.Table, path: str) -> pa.Array | None:
    """Return the values at a path, null where there are none; `None` where it is not so simple.

    It is not where the path leads through a list or to an object, or a name holds a dot.
    """
    segments = path.split(".")
    if any("." in name for name in events.column_names):
        return None
    if segments[0] not in events.column_names:
        return pa.nulls(events.num_rows)
    array = events.column(segments[0]).combine_chunks()
    for segment in segments[1:]:
        names = [each.name for each in array.type] if pa.types.is_struct(array.type) else []
        if not names or any("." in name for name in names):
            return None
        if segment not in names:
            return pa.nulls(events.num_rows)
        array = pc.struct_field(array, segment)
    return None if pa.types.is_nested(array.type) else array


@dataclass(frozen=True, slots=True)
class Event:
    """One event in both forms.

    Attributes:
        record: the source's own record.
        row: its normalized form.
    """

    record: Mapping[str, object]
    row: Mapping[str, object]
    _made: dict[object, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, make: Callable[["Event"], _Made]) -> _Made:
        """Return what `make` gives for this event, worked out when first asked.

        Many rules match one event; who did it is the same for all of them.
        """
        if make not in self._made:
            self._made[make] = make(self)
        return cast("_Made", self._made[make])


@dataclass(frozen=True, slots=True)
class EventReader:
    """Decides for each path of a rule which form of the event it is read from.

    Attributes:
        reads_ocsf: whether the rule is written against OCSF paths throughout.
        native_roots: shared words that the source claims for its own records.
    """

    reads_ocsf: bool = False
    native_roots: frozenset[str] = frozenset()

    def values(self, path: str) -> Callable[[Event], list[object]]:
        """Return the function that gives every value at `path`."""
        ocsf_path = self._ocsf_path(path)
        if ocsf_path is None:
            read = _PLAIN.values(path)
            return lambda event: read(event.record)
        read = _PLAIN.values(ocsf_path)
        return lambda event: read(event.row)

    def presence(self, path: str) -> Callable[[Event], bool]:
        """Return the function that says whether `path` is there."""
        ocsf_path = self._ocsf_path(path)
        if ocsf_path is None:
            is_there = _PLAIN.presence(path)
            return lambda event: is_there(event.record)
        is_there = _PLAIN.presence(ocsf_path)
        return lambda event: is_there(event.row)

    def leaves(self, event: Event) -> Iterator[object]:
        """Yield what keywords are searched in: every scalar of the record."""
        return _PLAIN.leaves(event.record)

    def reads_record(self, path: str) -> bool:
        """Return whether `path` is read from the source's own record."""
        return self._ocsf_path(path) is None

    def _ocsf_path(self, path: str) -> str | None:
        """Return the OCSF path that is meant, `None` for a path of the record."""
        if path.startswith(_OCSF_PREFIX):
            return path.removeprefix(_OCSF_PREFIX)
        root = path.partition(".")[0]
        is_shared = root in SHARED_ROOTS and root not in self.native_roots
        return path if self.reads_ocsf or is_shared else None


def _pruned(value: object) -> object:
    """Return the value without nulls and empty objects: in OCSF an absent attribute is no null.

    Values are those that Arrow makes: objects and lists are of no other types.
    """
    if type(value) is dict:
        kept = {}
        for key, inner in value.items():
            if inner is None:
                continue
            pruned = _pruned(inner) if type(inner) in _NESTED else inner
            if pruned is not None:
                kept[key] = pruned
        return kept or None
    if type(value) is list:
        return [_pruned(inner) for inner in value]
    return value
