"""Turn one line of a Sigma detection, `field|modifiers: values`, into a condition.

pySigma applies the modifiers, and pipelines where there are any; its value types are then turned
into tests of ours.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

import re2
from sigma.conditions import ConditionAND, ConditionOR
from sigma.modifiers import (
    SigmaEndswithModifier,
    SigmaRegularExpressionModifier,
    SigmaStartswithModifier,
    modifier_mapping,
)
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine
from sigma.rule.detection import SigmaDetection, SigmaDetectionItem
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

from tocsin.conditions import pattern_problem
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
from tocsin.detect.document import nearest
from tocsin.detect.placeholders import (
    NOTHING_GIVEN,
    Placeholders,
    expanded,
    holds_unknown,
    no_values,
)
from tocsin.ocsf.yaml_text import YamlValue

_Plain: TypeAlias = float | str | bool | None

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
# In the specification's appendix, not in pySigma 2.0.
_ALIASES = {"utf16le": "wide"}


# All values are strings, says the specification; pySigma refuses numbers with these.
_OF_TEXT = frozenset(
    {"contains", "startswith", "endswith", "cased", "windash", "base64", "base64offset"}
)

_RE2_ERROR: type[Exception] = re2.error


class _QuietRe2(RegexEngine):
    """RE2 without its habit of writing to standard error."""

    def compile(self, pattern: str, flags: int = 0) -> Any:
        letters = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
        chosen = "".join(letter for flag, letter in letters.items() if flags & flag)
        problem = pattern_problem(pattern, chosen)
        if problem:
            raise _RE2_ERROR(problem)
        return re2.compile(f"(?{chosen}){pattern}" if chosen else pattern)

    @property
    def error(self) -> type[Exception]:
        return _RE2_ERROR


POLICY = SigmaPolicy(regex_engine=_QuietRe2())

Part: TypeAlias = SigmaDetectionItem | SigmaDetection
"""One line, or several joined, as pySigma has them: what pipelines work on."""


def read_item(
    key: str,
    value: YamlValue,
    placeholders: Placeholders = NOTHING_GIVEN,
    *,
    may_be_unknown: bool = False,
) -> Part:
    """Return one line as pySigma reads it.

    Args:
        key: field and modifiers; empty, or modifiers only, for keywords.
        value: a scalar or a list of scalars.
        placeholders: what `expand` puts in for `%name%`.
        may_be_unknown: whether a pipeline may know placeholders that are not among these.

    Raises:
        SigmaError, ValueError, TypeError: with what is wrong, without its place.
    """
    field, *names = key.split("|")
    names = [_ALIASES.get(name, name) for name in names]
    for name in names:
        if name not in modifier_mapping:
            raise ValueError(f"unknown modifier {name!r}{nearest(name, modifier_mapping)}")
    values = _plain_values(names, value)
    if "expand" not in names:
        return _item(field, names, values)
    texts = [each for each in values if isinstance(each, str)]
    if may_be_unknown and any(holds_unknown(text, placeholders) for text in texts):
        return _item(field, names, values)
    return _expanded(field, names, values, placeholders)


def _expanded(
    field: str, names: list[str], values: list[_Plain], placeholders: Placeholders
) -> Part:
    """Return the line with values for placeholders.

    The values of one placeholder are linked by *or*, also where `all` links what is written. A
    placeholder without values matches nothing, and its negation everything.
    """
    quoted: Callable[[str], str] = _quoted_for_pattern if "re" in names else str
    written = [
        expanded(each, placeholders, quoted) if isinstance(each, str) else [each] for each in values
    ]
    plain = [name for name in names if name not in ("expand", "all", "neq")]
    groups = written if "all" in names else [[each for group in written for each in group]]
    items = [_item(field, plain, list(group)) if group else _nothing(field) for group in groups]
    is_negated = "neq" in names
    for item in items:
        item.negated = is_negated
    return items[0] if len(items) == 1 else _joined(items, is_any=is_negated)


def _nothing(field: str) -> SigmaDetectionItem:
    """Return a line that nothing matches: one of no values."""
    return SigmaDetectionItem(field or None, [], [SigmaExpansion([])], policy=POLICY)


def _joined(parts: Sequence[Part], *, is_any: bool) -> SigmaDetection:
    return SigmaDetection(list(parts), item_linking=ConditionOR if is_any else ConditionAND)


def all_of(parts: Sequence[Part]) -> Part:
    """Return the lines joined by *and*."""
    return parts[0] if len(parts) == 1 else _joined(parts, is_any=False)


def any_of(parts: Sequence[Part]) -> Part:
    """Return the lines joined by *or*."""
    return parts[0] if len(parts) == 1 else _joined(parts, is_any=True)


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


def _quoted_for_pattern(value: str) -> str:
    return str(re2.escape(value))


def _item(field: str, names: list[str], values: list[_Plain]) -> SigmaDetectionItem:
    return SigmaDetectionItem.from_mapping("|".join((field, *names)), values, policy=POLICY)


def _plain_values(names: Iterable[str], value: YamlValue) -> list[_Plain]:
    """Return the values; refuse what pySigma would not notice or would answer with a traceback."""
    values: list[_Plain] = []
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict | list):
            raise ValueError("a value must be text, a number, true, false or null")
        if "re" in names and not isinstance(each, str):
            raise ValueError(f"a pattern must be text, found {each!r}; put it in quotes")
        is_digits = isinstance(each, int | float) and not isinstance(each, bool)
        values.append(str(each) if is_digits and _OF_TEXT.intersection(names) else each)
    return values


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
    tests = tuple(_anywhere(_test(value, item)) for value in values)
    return Keyword(tests, needs_all)


def _anywhere(test: Test) -> Test:
    """Return the test for a keyword: its text may stand anywhere in a value."""
    match test:
        case Text(parts, is_cased):
            return Text(_merged([Wildcard.ANY, *parts, Wildcard.ANY]), is_cased)
        case Number(number):
            return Text((Wildcard.ANY, str(number), Wildcard.ANY))
        case AnyTest(tests):
            return AnyTest(tuple(_anywhere(each) for each in tests))
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
            return Order(_ORDERS[value.op], value.number.number)
        case _:
            raise ValueError(f"values of the kind {type(value).__name__} are not supported")


def _number(value: SigmaNumber) -> Test:
    if not isinstance(value, SigmaTimestampPart):
        return Number(value.number)
    names: tuple[Literal["minute", "hour", "day", "week", "month", "year"], ...]
    names = ("minute", "hour", "day", "week", "month", "year")
    part = next(name for name in names if name == value.timestamp_part.name.lower())
    return TimePart(part, int(value.number))


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
    problem = pattern_problem(pattern, flags)
    if problem:
        raise ValueError(f"pattern {pattern!r} cannot be used: {problem}")
    return Pattern(pattern, flags)
