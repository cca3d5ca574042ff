"""The conditions of rules as functions of decoded fields, and what they say about one event."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tocsin.conditions import compile_condition
from tocsin.conditions.tree import AllOf, Condition, Leaf, leaves_of, paths_of
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

        def can_decide(leaf: Leaf) -> bool:
            return can_read(leaf, rule, self._heads) and self._can_decide(leaf)

        if all(map(can_decide, leaves_of(condition))):
            return compile_condition(condition, self._heads)
        return reduced(condition, self._heads, can_decide)


def can_read(leaf: Leaf, rule: Necessary, heads: Heads) -> bool:
    """Return whether the fields of a leaf are among those decoded."""
    paths = paths_of(leaf)
    return bool(paths) and heads.paths.issuperset(paths) and all(map(rule.reads_record, paths))
