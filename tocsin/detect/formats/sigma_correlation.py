"""Read correlations: Sigma's own types, and those that Tocsin adds in the same form.

Names of rules stay as written here; they are looked up when all files have been read.

Source: Sigma correlation rules specification 2.1; pySigma 2 for conditions that are expressions and
for units of time.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import get_args

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionItem,
    CorrelationConditionNOT,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.exceptions import SigmaError

from tocsin.detect.correlations.forms import alternatives
from tocsin.detect.correlations.model import (
    COMPARISONS,
    Bound,
    Correlation,
    Denied,
    Expression,
    Joined,
    Kind,
    Occurs,
)
from tocsin.detect.document import Reading, nearest
from tocsin.detect.formats.extras import read_entity_paths, read_stories
from tocsin.detect.formats.sigma import check_spelling, described, read_header
from tocsin.detect.formats.sigma_deprecated import modernized
from tocsin.detect.rules import Rule
from tocsin.errors import Problem
from tocsin.ocsf.identifiers import content_hash
from tocsin.ocsf.yaml_text import Document, YamlValue

MAX_RULES = 60
MAX_COUNT = 10_000
MAX_BUCKETS = 1_000

_AT = "correlation"
_HEAD = (
    *("title", "id", "name", "taxonomy", "related", "status", "description", "license"),
    *("references", "author", "date", "modified", "tags", "falsepositives", "level", "scope"),
    *("correlation", "tocsin", "examples"),
)
_KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_OWN_KEYS = {
    "new_value": ("learning",),
    "rate": ("history", "learning"),
    "sequence": ("without",),
}
_EXTRAS = ("entity", "links", "period", "lateness", "building_block")
_KINDS: tuple[Kind, ...] = get_args(Kind)
_TEMPORAL = ("temporal", "temporal_ordered")
_NUMERIC = ("value_sum", "value_avg", "value_median", "value_percentile")
_FIELDED = ("value_count", "new_value", *_NUMERIC)
_COUNTED = ("rate", "beacon")
_CONDITION_KEYS: Mapping[Kind, tuple[str, ...]] = {
    "rate": ("times", "at_least", "field"),
    "beacon": ("gt", "gte", "at_least", "field"),
    "new_value": ("field",),
    "value_percentile": (*COMPARISONS, "field", "percentile"),
}
_LENGTH = re.compile(r"([0-9]{1,9})\s*([smhdwMy])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2629746, "y": 31556952}
_LONGEST_WINDOW = timedelta(days=31)
_LONGEST_MEMORY = timedelta(days=366)
_LONGEST_LATENESS = timedelta(days=1)
_SHORTEST_PERIOD = timedelta(hours=1)
_MAX_CHARACTERS = 4_000
_MAX_DEPTH = 24


def is_correlation(document: Document) -> bool:
    """Return whether the document is a correlation, not a rule on single events."""
    return isinstance(document.value, dict) and _AT in document.value


def read(document: Document, text: str, file: str) -> tuple[Rule | None, tuple[Problem, ...]]:
    """Read one correlation; `None` with every problem found where it cannot be used.

    Args:
        document: from our own loader.
        text: the whole file, for the rule's version.
        file: its name, for messages.
    """
    reading = Reading(document, file)
    rule = None
    with reading.collecting():
        rule = _rule(reading, reading.mapping(document.value), text)
    return (None if reading.is_refused else rule), tuple(reading.problems)


def _rule(reading: Reading, found: dict[str, YamlValue], text: str) -> Rule:
    check_spelling(reading, found, _HEAD)
    for key in ("detection", "logsource"):
        if key in found:
            raise reading.error(f"a correlation has no {key!r}; it names rules that have one", key)
    found = modernized(reading, found)
    header = read_header(reading, found)
    version = content_hash(text.encode("utf-8", "surrogatepass"))
    rule = described(reading, found, header, version)
    correlation = _Section(reading, found.get(_AT)).correlation()
    extras = reading.mapping(found.get("tocsin") or {}, "tocsin")
    if "dedup" in extras:
        raise reading.error("a correlation joins by its group; remove `dedup`", "tocsin", "dedup")
    reading.only(extras, _EXTRAS, "tocsin")
    entity = extras.get("entity", "actor")
    lateness = _length(
        reading, extras.get("lateness", "15m"), _LONGEST_LATENESS, "tocsin", "lateness"
    )
    usual = min(max(correlation.timespan, _SHORTEST_PERIOD), _LONGEST_WINDOW)
    given = extras.get("period")
    period = (
        usual if given is None else _length(reading, given, _LONGEST_WINDOW, "tocsin", "period")
    )
    return replace(
        rule,
        kind="Correlation",
        correlation=_checked(reading, replace(correlation, lateness=lateness)),
        entity=() if entity == "actor" else read_entity_paths(reading, entity, "entity"),
        links=read_entity_paths(reading, extras.get("links", []), "links"),
        period=_positive(reading, period, "tocsin", "period"),
        is_building_block=reading.flag(
            extras.get("building_block", False), "tocsin", "building_block"
        ),
        examples=read_stories(reading, found.get("examples")),
    )


class _Section:
    """The section `correlation` of one document."""

    def __init__(self, reading: Reading, value: YamlValue) -> None:
        self._reading = reading
        self._found = reading.mapping(value, _AT)
        self._kind = self._type()
        reading.only(self._found, (*_KEYS, *_OWN_KEYS.get(self._kind, ())), _AT)

    def _type(self) -> Kind:
        name = self._found.get("type")
        for kind in _KINDS:
            if isinstance(name, str) and name.lower() == kind:
                return kind
        suggestion = nearest(str(name), _KINDS)
        raise self._reading.error(f"{name!r} is no type of correlation{suggestion}", _AT, "type")

    def correlation(self) -> Correlation:
        """Return what the section says.

        Raises:
            RuleError: with what is wrong.
        """
        expression = self._expression()
        rules = self._rules(expression)
        longest = _LONGEST_MEMORY if self._kind == "new_value" else _LONGEST_WINDOW
        timespan = self._positive_length("timespan", longest)
        history = (
            self._positive_length("history", _LONGEST_MEMORY)
            if self._kind == "rate"
            else timedelta(0)
        )
        condition = {} if expression else self._condition()
        return Correlation(
            kind=self._kind,
            rules=rules,
            without=self._texts("without"),
            timespan=timespan,
            group_by=self._texts("group-by"),
            bounds=self._bounds(condition, len(rules)),
            expression=expression,
            fields=self._fields(condition),
            percentile=self._percentile(condition),
            aliases=self._aliases(),
            keeps_findings=self._flag("generate"),
            learning=self._learning(history or timespan),
            history=history,
            times=self._number(condition, "times", 1) if self._kind == "rate" else 0.0,
            at_least=int(self._number(condition, "at_least", 1)) if self._kind in _COUNTED else 0,
            line=self._reading.location(_AT, "rules" if "rules" in self._found else "type").line,
        )

    def _rules(self, expression: Expression | None) -> tuple[str, ...]:
        named = tuple(_names(expression)) if expression else ()
        if "rules" not in self._found and named:
            return named
        rules = self._texts("rules")
        if not rules:
            raise self._reading.error("'correlation.rules' names no rule", _AT, "rules")
        if len(rules) > MAX_RULES:
            message = f"'correlation.rules' names more than {MAX_RULES} rules; chain correlations"
            raise self._reading.error(message, _AT, "rules")
        odd = set(named) ^ set(rules) if named else ()
        if odd:
            message = f"`rules` and `condition` differ in {', '.join(sorted(odd))}"
            raise self._reading.error(message, _AT, "condition")
        if len(set(rules)) < len(rules) and self._kind not in ("sequence", "temporal_ordered"):
            raise self._reading.error("'correlation.rules' names a rule twice", _AT, "rules")
        if self._kind == "absence" and len(rules) > 2:
            message = "`absence` takes one rule, or two: the start and what is then expected"
            raise self._reading.error(message, _AT, "rules")
        return rules

    def _expression(self) -> Expression | None:
        written = self._found.get("condition")
        if not isinstance(written, str):
            return None
        here = (_AT, "condition")
        if self._kind not in _TEMPORAL:
            message = "only `temporal` and `temporal_ordered` take an expression as condition"
            raise self._reading.error(message, *here)
        depth = max(
            written[:at].count("(") - written[:at].count(")") for at in range(len(written) + 1)
        )
        if len(written) > _MAX_CHARACTERS or depth > _MAX_DEPTH:
            raise self._reading.error("the condition is too long or too nested", *here)
        try:
            parsed = SigmaExtendedCorrelationCondition(written).parsed
            expression = _converted(parsed)
            alternatives(expression)
        except (SigmaError, ValueError, RecursionError) as error:
            raise self._reading.error(
                f"the condition {written!r} cannot be used: {error}", *here
            ) from error
        return expression

    def _condition(self) -> Mapping[str, YamlValue]:
        value = self._found.get("condition")
        here = (_AT, "condition")
        if self._kind in ("absence", "sequence"):
            if value is not None:
                raise self._reading.error(f"`{self._kind}` has no condition", *here)
            return {}
        if value is None and self._kind in _TEMPORAL:
            return {}
        found = self._reading.mapping(value, *here)
        known = _CONDITION_KEYS.get(self._kind)
        if known is None:
            known = (*COMPARISONS, "field") if self._kind in _FIELDED else tuple(COMPARISONS)
        self._reading.only(found, known, *here)
        return found

    def _bounds(self, condition: Mapping[str, YamlValue], count: int) -> tuple[Bound, ...]:
        if self._kind in ("absence", "sequence", "new_value", "rate"):
            return ()
        if isinstance(self._found.get("condition"), str):
            return (Bound("gte", 1),)
        bounds = tuple(
            Bound(name, self._number(condition, name)) for name in COMPARISONS if name in condition
        )
        if not bounds and self._kind in _TEMPORAL and not condition:
            return (Bound("gte", count),)
        if not bounds:
            message = f"the condition compares with nothing; write one of {', '.join(COMPARISONS)}"
            raise self._reading.error(message, _AT, "condition")
        return bounds

    def _number(
        self, condition: Mapping[str, YamlValue], name: str, default: float | None = None
    ) -> float:
        value = condition.get(name, default)
        here = (_AT, "condition", name)
        if isinstance(value, str):
            value = _numeric(value)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise self._reading.error(
                f"{name!r} must be a number, found {condition.get(name)!r}", *here
            )
        is_sum = self._kind == "rate" and name == "at_least" and "field" in condition
        is_count = self._kind not in _NUMERIC and not is_sum
        if is_count and not 0 <= value <= MAX_COUNT:
            raise self._reading.error(f"{name!r} must be between 0 and {MAX_COUNT}", *here)
        return value

    def _fields(self, condition: Mapping[str, YamlValue]) -> tuple[str, ...]:
        if self._kind not in _FIELDED and "field" not in condition:
            return ()
        value = condition.get("field")
        here = (_AT, "condition", "field")
        fields = (value.strip(),) if isinstance(value, str) else self._reading.texts(value, *here)
        if not any(fields):
            raise self._reading.error(f"`{self._kind}` needs a `field` in its condition", *here)
        if self._kind in (*_NUMERIC, *_COUNTED) and len(fields) > 1:
            raise self._reading.error(f"`{self._kind}` takes one field", *here)
        return fields

    def _percentile(self, condition: Mapping[str, YamlValue]) -> float | None:
        if self._kind != "value_percentile" or "percentile" not in condition:
            return None
        number = self._number(condition, "percentile")
        if not 0 <= number <= 100:
            here = (_AT, "condition", "percentile")
            raise self._reading.error("'percentile' must be between 0 and 100", *here)
        return number

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self._found.get(key)
        if isinstance(value, str):
            return (self._reading.text(value, _AT, key),)
        return self._reading.texts(value, _AT, key)

    def _flag(self, key: str) -> bool:
        value = self._found.get(key)
        return False if value is None else self._reading.flag(value, _AT, key)

    def _positive_length(self, key: str, longest: timedelta) -> timedelta:
        found = _length(self._reading, self._found.get(key), longest, _AT, key)
        return _positive(self._reading, found, _AT, key)

    def _learning(self, default: timedelta) -> timedelta:
        value = self._found.get("learning")
        if self._kind not in ("new_value", "rate"):
            return timedelta(0)
        return default if value is None else _length(self._reading, value, default, _AT, "learning")

    def _aliases(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        found = self._found.get("aliases")
        if found is None:
            return ()
        reading = self._reading
        return tuple(
            (
                alias,
                tuple(
                    (name, reading.text(path, _AT, "aliases", alias, name))
                    for name, path in reading.mapping(fields, _AT, "aliases", alias).items()
                ),
            )
            for alias, fields in reading.mapping(found, _AT, "aliases").items()
        )


def _checked(reading: Reading, correlation: Correlation) -> Correlation:
    """Return the correlation; refuse lengths that do not fit each other."""
    if correlation.kind == "new_value" and correlation.timespan <= 2 * correlation.lateness:
        raise reading.error("'timespan' must be more than twice the lateness", _AT, "timespan")
    if correlation.kind in ("new_value", "rate") and correlation.learning < correlation.lateness:
        raise reading.error("'learning' must not be shorter than the lateness", _AT, "learning")
    if correlation.kind == "rate":
        buckets = correlation.history // correlation.timespan
        if not 1 < buckets <= MAX_BUCKETS:
            message = f"'history' must hold 2 to {MAX_BUCKETS} timespans, not {buckets}"
            raise reading.error(message, _AT, "history")
    return correlation


def _length(reading: Reading, value: YamlValue, longest: timedelta, *path: str | int) -> timedelta:
    match = _LENGTH.match(value) if isinstance(value, str) else None
    found = timedelta(seconds=min(int(match[1]) * _SECONDS[match[2]], 10**10)) if match else None
    if found is None or found > longest:
        where = ".".join(map(str, path))
        message = f"'{where}' must be a length such as 10m, 1h or 7d ({longest.days}d at most)"
        raise reading.error(f"{message}, found {value!r}", *path)
    return found


def _positive(reading: Reading, length: timedelta, *path: str | int) -> timedelta:
    if not length:
        raise reading.error(f"'{'.'.join(map(str, path))}' must not be zero", *path)
    return length


def _numeric(text: str) -> float | None:
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return None


def _converted(item: object) -> Expression:
    match item:
        case SigmaRuleReference():
            return Occurs(item.reference)
        case CorrelationConditionNOT():
            return Denied(_converted(item.args[0]))
        case CorrelationConditionItem():
            parts = tuple(map(_converted, item.args))
            return Joined(parts, isinstance(item, CorrelationConditionAND))
        case _:
            raise ValueError(f"it holds {item!r}, which is not understood")


def _names(expression: Expression) -> dict[str, None]:
    match expression:
        case Occurs(rule):
            return {rule: None}
        case Denied(part):
            return _names(part)
        case Joined(parts):
            return {name: None for part in parts for name in _names(part)}
