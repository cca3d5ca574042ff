"""Test single values: text with wildcards, numbers, patterns, networks, times.

Each test becomes a function of one value that answers true or false and never raises, whatever the
value is: records are chosen by attackers. Null passes `Null` only.
"""

import ipaddress
import math
import operator
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias

import msgspec
import re2

from tocsin.conditions.tree import (
    AnyTest,
    Flag,
    Network,
    Null,
    Number,
    Order,
    Pattern,
    Test,
    Text,
    TimePart,
    Wildcard,
)

Predicate: TypeAlias = Callable[[object], bool]

_NUMBER_TEXT = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?\Z")
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_MILLISECONDS_FROM = 100_000_000_000
_WORDS = {True: "true", False: "false"}


def text_of(value: object) -> str | None:
    """Return the value as rules see it in text, `None` for null.

    Truth values are `true` and `false`, objects are compact JSON, times are ISO 8601.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int | float):
        return _digits(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return _json(value)


def pattern_problem(pattern: str, flags: str = "") -> str | None:
    """Return why RE2 refuses the pattern, `None` where it accepts it."""
    try:
        _compile(pattern, flags)
    except re2.error as error:
        return _reason(error)
    return None


def predicate(test: Test) -> Predicate:
    """Return the test as a function of one value."""
    return any_of((test,))


def any_of(tests: Sequence[Test]) -> Predicate:
    """Return a function that says whether one of the tests passes; plain texts share one set."""
    plain: set[str] = set()
    singles: list[Predicate] = []
    for test in tests:
        text = _plain(test)
        if text is None:
            singles.append(_single(test))
        else:
            plain.add(text)
    if plain:
        singles.insert(0, _one_of(frozenset(plain)))
    if len(singles) == 1:
        return singles[0]
    return lambda value: any(single(value) for single in singles)


def _plain(test: Test) -> str | None:
    """Return the lower-case text of a test that compares the whole text without wildcards."""
    if not isinstance(test, Text) or test.is_cased:
        return None
    words = [part for part in test.parts if isinstance(part, str)]
    return "".join(words).lower() if len(words) == len(test.parts) else None


def _one_of(plain: frozenset[str]) -> Predicate:
    def check(value: object) -> bool:
        text = value if isinstance(value, str) else text_of(value)
        return text is not None and text.lower() in plain

    return check


def _single(test: Test) -> Predicate:
    match test:
        case Text():
            return _text(test)
        case Number(number):
            return lambda value: _equals_number(value, number)
        case Flag(is_true):
            return lambda value: _equals_flag(value, is_true)
        case Null():
            return lambda value: value is None
        case Pattern(pattern, flags):
            search = _compile(pattern, flags).search
            return lambda value: _found(search, text_of(value))
        case AnyTest(tests):
            return any_of(tests)
        case _:
            return _measured(test)


def _measured(test: Network | Order | TimePart) -> Predicate:
    match test:
        case Network(network):
            parsed = ipaddress.ip_network(network)
            return lambda value: _inside(value, parsed)
        case Order(name, number):
            compare = _ORDERS[name]
            return lambda value: _ordered(value, number, compare)
        case TimePart(part, number):
            return lambda value: _time_part(value, part) == number


def _text(test: Text) -> Predicate:
    fold = _unchanged if test.is_cased else str.lower
    parts = tuple(fold(part) if isinstance(part, str) else part for part in test.parts)
    matches = _matcher(parts)

    def check(value: object) -> bool:
        text = value if isinstance(value, str) else text_of(value)
        return text is not None and matches(fold(text))

    return check


def _unchanged(text: str) -> str:
    return text


def _matcher(parts: tuple[str | Wildcard, ...]) -> Callable[[str], bool]:
    """Return the comparison for these parts; the common shapes do without a pattern."""
    match parts:
        case ():
            return lambda text: not text
        case (str(whole),):
            return lambda text: text == whole
        case (Wildcard.ANY,):
            return lambda text: True
        case (Wildcard.ANY, str(middle), Wildcard.ANY):
            return lambda text: middle in text
        case (str(start), Wildcard.ANY):
            return lambda text: text.startswith(start)
        case (Wildcard.ANY, str(end)):
            return lambda text: text.endswith(end)
        case _:
            match = _compile("".join(map(_escaped, parts)), "s").fullmatch
            return lambda text: _found(match, text)


def _escaped(part: str | Wildcard) -> str:
    if part is Wildcard.ANY:
        return ".*"
    return "." if part is Wildcard.ONE else str(re2.escape(part))


def _compile(pattern: str, flags: str) -> "re2._Regexp[str]":
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"(?{flags}){pattern}" if flags else pattern, options)
    except UnicodeEncodeError as error:
        raise re2.error("it holds half of a surrogate pair") from error


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else "it cannot be compiled"
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    is_looking = any(sign in text for sign in ("(?=", "(?!", "(?<"))
    return f"{text} (look-around is not supported)" if is_looking else text


def _found(search: Callable[[str], object], text: str | None) -> bool:
    if text is None:
        return False
    try:
        return search(text) is not None
    except UnicodeEncodeError:
        # Half a surrogate pair, legal as an escape in JSON, has no UTF-8 form.
        return search(text.encode("utf-8", "replace").decode("utf-8")) is not None


def _equals_number(value: object, number: int | float) -> bool:
    if isinstance(value, str):
        return value == str(number)
    return isinstance(value, int | float) and not isinstance(value, bool) and value == number


def _equals_flag(value: object, is_true: bool) -> bool:
    if isinstance(value, str):
        return value.lower() == _WORDS[is_true]
    return isinstance(value, bool) and value is is_true


def _ordered(value: object, number: float, compare: Callable[[float, float], bool]) -> bool:
    if isinstance(value, str):
        if not _NUMBER_TEXT.match(value):
            return False
        value = float(value) if any(sign in value for sign in ".eE") else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return compare(value, number)


def _inside(value: object, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    if not isinstance(value, str):
        return False
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and network.version == 4:
        return address.ipv4_mapped is not None and address.ipv4_mapped in network
    return address in network


def _time_part(value: object, part: str) -> int | None:
    moment = _moment(value)
    if moment is None:
        return None
    return moment.isocalendar().week if part == "week" else int(getattr(moment, part))


def _moment(value: object) -> datetime | None:
    """Read a time: ISO 8601 text, or seconds or milliseconds since 1970."""
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _digits(value: int | float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        return str(value)
    except ValueError:
        # Python refuses to print integers of more than 4,300 digits; no rule compares such.
        return hex(value) if isinstance(value, int) else ""


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode("utf-8")
    except (TypeError, ValueError, OverflowError, RecursionError):
        return ""
