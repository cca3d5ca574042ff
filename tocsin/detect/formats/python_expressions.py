"""Read match expressions: what Panther's rules without Python and its inline filters are made of.

They become nested lists that a rule worker judges records by (`isolate/jail/rule_expressions.py`):

* `[all | any | one | none, [expression, ...]]`, `[constant, true | false]`
* `[test, key, operator, wanted, is_inverse, is_caseless]`
* `[keys, operator, [key, ...], is_inverse, is_caseless]`: the first key's value against the others'
* `[elements, key, all | any | one | none, expression]`: of a list

A key is `[names, [name, ...]]`, `[path, text]`, `[enrichment, table, selector, path]` or `[self]`.

Source: https://docs.panther.com/detections/rules/writing-simple-detections/match-expression (2026).
"""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import TypeAlias

from tocsin.detect.document import Reading, nearest
from tocsin.ocsf.yaml_text import YamlValue

Expression: TypeAlias = list[object]
Place: TypeAlias = tuple[str | int, ...]

MOST_VALUES = 10_000
_COMBINATORS = {"All": "all", "Any": "any", "OnlyOne": "one", "None": "none"}
_ELEMENTS = {
    "AllElements": "all",
    "AnyElement": "any",
    "OnlyOneElement": "one",
    "NoElement": "none",
}
_CONSTANTS = {"AlwaysTrue": True, "AlwaysFalse": False}
_KEYS = ("Key", "DeepKey", "KeyPath", "Enrichment")
# Word of Panther: operator, whether the answer is turned round.
_TEXT_TESTS = {
    "Equals": ("equals", False),
    "DoesNotEqual": ("equals", True),
    "Contains": ("contains", False),
    "DoesNotContain": ("contains", True),
    "StartsWith": ("starts", False),
    "DoesNotStartWith": ("starts", True),
    "EndsWith": ("ends", False),
    "DoesNotEndWith": ("ends", True),
}
_ORDERS = {
    "IsGreaterThan": ("greater", False),
    "IsGreaterThanOrEquals": ("at_least", False),
    "IsLessThan": ("less", False),
    "IsLessThanOrEquals": ("at_most", False),
}
_MEMBERS = {"IsIn": ("in", False), "IsNotIn": ("in", True)}
_NETWORKS = {
    "IsIPAddressInCIDR": ("network", False),
    "IsIPAddressNotInCIDR": ("network", True),
}
_PRESENCE = {
    "Exists": ("exists", False),
    "DoesNotExist": ("exists", True),
    "IsNull": ("null", False),
    "IsNotNull": ("null", True),
    "IsNullOrEmpty": ("empty", False),
    "IsNotNullOrEmpty": ("empty", True),
}
_CASELESS = {f"I{word}": test for word, test in _TEXT_TESTS.items()}
_COMPARISONS = {**_TEXT_TESTS, **_CASELESS, **_ORDERS, **_NETWORKS}
CONDITIONS = (*_COMPARISONS, *_MEMBERS, *_PRESENCE, *_ELEMENTS, *_CONSTANTS)
"""Every word that may stand under `Condition`."""

_STEP = re.compile(
    r"\.?[A-Za-z_$@][\w@:$-]*|\[(\*|-?\d+)\]|\[['\"][^'\"]+['\"]\]|\.\*"
    r"|\[\?\(\s*@\.[\w.]+\s*==\s*['\"][^'\"]*['\"]\s*\)\]"
)


def read_expressions(reading: Reading, value: YamlValue, *here: str | int) -> Expression:
    """Read a list of expressions, all of which must hold.

    Raises:
        RuleError: something in it is not understood.
    """
    elements = reading.sequence(value, *here)
    if not elements:
        raise reading.error(f"{here[-1]!r} holds no expression", *here)
    return ["all", [_expression(reading, each, (*here, at)) for at, each in enumerate(elements)]]


def read_key(reading: Reading, found: Mapping[str, YamlValue], here: Place) -> Expression:
    """Read the key of an expression: which value of the record is meant."""
    given = [each for each in _KEYS if each in found]
    if len(given) > 1:
        raise reading.error(f"{' and '.join(given)} cannot stand together", *here, given[1])
    match given:
        case ["Key"]:
            return ["names", [reading.text(found["Key"], *here, "Key")]]
        case ["DeepKey"]:
            return ["names", list(reading.texts(found["DeepKey"], *here, "DeepKey"))]
        case ["KeyPath"]:
            return ["path", read_path(reading, found["KeyPath"], *here, "KeyPath")]
        case ["Enrichment"]:
            return _enrichment(reading, found["Enrichment"], (*here, "Enrichment"))
        case _:
            return ["self"]


def read_path(reading: Reading, value: YamlValue, *here: str | int) -> str:
    """Read the path of a value: names, indices and `[*]`.

    Raises:
        RuleError: it is no path that is understood.
    """
    path = reading.text(value, *here)
    rest = path.removeprefix("$")
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise reading.error(f"the path {path!r} is not understood at {rest!r}", *here)
        rest = rest[step.end() :]
    return path


def _enrichment(reading: Reading, value: YamlValue, here: Place) -> Expression:
    found = reading.mapping(value, *here)
    reading.only(found, ("Table", "Selector", "FieldPath"), *here)
    table, selector = (reading.text(found.get(key), *here, key) for key in ("Table", "Selector"))
    return ["enrichment", table, selector, read_path(reading, found.get("FieldPath"), *here)]


def _expression(reading: Reading, value: YamlValue, here: Place) -> Expression:
    found = reading.mapping(value, *here)
    combinator = next((each for each in _COMBINATORS if each in found), None)
    if combinator is not None:
        reading.only(found, (combinator,), *here)
        inner = read_expressions(reading, found[combinator], *here, combinator)
        return [_COMBINATORS[combinator], inner[1]]
    reading.only(found, (*_KEYS, "Condition", "Value", "Values", "Expressions"), *here)
    word = reading.text(found.get("Condition"), *here, "Condition")
    if word not in CONDITIONS:
        known = nearest(word, CONDITIONS)
        raise reading.error(f"the condition {word!r} is unknown{known}", *here, "Condition")
    return _with_condition(reading, found, word, here)


def _with_condition(
    reading: Reading, found: Mapping[str, YamlValue], word: str, here: Place
) -> Expression:
    if word in _CONSTANTS:
        return ["constant", _CONSTANTS[word]]
    key = read_key(reading, found, here)
    if word in _ELEMENTS:
        inner = read_expressions(reading, found.get("Expressions"), *here, "Expressions")
        return ["elements", key, _ELEMENTS[word], inner]
    if word in _PRESENCE:
        operator, is_inverse = _PRESENCE[word]
        return ["test", key, operator, None, is_inverse, False]
    if word in _MEMBERS:
        operator, is_inverse = _MEMBERS[word]
        return ["test", key, operator, _values(reading, found, here), is_inverse, False]
    return _comparison(reading, found, word, key, here)


def _comparison(
    reading: Reading, found: Mapping[str, YamlValue], word: str, key: Expression, here: Place
) -> Expression:
    operator, is_inverse = _COMPARISONS[word]
    is_caseless = word in _CASELESS
    if key == ["self"] and "Values" in found:
        return ["keys", operator, _several(reading, found, here), is_inverse, is_caseless]
    if "Value" not in found:
        raise reading.error(f"the condition {word!r} needs `Value`", *here, "Condition")
    wanted = found["Value"]
    if operator == "network":
        _check_network(reading, wanted, here)
    is_text = operator in ("starts", "ends")
    if (is_text and not isinstance(wanted, str)) or isinstance(wanted, dict):
        raise reading.error(f"the condition {word!r} needs a text as `Value`", *here, "Value")
    return ["test", key, operator, wanted, is_inverse, is_caseless]


def _several(reading: Reading, found: Mapping[str, YamlValue], here: Place) -> list[object]:
    elements = reading.sequence(found["Values"], *here, "Values")
    keys: list[object] = []
    for at, element in enumerate(elements):
        place = (*here, "Values", at)
        keys.append(read_key(reading, reading.mapping(element, *place), place))
    if len(keys) < 2 or ["self"] in keys:
        raise reading.error("`Values` must name at least two keys", *here, "Values")
    return keys


def _values(reading: Reading, found: Mapping[str, YamlValue], here: Place) -> list[YamlValue]:
    values = reading.sequence(found.get("Values"), *here, "Values")
    if not 0 < len(values) <= MOST_VALUES:
        raise reading.error(f"`Values` must hold 1 to {MOST_VALUES} values", *here, "Values")
    return values


def _check_network(reading: Reading, wanted: YamlValue, here: Place) -> None:
    try:
        ip_network(reading.text(wanted, *here, "Value"), strict=False)
    except ValueError as error:
        raise reading.error(f"{wanted!r} is no network in CIDR form", *here, "Value") from error
