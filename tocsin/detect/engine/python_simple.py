"""What must hold of a record that a rule without Python matches.

The form of such rules is told in `detect.formats.python_expressions`.
"""

from collections.abc import Sequence

from tocsin.conditions.tree import AllOf, Condition
from tocsin.detect.engine.python_values import (
    Part,
    ends,
    equals,
    equals_one_of,
    holds_text,
    joined,
    starts,
)
from tocsin.detect.formats.python_simple import detection_of

_TESTS = {"equals": equals, "contains": holds_text, "starts": starts, "ends": ends}


def condition_of_simple(source: str) -> Condition | None:
    """Return the condition of a text made of an expression, `None` for any other or without one."""
    expression = detection_of(source)
    if not isinstance(expression, list):
        return None
    found = _necessary(expression, Part(()))
    return AllOf(tuple(found)) if found else None


def _necessary(expression: Sequence[object], within: Part) -> list[Condition]:
    match expression:
        case ["all", list(inner)]:
            return [each for one in inner for each in _necessary(one, within)]
        case ["any" | "one", list(inner)]:
            return joined([_necessary(one, within) for one in inner])
        case ["elements", ["names", list(names)], "any" | "one", list(inner)]:
            part = within.under(*names)
            met = part.element if isinstance(part, Part) else part
            return _necessary(inner, met) if isinstance(met, Part) else []
        case ["test", ["names", list(names)], str(operator), wanted, False, bool(is_caseless)]:
            part = within.under(*names)
            return _tested(part, operator, wanted, is_caseless) if isinstance(part, Part) else []
        case ["test", ["self"], str(operator), wanted, False, bool(is_caseless)] if within.path:
            return _tested(within, operator, wanted, is_caseless)
        case _:
            return []


def _tested(part: Part, operator: str, wanted: object, is_caseless: bool) -> list[Condition]:
    if operator == "in" and isinstance(wanted, list) and all(map(_is_plain, wanted)):
        return equals_one_of(part, tuple(wanted))
    if operator not in _TESTS or not _is_plain(wanted):
        return []
    if is_caseless and isinstance(wanted, str):
        part, wanted = Part(part.path, "lower", part.is_element, part.is_inside), wanted.lower()
    return _TESTS[operator](part, wanted)  # type: ignore[arg-type] # _is_plain says so


def _is_plain(wanted: object) -> bool:
    return isinstance(wanted, str | int | float | bool)
