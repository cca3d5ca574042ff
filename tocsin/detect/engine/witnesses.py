"""Witnesses of a condition: tests of single fields of which one must pass, or it cannot hold."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    AnyTest,
    Condition,
    Field,
    Flag,
    Keyword,
    Not,
    Number,
    Pattern,
    Test,
    Text,
)
from tocsin.detect.engine.literals import (
    ascii_runs,
    fold,
    literals_of_pattern,
    longest,
    part_of,
    whole_of,
)

_MAX_WITNESSES = 4_096
_MAX_DEPTH = 200
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\/]')
_NUMBER_SIGNS = frozenset("0123456789abcdefx.+-")

ANYWHERE = ""
"""Stands for a path where any value of the record may be meant: the text of the record."""


@dataclass(frozen=True, slots=True)
class Witness:
    """The folded text of some value at `path` is, or else holds, `literal`.

    Attributes:
        pattern: is found in the value too, where there is one.
    """

    path: str
    literal: str
    is_whole: bool
    pattern: Pattern | None = None


Witnesses: TypeAlias = frozenset[Witness]
"""One of these must be seen. Empty: the condition never holds."""

Weigh: TypeAlias = Callable[[Witness], float]


def witnesses_of(
    condition: Condition, can_use: Callable[[str], bool], weigh: Weigh, depth: int = 0
) -> Witnesses | None:
    """Return the most telling set of witnesses of a condition.

    Args:
        condition: of one rule.
        can_use: whether the index can read a path.
        weigh: the smaller, the fewer events show the witness; the worst of a set counts.
        depth: how deep the condition stands in the tree.

    Returns:
        The witnesses, or `None` where none can be proved, so that every event must be asked.
    """
    if depth > _MAX_DEPTH:
        return None
    match condition:
        case AllOf(inner):
            found = (witnesses_of(each, can_use, weigh, depth + 1) for each in inner)
            return _most_telling(found, weigh)
        case AnyOf(inner):
            return _together(witnesses_of(each, can_use, weigh, depth + 1) for each in inner)
        case Not(Not(inner_condition)):
            return witnesses_of(inner_condition, can_use, weigh, depth + 1)
        case Field(path, tests, needs_all) if path != ANYWHERE and can_use(path):
            of_tests = [witnesses_of_test(path, test) for test in tests]
            return _most_telling(of_tests, weigh) if needs_all else _together(of_tests)
        case Keyword(tests, needs_all) if can_use(ANYWHERE):
            of_tests = [_anywhere(test) for test in tests]
            return _most_telling(of_tests, weigh) if needs_all else _together(of_tests)
        case _:
            return None


def witnesses_of_test(path: str, test: Test) -> Witnesses | None:
    """Return the witnesses of a test of the value at a path, `None` where none can be proved."""
    match test:
        case Text():
            return _of_text(path, test)
        case Number(number):
            return frozenset(Witness(path, text, True) for text in texts_of_number(number))
        case Flag(is_true):
            return frozenset({Witness(path, "true" if is_true else "false", True)})
        case Pattern(pattern):
            return _holding(path, literals_of_pattern(pattern), test)
        case AnyTest(tests):
            return _together(witnesses_of_test(path, each) for each in tests)
        case _:
            return None


def _anywhere(test: Test) -> Witnesses | None:
    """Return literals that stand in the text of each record in which some value passes the test.

    Only what JSON writes as it is, whatever the writer, is of use; and a number may be written in
    many ways, so a literal must hold a sign that no number has.
    """
    found = witnesses_of_test(ANYWHERE, test)
    if found is None:
        return None
    literals = [
        longest(part for run in ascii_runs(each.literal) for part in _ESCAPED.split(run))
        for each in found
    ]
    if any(_NUMBER_SIGNS.issuperset(literal) for literal in literals):
        return None
    return frozenset(Witness(ANYWHERE, literal, False) for literal in literals)


def _of_text(path: str, test: Text) -> Witnesses | None:
    whole = whole_of(test)
    if whole is not None:
        return frozenset({Witness(path, whole, True)})
    part = part_of(test)
    return _holding(path, frozenset({part} if part else ()))


def _holding(
    path: str, literals: frozenset[str], pattern: Pattern | None = None
) -> Witnesses | None:
    return frozenset(Witness(path, literal, False, pattern) for literal in literals) or None


def texts_of_number(number: int | float) -> tuple[str, ...]:
    """Return the texts under which a number is found: as written, and without `.0`."""
    try:
        written = fold(str(number))
        is_whole = isinstance(number, float) and number.is_integer()
        return (written, str(int(number))) if is_whole else (written,)
    except ValueError:
        # Python refuses to print integers of more than 4,300 digits; `text_of` gives hexadecimal.
        return (fold(hex(int(number))),)


def _most_telling(found: Iterable[Witnesses | None], weigh: Weigh) -> Witnesses | None:
    known = [witnesses for witnesses in found if witnesses is not None]
    return min(
        known, key=lambda each: (max(map(weigh, each), default=0.0), len(each)), default=None
    )


def _together(found: Iterable[Witnesses | None]) -> Witnesses | None:
    joined: set[Witness] = set()
    for witnesses in found:
        if witnesses is None:
            return None
        joined |= witnesses
        if len(joined) > _MAX_WITNESSES:
            return None
    return frozenset(joined)
