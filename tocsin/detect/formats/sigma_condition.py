"""Read Sigma's condition expression: `selection and not 1 of filter*`."""

from collections.abc import Mapping

import re2
from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    SigmaCondition,
)
from sigma.exceptions import SigmaError
from sigma.rule.detection import EmptySigmaDetections

from tocsin.conditions.tree import AllOf, AnyOf, Condition, Not
from tocsin.detect.document import nearest

_MAX_CHARACTERS = 4_000
_MAX_DEPTH = 24
_FALSE = AnyOf(())


def read_condition(expression: str, parts: Mapping[str, Condition | None]) -> Condition:
    """Return the condition tree of an expression.

    Args:
        expression: as written after `condition:`.
        parts: the detections by name; `None` for one that has a problem of its own.

    Raises:
        ValueError: with what is wrong.
    """
    if len(expression) > _MAX_CHARACTERS or _depth(expression) > _MAX_DEPTH:
        raise ValueError(f"the condition is longer than {_MAX_CHARACTERS} characters or too nested")
    if "|" in expression:
        raise ValueError("aggregations (`|`) left Sigma; write a correlation rule instead")
    try:
        tree = SigmaCondition(expression, EmptySigmaDetections()).parse(postprocess=False)
    except (SigmaError, RecursionError) as error:
        raise ValueError(f"the condition {expression!r} cannot be read: {error}") from error
    return _convert(tree, parts)


def _depth(expression: str) -> int:
    depth = deepest = 0
    for character in expression:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def _convert(item: object, parts: Mapping[str, Condition | None]) -> Condition:
    match item:
        case ConditionIdentifier():
            return _named(item.identifier, parts)
        case ConditionSelector():
            return _selected(item, parts)
        case ConditionAND():
            return AllOf(_arguments(item, parts))
        case ConditionOR():
            return AnyOf(_arguments(item, parts))
        case ConditionNOT():
            return Not(_arguments(item, parts)[0])
        case _:
            raise ValueError(f"the condition holds {item!r}, which is not understood")


def _arguments(item: ConditionItem, parts: Mapping[str, Condition | None]) -> tuple[Condition, ...]:
    return tuple(_convert(argument, parts) for argument in item.args)


def _named(name: str, parts: Mapping[str, Condition | None]) -> Condition:
    if name not in parts:
        raise ValueError(f"the condition names {name!r}{nearest(name, parts)}")
    return parts[name] or _FALSE


def _selected(item: ConditionSelector, parts: Mapping[str, Condition | None]) -> Condition:
    """Join the detections whose names fit; those with a leading `_` only when asked for."""
    pattern = "*" if item.pattern == "them" else item.pattern
    wanted = re2.compile(".*".join(re2.escape(part) for part in pattern.split("*")))
    chosen = [
        name
        for name in parts
        if wanted.fullmatch(name) and (item.pattern.startswith("_") or not name.startswith("_"))
    ]
    if not chosen:
        raise ValueError(f"no detection is named like {item.pattern!r}")
    conditions = tuple(parts[name] or _FALSE for name in chosen)
    if len(conditions) == 1:
        return conditions[0]
    return AnyOf(conditions) if item.cond_class is ConditionOR else AllOf(conditions)
