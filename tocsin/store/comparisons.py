"""How one value is compared: SQL conditions on text, numbers, times, booleans and addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import pyarrow as pa

from tocsin.errors import UsageError
from tocsin.store.addresses import inside
from tocsin.store.lake import literal
from tocsin.store.language import ANY, ONE, Between, Compare, Operator, Value

SEVERITIES = ("unknown", "informational", "low", "medium", "high", "critical", "fatal")
"""By OCSF severity id."""

ADDRESS_NAMES = frozenset({"ip", "ip_address", "intermediate_ips"})

Kind: TypeAlias = Literal["text", "number", "time", "boolean", "address", "object"]


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL condition and the values of its marks, in order."""

    sql: str
    values: tuple[object, ...] = ()


Test: TypeAlias = Callable[[str, Kind], Condition]
"""Makes the condition on one value, an SQL expression of this kind."""


def kind_of(name: str, kind: pa.DataType) -> Kind:
    """Return how values of this type, at a path that ends with `name`, are compared."""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    if pa.types.is_struct(kind):
        return "object"
    return "address" if name in ADDRESS_NAMES or name.endswith("_ip") else "text"


def exists(expression: str, _kind: Kind) -> Condition:
    """Return the condition that there is a value."""
    return Condition(f"{expression} IS NOT NULL")


def among(allowed: list[str]) -> Test:
    """Return the test that a text is one of these, exactly."""
    texts = ", ".join(literal(text) for text in allowed)

    def test(expression: str, _kind: Kind) -> Condition:
        return Condition(f"{expression} IN ({texts})") if allowed else FALSE

    return test


FALSE = Condition("false")
TRUE = Condition("true")


def compared(comparison: Compare) -> Test:
    """Return the test that a value stands in a relation to the one that was asked for."""

    def test(expression: str, kind: Kind) -> Condition:
        return _TESTS[kind](expression, comparison)

    return test


def between(span: Between) -> Test:
    """Return the test that a value lies in a range."""
    sides: list[tuple[Operator, Value]] = []
    if span.low is not None:
        sides.append((">=" if span.includes_low else ">", span.low))
    if span.high is not None:
        sides.append(("<=" if span.includes_high else "<", span.high))
    comparisons = [Compare(span.path, sign, value, span.position) for sign, value in sides]

    def test(expression: str, kind: Kind) -> Condition:
        parts = [
            exists(expression, kind),
            *(compared(one)(expression, kind) for one in comparisons),
        ]
        values = tuple(value for part in parts for value in part.values)
        return Condition(f"({' AND '.join(part.sql for part in parts)})", values)

    return test


def contains(expression: str, value: Value) -> Condition:
    """Return the condition that a text contains a value, whatever the case."""
    if value.has_wildcards:
        return Condition(f"lower({expression}) LIKE lower(?) ESCAPE '!'", (f"%{_pattern(value)}%",))
    return Condition(f"contains(lower({expression}), lower(?))", (value.text,))


def _text(expression: str, comparison: Compare) -> Condition:
    value = comparison.value
    if value.has_wildcards:
        return Condition(f"lower({expression}) LIKE lower(?) ESCAPE '!'", (_pattern(value),))
    return Condition(f"lower({expression}) {comparison.operator} lower(?)", (value.text,))


def _address(expression: str, comparison: Compare) -> Condition:
    range_ = inside(expression, comparison.value.text) if comparison.operator == "=" else None
    return Condition(range_[0], tuple(range_[1])) if range_ else _text(expression, comparison)


def _number(expression: str, comparison: Compare) -> Condition:
    value = comparison.value
    if value.has_wildcards:
        return Condition(f"{expression}::VARCHAR LIKE ? ESCAPE '!'", (_pattern(value),))
    return Condition(f"{expression} {comparison.operator} ?", (_as_number(comparison),))


def _as_number(comparison: Compare) -> int | float:
    text = comparison.value.text
    if comparison.path.rsplit(".", 1)[-1] in {"severity", "severity_id"}:
        if text.lower() in SEVERITIES:
            return SEVERITIES.index(text.lower())
        if not text.isdigit():
            raise _wrong(comparison.value, f"is no severity: {', '.join(SEVERITIES)}")
    try:
        number = float(text)
        whole = int(text) if text.lstrip("-").isdigit() else None
    except ValueError as error:
        raise _wrong(comparison.value, f"is no number, and {comparison.path} is") from error
    if whole is not None and abs(whole) < 2**63:
        return whole
    return number


def _boolean(expression: str, comparison: Compare) -> Condition:
    wanted = {"true": True, "false": False}.get(comparison.value.text.lower())
    if wanted is None or comparison.operator != "=":
        raise _wrong(comparison.value, f"does not fit: {comparison.path} is true or false")
    return Condition(f"{expression} = ?", (wanted,))


def _time(expression: str, comparison: Compare) -> Condition:
    start, width = _moment(comparison)
    end = start + width
    # A day is a stretch: before, at and after it are meant as a whole.
    match comparison.operator:
        case "=" if width:
            return Condition(f"({expression} >= ? AND {expression} < ?)", (start, end))
        case "<=" | ">" if width:
            sign = "<" if comparison.operator == "<=" else ">="
            return Condition(f"{expression} {sign} ?", (end,))
        case operator:
            return Condition(f"{expression} {operator} ?", (start,))


def _moment(comparison: Compare) -> tuple[datetime, timedelta]:
    """Return the time, without zone as in the lake, and its width: a day, or nothing."""
    text = comparison.value.text
    try:
        moment = datetime.fromisoformat(text)
        width = timedelta(days=1) if len(text) <= len("2026-11-01") else timedelta()
        if moment.tzinfo:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        moment + width
    except (ValueError, OverflowError) as error:
        problem = "is no time: write 2026-11-01 or 2026-11-01T12:00:00Z"
        raise _wrong(comparison.value, problem) from error
    return moment, width


def _object(expression: str, comparison: Compare) -> Condition:
    raise UsageError(
        f"{comparison.path} at position {comparison.position + 1} is an object: ask for one of its "
        f"parts, or _exists_:{comparison.path}"
    )


_TESTS: dict[Kind, Callable[[str, Compare], Condition]] = {
    "text": _text,
    "address": _address,
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "object": _object,
}


def _pattern(value: Value) -> str:
    """Return the LIKE pattern, escaped by `!`."""
    text = value.text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return text.replace(ANY, "%").replace(ONE, "_")


def _wrong(value: Value, problem: str) -> UsageError:
    shown = value.text.replace(ANY, "*").replace(ONE, "?")
    return UsageError(f"{shown!r} at position {value.position + 1} {problem}")
