"""Turn a condition tree into a function that says true or false.

Two-valued: a path that gives no value makes its test false, never unknown, so `not` of it is true.
The tree is walked once; what remains per event are closures.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from tocsin.conditions.paths import leaves, presence_at, values_at
from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    Condition,
    Exists,
    Field,
    Keyword,
    Not,
    Null,
    SameAs,
)
from tocsin.conditions.values import Predicate, any_of, predicate, text_of

E_contra = TypeVar("E_contra", contravariant=True)
E = TypeVar("E")


class Reader(Protocol[E_contra]):
    """How paths are read from events of one kind; asked once for each path of a condition."""

    def values(self, path: str) -> Callable[[E_contra], list[object]]:
        """Return the function that gives every value at `path`."""

    def presence(self, path: str) -> Callable[[E_contra], bool]:
        """Return the function that says whether `path` is there."""

    def leaves(self, event: E_contra) -> Iterator[object]:
        """Yield every scalar that keywords are searched in."""


class PlainReader:
    """Reads paths from an event that is a plain mapping."""

    def values(self, path: str) -> Callable[[Mapping[str, object]], list[object]]:
        """Return the function that gives every value at `path`."""
        return values_at(path)

    def presence(self, path: str) -> Callable[[Mapping[str, object]], bool]:
        """Return the function that says whether `path` is there."""
        return presence_at(path)

    def leaves(self, event: Mapping[str, object]) -> Iterator[object]:
        """Yield every scalar of the event."""
        return leaves(event)


def holds(condition: Condition, event: Mapping[str, object]) -> bool:
    """Return whether the condition holds for one event.

    For many events, `compile_condition` once.
    """
    return compile_condition(condition, PlainReader())(event)


def compile_condition(condition: Condition, reader: Reader[E]) -> Callable[[E], bool]:
    """Return the condition as a function of an event that `reader` can read.

    Raises:
        re2.error, ValueError: where a pattern or network in the tree is not valid; formats check
            them when they build the tree.
    """
    match condition:
        case AllOf(conditions):
            return _every([compile_condition(each, reader) for each in conditions])
        case AnyOf(conditions):
            return _some([compile_condition(each, reader) for each in conditions])
        case Not(inner):
            inner_holds = compile_condition(inner, reader)
            return lambda event: not inner_holds(event)
        case Field():
            return _field(condition, reader)
        case Exists(path):
            return reader.presence(path)
        case SameAs():
            return _same_as(condition, reader)
        case Keyword():
            return _keyword(condition, reader)


def _every(checks: list[Callable[[E], bool]]) -> Callable[[E], bool]:
    def check(event: E) -> bool:
        for each in checks:  # noqa: SIM110 # a generator costs twice as much, here per event
            if not each(event):
                return False
        return True

    return check


def _some(checks: list[Callable[[E], bool]]) -> Callable[[E], bool]:
    def check(event: E) -> bool:
        for each in checks:  # noqa: SIM110 # as above
            if each(event):
                return True
        return False

    return check


def _field(field: Field, reader: Reader[E]) -> Callable[[E], bool]:
    values = reader.values(field.path)
    if field.needs_all:
        singles = [_given(values, predicate(test), test == Null()) for test in field.tests]
        return _every(singles)
    return _given(values, any_of(field.tests), Null() in field.tests)


def _given(
    values: Callable[[E], list[object]], passes: Predicate, allows_none: bool
) -> Callable[[E], bool]:
    def check(event: E) -> bool:
        found = values(event)
        for value in found:
            if passes(value):
                return True
        return allows_none and not found

    return check


def _same_as(condition: SameAs, reader: Reader[E]) -> Callable[[E], bool]:
    values, others = reader.values(condition.path), reader.values(condition.other)
    compare: dict[str, Callable[[str, str], bool]] = {
        "whole": lambda text, other: text == other,
        "start": lambda text, other: text.startswith(other),
        "end": lambda text, other: text.endswith(other),
        "anywhere": lambda text, other: other in text,
    }
    agrees = compare[condition.at]

    def check(event: E) -> bool:
        wanted = [text.lower() for text in map(text_of, others(event)) if text is not None]
        texts = [text.lower() for text in map(text_of, values(event)) if text is not None]
        return any(agrees(text, other) for text in texts for other in wanted)

    return check


def _keyword(keyword: Keyword, reader: Reader[E]) -> Callable[[E], bool]:
    tests = [predicate(test) for test in keyword.tests]

    def found(event: E, passes: Predicate) -> bool:
        return any(passes(leaf) for leaf in reader.leaves(event))

    if keyword.needs_all:
        return lambda event: all(found(event, passes) for passes in tests)
    return lambda event: any(found(event, passes) for passes in tests)
