"""Conditions as frozen trees: what rules, checks and suppressions say about an event.

A tree is data. It compares, hashes and pickles by value, holds no compiled pattern, and can be
taken apart (`detect.review` does). `conditions.compiled` turns it into a function.

Source: Sigma specification 2.1, "Detection" and the appendix on modifiers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias


class Wildcard(Enum):
    """The two wildcards of Sigma strings."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Text:
    """The whole value, as text, equals these parts; letter case counts only where `is_cased`."""

    parts: tuple[str | Wildcard, ...]
    is_cased: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """The value is this number, or its decimal text.

    1 and 1.0 are equal numbers and different tests: their texts differ.
    """

    number: int | float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and repr(self.number) == repr(other.number)

    def __hash__(self) -> int:
        return hash(repr(self.number))


@dataclass(frozen=True, slots=True)
class Flag:
    """The value is this truth value, or its word in any letter case."""

    is_true: bool


@dataclass(frozen=True, slots=True)
class Null:
    """The value is null, or the path gives no value at all."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The RE2 pattern is found somewhere in the value; `flags` is any of the letters `ims`."""

    pattern: str
    flags: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """The value is an address inside this network in CIDR notation."""

    network: str


@dataclass(frozen=True, slots=True)
class Order:
    """The value is a number, or the text of one, in this order to `number`."""

    operator: Literal["lt", "lte", "gt", "gte"]
    number: int | float


@dataclass(frozen=True, slots=True)
class TimePart:
    """The value is a time whose part, in UTC as written, is `number`; `week` is the ISO week."""

    part: Literal["minute", "hour", "day", "week", "month", "year"]
    number: int


@dataclass(frozen=True, slots=True)
class AnyTest:
    """One of these tests passes: the forms of one written value (`windash`, `base64offset`)."""

    tests: "tuple[Test, ...]"


Test: TypeAlias = Text | Number | Flag | Null | Pattern | Network | Order | TimePart | AnyTest


@dataclass(frozen=True, slots=True)
class Field:
    """Some value at `path` passes some test; where `needs_all`, each test has a value passing."""

    path: str
    tests: tuple[Test, ...]
    needs_all: bool = False


@dataclass(frozen=True, slots=True)
class Exists:
    """The path is there, be its value null or empty."""

    path: str


@dataclass(frozen=True, slots=True)
class SameAs:
    """Some value at `path` equals some value at `other` as text, letter case aside.

    Attributes:
        at: which part of the value at `path` must equal the whole value at `other`.
    """

    path: str
    other: str
    at: Literal["whole", "start", "end", "anywhere"] = "whole"


@dataclass(frozen=True, slots=True)
class Keyword:
    """Some value anywhere in the record passes; texts are written with their wildcards around."""

    tests: tuple[Test, ...]
    needs_all: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every condition holds; holds when there is none."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some condition holds; does not hold when there is none."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"


Leaf: TypeAlias = Field | Exists | SameAs | Keyword
Condition: TypeAlias = Leaf | AllOf | AnyOf | Not


def leaves_of(condition: Condition | None) -> Iterator[Leaf]:
    """Yield the leaves of a condition, as they are written."""
    stack = [] if condition is None else [condition]
    while stack:
        top = stack.pop()
        match top:
            case AllOf(inner) | AnyOf(inner):
                stack.extend(reversed(inner))
            case Not(inner_condition):
                stack.append(inner_condition)
            case _:
                yield top


def paths_of(leaf: Leaf) -> tuple[str, ...]:
    """Return the paths that a leaf reads; none for keywords, which read everything."""
    match leaf:
        case Field(path) | Exists(path):
            return (path,)
        case SameAs(path, other):
            return path, other
        case Keyword():
            return ()
