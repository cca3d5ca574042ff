"""Evaluate a condition where only some of its leaves can be: true, false, or what is left of it."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from tocsin.conditions import Reader, compile_condition
from tocsin.conditions.tree import AllOf, AnyOf, Condition, Leaf, Not

E = TypeVar("E")

CanDecide: TypeAlias = Callable[[Leaf], bool]
Reduce: TypeAlias = Callable[[E], "bool | Condition"]
"""An event to true, false, or the condition that the rest of the event must decide."""


def reduced(condition: Condition, reader: Reader[E], can_decide: CanDecide) -> Reduce[E]:
    """Return the condition as a function of an event of which only some leaves can be read.

    Args:
        condition: of one rule, or what is left of it.
        reader: reads the leaves that can be decided.
        can_decide: which leaves these are.
    """
    check = _reduced(condition, reader, can_decide)
    return check if check is not None else lambda event: condition


def _reduced(condition: Condition, reader: Reader[E], can_decide: CanDecide) -> Reduce[E] | None:
    """Return `None` where nothing of the condition can be decided."""
    match condition:
        case AllOf(inner):
            return _joined(AllOf, _split(inner, reader, can_decide), is_decisive=False)
        case AnyOf(inner):
            return _joined(AnyOf, _split(inner, reader, can_decide), is_decisive=True)
        case Not(inner_condition):
            return _negated(_reduced(inner_condition, reader, can_decide))
        case _:
            return compile_condition(condition, reader) if can_decide(condition) else None


def _negated(inner: Reduce[E] | None) -> Reduce[E] | None:
    if inner is None:
        return None

    def check(event: E) -> bool | Condition:
        answer = inner(event)
        return not answer if isinstance(answer, bool) else Not(answer)

    return check


def _split(
    conditions: tuple[Condition, ...], reader: Reader[E], can_decide: CanDecide
) -> tuple[list[Reduce[E]], list[Condition]]:
    """Return what can be decided in part, and what cannot at all."""
    checks: list[Reduce[E]] = []
    others: list[Condition] = []
    for each in conditions:
        check = _reduced(each, reader, can_decide)
        if check is None:
            others.append(each)
        else:
            checks.append(check)
    return checks, others


def _joined(
    kind: type[AllOf] | type[AnyOf],
    parts: tuple[list[Reduce[E]], list[Condition]],
    *,
    is_decisive: bool,
) -> Reduce[E] | None:
    """Join by `and` or `or`: one part that is `is_decisive` decides."""
    checks, others = parts
    if others and not checks:
        return None

    def check(event: E) -> bool | Condition:
        left: list[Condition] = []
        for each in checks:
            answer = each(event)
            if answer is is_decisive:
                return is_decisive
            if not isinstance(answer, bool):
                left.append(answer)
        left += others
        if not left:
            return not is_decisive
        return left[0] if len(left) == 1 else kind(tuple(left))

    return check
