"""Evaluate a condition where only some paths are known: false, true, or not to be said yet."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from tocsin.conditions import compile_condition
from tocsin.conditions.tree import AllOf, AnyOf, Condition, Exists, Field, Not

Known: TypeAlias = Mapping[str, object]
"""A value for each known path; `ABSENT` where the event has none there. No value is a list."""

Partial: TypeAlias = Callable[[Known], bool | None]


class _Absent:
    """The type of `ABSENT`."""


ABSENT = _Absent()


class _KnownReader:
    """Reads known paths for the compiled conditions."""

    def values(self, path: str) -> Callable[[Known], list[object]]:
        return lambda known: [] if known[path] is ABSENT else [known[path]]

    def presence(self, path: str) -> Callable[[Known], bool]:
        return lambda known: known[path] is not ABSENT

    def leaves(self, known: Known) -> Iterator[object]:
        return iter(())


_READER = _KnownReader()


def partial(condition: Condition, is_known: Callable[[str], bool]) -> Partial | None:
    """Return the condition as a function of the known values.

    It gives `None` where they do not decide; `None` instead of a function where they never do.
    """
    match condition:
        case AllOf(inner):
            return _joined([partial(each, is_known) for each in inner], decisive=False)
        case AnyOf(inner):
            return _joined([partial(each, is_known) for each in inner], decisive=True)
        case Not(inner_condition):
            return _negated(partial(inner_condition, is_known))
        case Field(path) | Exists(path) if is_known(path):
            return compile_condition(condition, _READER)
        case _:
            return None


def _negated(inner: Partial | None) -> Partial | None:
    if inner is None:
        return None

    def check(known: Known) -> bool | None:
        answer = inner(known)
        return None if answer is None else not answer

    return check


def _joined(parts: list[Partial | None], *, decisive: bool) -> Partial | None:
    """Join by `and` (`decisive` is false) or `or`: one decisive part decides."""
    said = [part for part in parts if part is not None]
    if parts and not said:
        return None
    otherwise = None if len(said) < len(parts) else not decisive

    def check(known: Known) -> bool | None:
        answer = otherwise
        for part in said:
            found = part(known)
            if found is decisive:
                return decisive
            if found is None:
                answer = None
        return answer

    return check
