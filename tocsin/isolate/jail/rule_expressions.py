"""Judge a record by an expression, the form into which rules without Python and filters are read.

An expression is a list whose first element says what it is; `detect.formats.python_expressions`
writes it and describes it. It is data: nothing of it is executed.

Source: https://docs.panther.com/detections/rules/writing-simple-detections/match-expression and
https://docs.panther.com/detections/rules/inline-filters (2026).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.isolate.jail import rule_event
else:
    import rule_event

Expression = Sequence[Any]

_MISSING = object()
_PLACE = re.compile(r"\{([^{}]{1,200})\}")
_NOTHING = "-"


def holds(expression: Expression, record: Any, *, is_filter: bool = False) -> bool:
    """Return whether the expression is true of the record.

    Args:
        expression: see the module.
        record: the record, or an element of one of its lists.
        is_filter: a filter passes where the record has no such field; a rule does not match.
    """
    kind, *rest = expression
    if kind == "constant":
        return bool(rest[0])
    if kind in ("all", "any", "one", "none"):
        return _counted(kind, (holds(each, record, is_filter=is_filter) for each in rest[0]))
    if kind == "elements":
        return _elements(record, *rest, is_filter=is_filter)
    if kind == "keys":
        operator, keys, is_inverse, is_caseless = rest
        first, *others = (value_of(record, key) for key in keys)
        return all(_test(first, operator, each, is_inverse, is_caseless) for each in others)
    key, operator, wanted, is_inverse, is_caseless = rest
    found = _found(record, key)
    if found is _MISSING and is_filter and operator not in ("exists", "null", "empty"):
        return True
    if operator == "exists":
        return bool(found is not _MISSING) is not is_inverse
    value = None if found is _MISSING else found
    return _test(value, operator, wanted, is_inverse, is_caseless)


def value_of(record: Any, key: Sequence[Any]) -> Any:
    """Return what a key leads to, `None` where it leads nowhere."""
    found = _found(record, key)
    return None if found is _MISSING else found


def _counted(how: str, answers: Any) -> bool:
    if how == "all":
        return all(answers)
    if how == "any":
        return any(answers)
    return bool(sum(answers) == (1 if how == "one" else 0))


def _elements(record: Any, key: Any, how: str, inner: Expression, *, is_filter: bool) -> bool:
    found = _found(record, key)
    if not isinstance(found, list):
        return how == "none" or (found is _MISSING and is_filter)
    return _counted(how, (holds(inner, each, is_filter=is_filter) for each in found))


def _found(record: Any, key: Sequence[Any]) -> Any:
    """Return the value, or `_MISSING`; keys are `self`, `names`, `path` or `enrichment`."""
    kind, *rest = key
    if kind == "self":
        return record
    if kind == "names":
        return _inside(record, rest[0])
    if kind == "path":
        found = rule_event.at_path(record, rest[0]) if isinstance(record, Mapping) else None
        return _MISSING if found is None else found
    table, selector, path = rest
    rows = _inside(record, ["p_enrichment", table, selector])
    if isinstance(rows, list):
        return [rule_event.at_path(row, path) for row in rows if isinstance(row, Mapping)]
    found = rule_event.at_path(rows, path) if isinstance(rows, Mapping) else None
    return _MISSING if found is None else found


def _inside(value: Any, names: Sequence[str]) -> Any:
    for name in names:
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _test(value: Any, operator: str, wanted: Any, is_inverse: bool, is_caseless: bool) -> bool:
    if is_caseless:
        value, wanted = _folded(value), _folded(wanted)
    try:
        passes = _OPERATORS[operator](value, wanted)
    except (TypeError, ValueError):
        passes = False  # does not apply to such a value
    return passes is not is_inverse


def _folded(value: Any) -> Any:
    if isinstance(value, list):
        return [_folded(each) for each in value]
    return value.lower() if isinstance(value, str) else value


def _equals(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) and isinstance(value, bool) is isinstance(wanted, bool)


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list) and any(_equals(each, wanted) for each in value)


def _starts(value: Any, wanted: Any) -> bool:
    return isinstance(value, str) and value.startswith(wanted)


def _ends(value: Any, wanted: Any) -> bool:
    return isinstance(value, str) and value.endswith(wanted)


def _lies_in(value: Any, wanted: Any) -> bool:
    return isinstance(value, str) and ip_address(value) in ip_network(wanted, strict=False)


def _is_empty(value: Any, _wanted: Any) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and len(value) == 0)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": _equals,
    "in": lambda value, wanted: any(_equals(value, each) for each in wanted),
    "contains": _contains,
    "starts": _starts,
    "ends": _ends,
    "greater": lambda value, wanted: _ordered(value, wanted) and value > wanted,
    "at_least": lambda value, wanted: _ordered(value, wanted) and value >= wanted,
    "less": lambda value, wanted: _ordered(value, wanted) and value < wanted,
    "at_most": lambda value, wanted: _ordered(value, wanted) and value <= wanted,
    "network": _lies_in,
    "null": lambda value, _wanted: value is None,
    "empty": _is_empty,
}


def _ordered(value: Any, wanted: Any) -> bool:
    """Return whether the two can be put in order: two texts, or two numbers."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return False
    return isinstance(value, str) is isinstance(wanted, str)


def define(names: dict[str, Any], text: str) -> None:
    """Define the functions of a rule that consists of an expression and what it says of matches.

    Args:
        names: where `rule` and the others are defined.
        text: JSON object with `rule` and maybe `title`, `group_by`, `severities`, `context`.
    """
    said = json.loads(text)
    names["rule"] = lambda event: holds(said["rule"], event)
    if said.get("title"):
        names["title"] = lambda event: _filled(said["title"], event)
    if said.get("group_by"):
        names["dedup"] = lambda event: ", ".join(_word(event, key) for key in said["group_by"])
    if said.get("severities"):
        names["severity"] = lambda event: next(
            (word for word, expression in said["severities"] if holds(expression, event)), "DEFAULT"
        )
    if said.get("context"):
        names["alert_context"] = lambda event: {
            name: value_of(event, key) for name, key in said["context"]
        }


def _filled(title: str, event: Any) -> str:
    return _PLACE.sub(lambda place: _word(event, ["path", place[1].strip()]), title)


def _word(event: Any, key: Sequence[Any]) -> str:
    value = value_of(event, key)
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str)
    return _NOTHING if value is None else str(value)
