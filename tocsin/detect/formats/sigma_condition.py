"""Read Sigma's condition expression: `selection and not 1 of filter*`."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

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

_AT = re.compile(r"\(at char ([0-9]+)\)")
_MAX_CHARACTERS = 4_000
_MAX_DEPTH = 24
_FALSE = AnyOf(())


def read_condition(
    expression: str, parts: Mapping[str, Condition | None], dropped: Collection[str] = ()
) -> Condition:
    """Return the condition tree of an expression.

    Args:
        expression: as written after `condition:`.
        parts: the detections by name; `None` for one that has a problem of its own.
        dropped: names of detections of which pipelines left nothing; the expression is read as if
            it did not name them.

    Raises:
        ValueError: with what is wrong.
    """
    if len(expression) > _MAX_CHARACTERS or _depth(expression) > _MAX_DEPTH:
        raise ValueError(f"the condition is longer than {_MAX_CHARACTERS} characters or too nested")
    if "|" in expression:
        raise ValueError(
            "what follows `|` is nothing that Sigma has today; write a correlation rule, as in "
            "`correlation: {type: event_count, rules: [NAME], group-by: [FIELD], timespan: 5m, "
            "condition: {gt: 5}}`"
        )
    try:
        tree = SigmaCondition(expression, EmptySigmaDetections()).parse(postprocess=False)
    except (SigmaError, RecursionError) as error:
        raise ValueError(f"the condition {expression!r} cannot be read{_where(error)}") from error
    condition = _Expression(parts, dropped).converted(tree)
    if condition is None:
        raise ValueError(f"pipelines leave nothing of the condition {expression!r}")
    return condition


def _where(error: Exception) -> str:
    """Return where the expression goes wrong, without the words of the parser."""
    found = _AT.search(str(error))
    if "found end of text" in str(error) or not found:
        return ": it ends where a name should stand"
    return f" from character {int(found[1]) + 1} on"


def _depth(expression: str) -> int:
    depth = deepest = 0
    for character in expression:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


@dataclass(frozen=True, slots=True)
class _Expression:
    """Converts what pySigma read; `None` stands for what pipelines left nothing of."""

    parts: Mapping[str, Condition | None]
    dropped: Collection[str]

    def converted(self, item: object) -> Condition | None:
        match item:
            case ConditionIdentifier():
                return self._named(item.identifier)
            case ConditionSelector():
                return self._selected(item)
            case ConditionAND():
                return self._joined(AllOf, item)
            case ConditionOR():
                return self._joined(AnyOf, item)
            case ConditionNOT():
                inner = self.converted(item.args[0])
                return None if inner is None else Not(inner)
            case _:
                raise ValueError(f"the condition holds {item!r}, which is not understood")

    def _joined(self, kind: type[AllOf] | type[AnyOf], item: ConditionItem) -> Condition | None:
        found = [self.converted(argument) for argument in item.args]
        left = tuple(each for each in found if each is not None)
        return left[0] if len(left) == 1 else kind(left) if left else None

    def _named(self, name: str) -> Condition | None:
        if name in self.dropped:
            return None
        if name not in self.parts:
            raise ValueError(f"the condition names {name!r}{nearest(name, self.parts)}")
        return self.parts[name] or _FALSE

    def _selected(self, item: ConditionSelector) -> Condition | None:
        """Join the detections whose names fit; those with a leading `_` only when asked for."""
        pattern = "*" if item.pattern == "them" else item.pattern
        pieces = pattern.split("*")
        chosen = [
            name
            for name in (*self.parts, *self.dropped)
            if _fits(name, pieces) and (item.pattern.startswith("_") or not name.startswith("_"))
        ]
        if not chosen:
            raise ValueError(f"no detection is named like {item.pattern!r}")
        left = tuple(self.parts[name] or _FALSE for name in chosen if name in self.parts)
        if len(left) < 2:
            return left[0] if left else None
        return AnyOf(left) if item.cond_class is ConditionOR else AllOf(left)


def _fits(name: str, pieces: list[str]) -> bool:
    """Whether a name is these pieces with anything between them; in one pass."""
    first, *middle, last = pieces if len(pieces) > 1 else [pieces[0], ""]
    if len(pieces) == 1:
        return name == first
    if len(name) < len(first) + len(last) or not name.startswith(first):
        return False
    position, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return name.endswith(last)
