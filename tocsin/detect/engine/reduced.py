"""Evaluate a condition where only some of its leaves can be: true, false, or what is left of it.

A part becomes a function when an event first gets so far: most rules that a value speaks for are
out after one more field.
"""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from tocsin.conditions.tree import AllOf, AnyOf, Condition, Leaf, Not

E = TypeVar("E")

Reduce: TypeAlias = Callable[[E], "bool | Condition"]
"""An event to true, false, or the condition that the rest of the event must decide."""

OfLeaf: TypeAlias = Callable[[Leaf], Callable[[E], bool] | None]
"""A leaf as a function of an event, `None` where the event does not tell."""


def reduced(condition: Condition, of_leaf: OfLeaf[E]) -> Reduce[E]:
    """Return the condition as a function of an event of which only some leaves can be read.

    Args:
        condition: of one rule, or what is left of it.
        of_leaf: makes the leaves that can be decided.
    """
    match condition:
        case AllOf(inner):
            return _joined(AllOf, inner, of_leaf, is_decisive=False)
        case AnyOf(inner):
            return _joined(AnyOf, inner, of_leaf, is_decisive=True)
        case Not(inner_condition):
            return _negated(reduced(inner_condition, of_leaf))
        case _:
            return of_leaf(condition) or (lambda event: condition)


def _negated(inner: Reduce[E]) -> Reduce[E]:
    def check(event: E) -> bool | Condition:
        answer = inner(event)
        return not answer if isinstance(answer, bool) else Not(answer)

    return check


def _joined(
    kind: type[AllOf] | type[AnyOf],
    conditions: tuple[Condition, ...],
    of_leaf: OfLeaf[E],
    *,
    is_decisive: bool,
) -> Reduce[E]:
    """Join by `and` or `or`: one part that is `is_decisive` decides."""
    made: list[Reduce[E]] = []

    def check(event: E) -> bool | Condition:
        left: list[Condition] = []
        for place, each in enumerate(conditions):
            if place == len(made):
                made.append(reduced(each, of_leaf))
            answer = made[place](event)
            if answer is is_decisive:
                return is_decisive
            if not isinstance(answer, bool):
                left.append(answer)
        if not left:
            return not is_decisive
        return left[0] if len(left) == 1 else kind(tuple(left))

    return check
