"""What a correlation says: several events together, where each alone says little.

Source: Sigma correlation rules specification 2.1; pySigma 2 for conditions that are expressions.
The types `new_value`, `absence`, `sequence`, `rate` and `beacon` are ours.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_median",
    "value_percentile",
    "new_value",
    "absence",
    "sequence",
    "rate",
    "beacon",
]

Comparison: TypeAlias = Literal["gt", "gte", "lt", "lte", "eq", "neq"]

COMPARISONS: Mapping[Comparison, Callable[[float, float], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}
DEFAULT_LATENESS = timedelta(minutes=15)
ACTOR_PATH = "tocsin.actor"
"""A path that every event has: who did it, under the uid that findings give them."""
DOMAIN_PATH = "tocsin.domain"
"""A path of events about names: the domain that somebody registered."""
ENTROPY_PATH = "tocsin.entropy"
"""A path of events about names: bits a character of what stands below the domain."""
OWN_PATHS = frozenset({ACTOR_PATH, DOMAIN_PATH, ENTROPY_PATH})
"""Paths that no record has: they are worked out."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison of a condition: `gte: 10`."""

    comparison: Comparison
    number: float

    def holds(self, value: float) -> bool:
        """Return whether a value fulfills the comparison."""
        return COMPARISONS[self.comparison](value, self.number)

    def __str__(self) -> str:
        return f"{self.comparison} {self.number:g}"


@dataclass(frozen=True, slots=True)
class Occurs:
    """The rule occurs in the window."""

    rule: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The part does not hold."""

    part: "Expression"


@dataclass(frozen=True, slots=True)
class Joined:
    """All parts hold (`and`), or one of them does (`or`)."""

    parts: tuple["Expression", ...]
    needs_all: bool


Expression: TypeAlias = Occurs | Denied | Joined


@dataclass(frozen=True, slots=True)
class Correlation:
    """The content of `correlation:`.

    Attributes:
        kind: the type.
        rules: what it refers to, in order; ids or names as written, uids once resolved.
        without: rules that must not occur between the first and the last step (`sequence`).
        group_by: field names or aliases; empty for one group of everything.
        timespan: length of the window; how long a value is remembered (`new_value`); length of a
            bucket (`rate`).
        bounds: every one must hold.
        expression: condition of a `temporal` type that is a text; else `None`.
        fields: whose values are counted, added up or compared.
        percentile: which one of the numbers, 0 to 100; `None` compares shares of values.
        aliases: by alias and rule the field meant.
        keeps_findings: whether the rules that it refers to keep findings of their own (`generate`).
        lateness: how late events may arrive.
        learning: how long a group must be known before it can fire (`new_value`, `rate`).
        history: how far back the average reaches (`rate`).
        times: a bucket fires from this multiple of the average (`rate`).
        at_least: and from this number of events (`rate`, `beacon`), or sum of numbers (`rate` with
            a field).
        line: where its rules are named.
    """

    kind: Kind
    rules: tuple[str, ...]
    timespan: timedelta
    without: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    expression: Expression | None = None
    fields: tuple[str, ...] = ()
    percentile: float | None = None
    aliases: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    keeps_findings: bool = False
    lateness: timedelta = DEFAULT_LATENESS
    learning: timedelta = timedelta(0)
    history: timedelta = timedelta(0)
    times: float = 0.0
    at_least: int = 0
    line: int = 0

    @property
    def references(self) -> tuple[str, ...]:
        """Everything that it refers to, each once, in order."""
        return tuple(dict.fromkeys((*self.rules, *self.without)))

    def field_of(self, name: str, rule: str) -> str:
        """Return the path that a field name or alias means in events of a rule."""
        for alias, fields in self.aliases:
            if alias == name:
                return dict(fields).get(rule, name)
        return name

    def __str__(self) -> str:
        if self.kind == "rate":
            return f"at least {self.at_least} and {self.times:g} times the average"
        if self.kind == "beacon":
            score = " and ".join(map(str, self.bounds))
            return f"score {score} of at least {self.at_least} connections"
        return " and ".join(map(str, self.bounds)) or self.kind
