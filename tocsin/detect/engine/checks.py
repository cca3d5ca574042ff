"""The conditions of rules as functions of decoded fields, and what they say about one event."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tocsin.conditions import compile_condition
from tocsin.conditions.tree import AllOf, Condition, Field, Leaf, Text, paths_of
from tocsin.detect.engine.heads import Heads
from tocsin.detect.engine.reduced import Reduce, reduced
from tocsin.detect.engine.shape import Necessary

CanDecide: TypeAlias = Callable[[Leaf], bool]

Left: TypeAlias = tuple[tuple[int, Condition], ...]
"""Rules by number, with what is left of their conditions to be decided."""


@dataclass(slots=True)
class Open:
    """What is known of one event so far.

    Attributes:
        sure: rules that match.
        asked: rules that must be asked in full.
        left: rules that other fields decide.
    """

    sure: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    left: list[tuple[int, Condition]] = field(default_factory=list)

    def note(self, number: int, answer: bool | Condition, *, is_exact: bool) -> None:
        """Note what a check said about a rule."""
        if answer is True:
            (self.sure if is_exact else self.asked).append(number)
        elif not isinstance(answer, bool):
            self.left.append((number, answer))


class Checks:
    """The conditions of all rules as functions of decoded fields, each made when first needed."""

    def __init__(
        self, rules: Sequence[Necessary], heads: Heads, can_decide: CanDecide = lambda leaf: True
    ) -> None:
        self._rules, self._heads, self._can_decide = rules, heads, can_decide
        self._made: dict[int, Reduce[object]] = {}
        self._leaves: dict[Callable[[str], bool], _Leaves] = {}

    def ask(self, numbers: Iterable[int], head: object) -> Open:
        """Return what these rules say about an event."""
        found = Open()
        for number in sorted(numbers):
            check = self._made.get(number)
            if check is None:
                rule = self._rules[number]
                # Where nothing is known of a rule, it may match anything.
                check = self.check(rule.condition or AllOf(()), rule)
                self._made[number] = check
            found.note(number, check(head), is_exact=self._rules[number].is_exact)
        return found

    def check(self, condition: Condition, rule: Necessary) -> Reduce[object]:
        """Return a condition of a rule as a function of decoded fields."""
        leaves = self._leaves.get(rule.reads_record)
        if leaves is None:
            leaves = _Leaves(rule.reads_record, self._heads, self._can_decide)
            self._leaves[rule.reads_record] = leaves
        return reduced(condition, leaves.of)


class _Leaves:
    """Leaves as functions of decoded fields; rules share those that they have in common.

    Args:
        reads_record: whether a path of these rules is read from the record.
    """

    def __init__(
        self, reads_record: Callable[[str], bool], heads: Heads, can_decide: CanDecide
    ) -> None:
        self._reads_record, self._heads, self._can_decide = reads_record, heads, can_decide
        self._made: dict[Leaf, Callable[[object], bool] | None] = {}

    def of(self, leaf: Leaf) -> Callable[[object], bool] | None:
        """Return a leaf as a function, `None` where the fields that it reads are not decoded."""
        if not _is_short(leaf):
            return self._of(leaf)
        if leaf not in self._made:
            self._made[leaf] = self._of(leaf)
        return self._made[leaf]

    def _of(self, leaf: Leaf) -> Callable[[object], bool] | None:
        paths = paths_of(leaf)
        can_read = paths and self._heads.paths.issuperset(paths)
        if can_read and all(map(self._reads_record, paths)) and self._can_decide(leaf):
            return compile_condition(leaf, self._heads)
        return None


def _is_short(leaf: Leaf) -> bool:
    """Return whether the leaf is found sooner than it is made: it compares with one text."""
    return isinstance(leaf, Field) and len(leaf.tests) == 1 and isinstance(leaf.tests[0], Text)
