"""Turn what pySigma made of a line, `field|modifiers: values`, into a condition of ours."""

from collections.abc import Callable, Iterable
from operator import ge, gt, le, lt
from typing import Literal, TypeAlias

from sigma.conditions import ConditionAND, ConditionOR
from sigma.modifiers import (
    SigmaEndswithModifier,
    SigmaRegularExpressionModifier,
    SigmaStartswithModifier,
)
from sigma.rule.detection import SigmaDetectionItem
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    AnyTest,
    Condition,
    Exists,
    Field,
    Flag,
    Keyword,
    Network,
    Not,
    Null,
    Number,
    Order,
    Pattern,
    SameAs,
    Test,
    Text,
    TimePart,
    Wildcard,
)
from tocsin.detect.formats.sigma_item import Part, problem_of
from tocsin.detect.placeholders import no_values

_WILDCARDS = {
    SpecialChars.WILDCARD_MULTI: Wildcard.ANY,
    SpecialChars.WILDCARD_SINGLE: Wildcard.ONE,
}
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_ORDERS: dict[CompareOperators, Literal["lt", "lte", "gt", "gte"]] = {
    CompareOperators.LT: "lt",
    CompareOperators.LTE: "lte",
    CompareOperators.GT: "gt",
    CompareOperators.GTE: "gte",
}
_COMPARED: dict[CompareOperators, Callable[[int, float], bool]] = {
    CompareOperators.LT: lt,
    CompareOperators.LTE: le,
    CompareOperators.GT: gt,
    CompareOperators.GTE: ge,
}
_TimePart: TypeAlias = Literal["minute", "hour", "day", "week", "month", "year"]
_TIME_PARTS: dict[_TimePart, range] = {
    "minute": range(60),
    "hour": range(24),
    "day": range(1, 32),
    "week": range(1, 54),
    "month": range(1, 13),
    "year": range(1970, 2200),
}
"""The numbers that a part of a time may be; of years those that logs can be from."""


def condition_of(part: Part) -> Condition | None:
    """Return what a line, or several, mean; `None` where a pipeline left nothing of them.

    Raises:
        SigmaError, ValueError, TypeError: with what is not supported, without its place.
    """
    if isinstance(part, SigmaDetectionItem):
        line = _condition(part)
        return Not(line) if part.negated else line
    inner = [condition_of(each) for each in part.detection_items]
    found = [condition for condition in inner if condition is not None]
    if len(found) < 2:
        return found[0] if found else None
    return AnyOf(tuple(found)) if part.item_linking is ConditionOR else AllOf(tuple(found))


def _condition(item: SigmaDetectionItem) -> Condition:
    values = item.value or [SigmaNull()]
    if any(isinstance(value, SigmaExpansion) and not value.values for value in values):
        return AnyOf(())
    needs_all = item.value_linking is ConditionAND and len(values) > 1
    if item.field is None:
        return _keyword(item, values, needs_all)
    special = (SigmaExists, SigmaFieldReference)
    tests = [_test(value, item) for value in values if not isinstance(value, special)]
    conditions = [_special(item.field, value) for value in values if isinstance(value, special)]
    if tests:
        conditions.insert(0, Field(item.field, tuple(tests), needs_all and len(tests) > 1))
    if len(conditions) == 1:
        return conditions[0]
    return AllOf(tuple(conditions)) if needs_all else AnyOf(tuple(conditions))


def _special(field: str, value: SigmaExists | SigmaFieldReference) -> Condition:
    if isinstance(value, SigmaExists):
        return Exists(field) if value.exists else Not(Exists(field))
    places: dict[tuple[bool, bool], Literal["whole", "start", "end", "anywhere"]] = {
        (False, False): "whole",
        (True, False): "start",
        (False, True): "end",
        (True, True): "anywhere",
    }
    return SameAs(field, value.field, places[value.starts_with, value.ends_with])


def _keyword(item: SigmaDetectionItem, values: list[SigmaType], needs_all: bool) -> Condition:
    before = () if SigmaStartswithModifier in item.modifiers else (Wildcard.ANY,)
    after = () if SigmaEndswithModifier in item.modifiers else (Wildcard.ANY,)
    tests = tuple(_anywhere(_test(value, item), before, after) for value in values)
    return Keyword(tests, needs_all)


def _anywhere(test: Test, before: tuple[Wildcard, ...], after: tuple[Wildcard, ...]) -> Test:
    """Return the test for a keyword: its text may stand anywhere in a value."""
    match test:
        case Text(parts, is_cased):
            return Text(_merged([*before, *parts, *after]), is_cased)
        case Number(number):
            return Text((*before, str(number), *after))
        case AnyTest(tests):
            return AnyTest(tuple(_anywhere(each, before, after) for each in tests))
        case Null():
            raise ValueError("null must be bound to a field")
        case _:
            return test


def _test(value: SigmaType, item: SigmaDetectionItem) -> Test:
    # The order matters: some of pySigma's types derive from others.
    match value:
        case SigmaExpansion():
            return AnyTest(tuple(_test(each, item) for each in value.values))
        case SigmaString():
            return Text(_parts(value), is_cased=isinstance(value, SigmaCasedString))
        case SigmaNumber():
            return _number(value)
        case SigmaBool():
            return Flag(value.boolean)
        case SigmaNull():
            return Null()
        case SigmaRegularExpression():
            return _pattern(value, item)
        case _:
            return _measured(value)


def _measured(value: SigmaType) -> Test:
    match value:
        case SigmaCIDRExpression():
            return Network(str(value.network))
        case SigmaCompareExpression() if value.op in _ORDERS:
            return _compared(value)
        case _:
            raise ValueError(f"values of the kind {type(value).__name__} are not supported")


def _number(value: SigmaNumber) -> Test:
    if not isinstance(value, SigmaTimestampPart):
        return Number(value.number)
    part, number = _part_of(value), value.number
    if number not in _TIME_PARTS[part]:
        least, most = _TIME_PARTS[part][0], _TIME_PARTS[part][-1]
        raise ValueError(f"the {part} of a time is {least} to {most}, found {number}")
    return TimePart(part, int(number))


def _part_of(value: SigmaTimestampPart) -> _TimePart:
    return next(name for name in _TIME_PARTS if name == value.timestamp_part.name.lower())


def _compared(value: SigmaCompareExpression) -> Test:
    """Return the test of an order; of a part of a time, each number that is in it."""
    if not isinstance(value.number, SigmaTimestampPart):
        return Order(_ORDERS[value.op], value.number.number)
    part, compare = _part_of(value.number), _COMPARED[value.op]
    numbers = [each for each in _TIME_PARTS[part] if compare(each, value.number.number)]
    return AnyTest(tuple(TimePart(part, number) for number in numbers))


def _parts(value: SigmaString) -> tuple[str | Wildcard, ...]:
    parts: list[str | Wildcard] = []
    for part in value.s:
        if isinstance(part, Placeholder):
            raise ValueError(no_values(part.name))
        parts.append(part if isinstance(part, str) else _WILDCARDS[part])
    return _merged(parts)


def _merged(parts: Iterable[str | Wildcard]) -> tuple[str | Wildcard, ...]:
    """Join neighboring texts and neighboring `*`; leave out empty texts."""
    merged: list[str | Wildcard] = []
    for part in parts:
        last = merged[-1] if merged else None
        if part == "" or (part is Wildcard.ANY and last is Wildcard.ANY):
            continue
        if isinstance(part, str) and isinstance(last, str):
            merged[-1] = last + part
        else:
            merged.append(part)
    return tuple(merged)


def _pattern(value: SigmaRegularExpression, item: SigmaDetectionItem) -> Pattern:
    """Return the pattern, found anywhere; `re|startswith` and `re|endswith` bind it to an end."""
    pattern = str(value.regexp)
    if SigmaRegularExpressionModifier in item.modifiers:
        if SigmaStartswithModifier in item.modifiers:
            pattern = f"^(?:{pattern})"
        if SigmaEndswithModifier in item.modifiers:
            pattern = f"(?:{pattern})$"
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    if problem := problem_of(pattern):
        raise ValueError(f"pattern {pattern!r} cannot be used: {problem}")
    return Pattern(pattern, flags)
