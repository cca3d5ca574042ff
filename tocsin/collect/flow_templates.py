"""Templates of flow exporters: how long their records are and what is in them, within limits.

Source: RFC 3954 (NetFlow version 9), 5.2 and 6; RFC 7011 (IPFIX), 3.4 and 7.
"""

import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from tocsin.collect.flow_fields import (
    REVERSE_ENTERPRISE,
    Reader,
    Value,
    element,
    is_plain_number,
)

MAX_FIELDS = 256
"""Of a template."""

MAX_TEMPLATES = 256
"""Of one observation domain of an exporter; the one defined longest ago goes first."""

MAX_DOMAINS = 1_000
"""Observation domains of all exporters; the one heard longest ago goes first."""

VARIABLE = 0xFFFF
Fields: TypeAlias = dict[str, Value | None]
_WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_LONG = 255


class BadFlow(Exception):  # noqa: N818 - what is wrong with a message, not an error of the product
    """Bytes that do not mean what they should; the text is the reason of a reject."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a template: its element and its length in bytes, or `VARIABLE`."""

    number: int
    enterprise: int
    length: int


@dataclass(slots=True)
class Template:
    """How the records of one set are laid out.

    Attributes:
        fields: in order.
        is_options: whether records tell of the exporter, not of flows.
        since: when it was defined last, by the caller's clock.
        size: bytes of a record, or the fewest it may have where it has variable fields.
    """

    fields: tuple[Field, ...]
    is_options: bool
    since: float
    size: int = 0
    _names: tuple[str, ...] = ()
    _readers: tuple[tuple[int, Reader], ...] = ()
    _layout: struct.Struct | None = None

    def __post_init__(self) -> None:
        """Lay out what each record needs.

        Raises:
            BadFlow: there are no fields, too many, or some without a length.
        """
        if not 0 < len(self.fields) <= MAX_FIELDS:
            raise BadFlow(f"bad_template: {len(self.fields)} fields; 1 to {MAX_FIELDS} are read")
        if not all(each.length for each in self.fields):
            raise BadFlow("bad_template: a field has no length")
        elements = [element(each.number, each.enterprise) for each in self.fields]
        plain = [is_plain_number(each.number, each.enterprise, each.length) for each in self.fields]
        self._names = tuple(
            f"reverse.{name}" if each.enterprise == REVERSE_ENTERPRISE else name
            for each, (name, _) in zip(self.fields, elements, strict=True)
        )
        is_fixed = all(each.length != VARIABLE for each in self.fields)
        self.size = sum(1 if each.length == VARIABLE else each.length for each in self.fields)
        self._readers = tuple(
            (place, reader)
            for place, (_, reader) in enumerate(elements)
            if not (plain[place] and is_fixed)
        )
        if is_fixed:
            codes = (
                _WIDTHS[each.length] if is_plain else f"{each.length}s"
                for each, is_plain in zip(self.fields, plain, strict=True)
            )
            self._layout = struct.Struct(">" + "".join(codes))

    def records(self, content: bytes) -> Iterator[Fields]:
        """Yield the records of a set; what is shorter than one at the end is padding.

        Raises:
            BadFlow: a variable field is longer than the set.
        """
        many = len(content) // self.size
        if self._layout is None:
            yield from self._variable(content)
            return
        for values in self._layout.iter_unpack(content[: many * self.size]):
            yield self._record(list(values))

    def _variable(self, content: bytes) -> Iterator[Fields]:
        offset = 0
        while len(content) - offset >= self.size:
            values: list[bytes] = []
            for each in self.fields:
                length = each.length
                if length == VARIABLE:
                    length, offset = _length(content, offset)
                values.append(content[offset : offset + length])
                offset += length
            if offset > len(content):
                raise BadFlow("bad_length: a field is longer than its set")
            yield self._record(list(values))

    def _record(self, values: list[Value | bytes | None]) -> Fields:
        for place, reader in self._readers:
            content = values[place]
            if isinstance(content, bytes):
                values[place] = reader(content)
        return dict(zip(self._names, cast("list[Value | None]", values), strict=True))


def _length(content: bytes, offset: int) -> tuple[int, int]:
    """Return the length of a variable field and where it begins (RFC 7011, 7)."""
    if offset >= len(content):
        raise BadFlow("bad_length: a field is longer than its set")
    if content[offset] < _LONG:
        return content[offset], offset + 1
    return int.from_bytes(content[offset + 1 : offset + 3], "big"), offset + 3


@dataclass(slots=True)
class Domain:
    """What one observation domain of an exporter has told.

    Attributes:
        templates: by number.
        sampling: packets of which one was counted, by the number of the sampler; 0 for the one
            that holds where a flow names none.
        expected: the next number of its messages; `None` where it is not known.
        began: when the exporter began, in milliseconds since 1970; `None` where it has not said.
    """

    templates: "OrderedDict[int, Template]" = field(default_factory=OrderedDict)
    sampling: dict[int, float] = field(default_factory=dict)
    expected: int | None = None
    began: int | None = None

    def define(self, number: int, template: Template) -> int:
        """Take a template; return how many had to go for it."""
        self.templates[number] = template
        self.templates.move_to_end(number)
        many = max(0, len(self.templates) - MAX_TEMPLATES)
        for _ in range(many):
            self.templates.popitem(last=False)
        return many


class Domains:
    """The observation domains of all exporters, those heard last at the end."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, int], Domain] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, exporter: str, version: int, number: int) -> Domain:
        """Return a domain; a new one may push out the one heard longest ago."""
        key = (exporter, version, number)
        found = self._known.setdefault(key, Domain())
        self._known.move_to_end(key)
        if len(self._known) > MAX_DOMAINS:
            self._known.popitem(last=False)
        return found
