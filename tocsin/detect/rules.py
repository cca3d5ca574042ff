"""What a rule is, whatever format it was written in.

Rules are frozen and compare by value. A Sigma rule carries a condition tree; a Python rule carries
its source text, which is only ever executed inside a rule worker; a correlation names other rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from tocsin.conditions import Condition
from tocsin.detect.correlations.model import Correlation
from tocsin.errors import Location, Problem

ACTOR = "actor"
DEFAULT_PERIOD = timedelta(hours=1)
SEVERITIES: Mapping[str, int] = {
    "informational": 1,
    "info": 1,
    "low": 2,
    "medium": 3,
    "high": 4,
    "critical": 5,
}
"""OCSF severity ids by the words of Sigma (`level`) and Panther (`Severity`), in lower case."""


@dataclass(frozen=True, slots=True)
class LogSource:
    """What a rule says it reads; `detect.log_sources` binds it to sources of Tocsin.

    Attributes:
        product, service, category: Sigma's three words, in lower case, `None` where not given.
        log_types: Panther's names, such as `AWS.CloudTrail`; empty for Sigma rules.
    """

    product: str | None = None
    service: str | None = None
    category: str | None = None
    log_types: tuple[str, ...] = ()

    @property
    def reads_ocsf(self) -> bool:
        """Whether the rule is written against OCSF paths and so reads every source."""
        return self.category == "ocsf"

    def __str__(self) -> str:
        words = [word for word in (self.product, self.category, self.service) if word]
        return "/".join(words) or ", ".join(self.log_types)


@dataclass(frozen=True, slots=True)
class EntityPath:
    """Where an entity of `type` is found in an event: the value at `path` is its uid."""

    type: str
    path: str


@dataclass(frozen=True, slots=True)
class Example:
    """A record with the answer that the rule must give.

    Attributes:
        name: a claim, unique in its rule.
        matches: the answer expected.
        record: JSON object in the source's own shape.
        is_complete: whether `record` stands alone (Panther's tests) or lies over the mapping's
            example record (ours).
        source: which source's record it is, where the rule reads several; else `None`.
        story: JSON list of what happens one after the other (correlations): `after_us` since the
            entry before, `repeat`, `source` and `event`, which is null where time only passes.
            Empty for rules on single events.
        obstacle: why the example cannot be run, empty where it can.
        mocks: JSON list of names that are replaced while the example runs, each with what it then
            returns (Panther's tests); empty for none.
    """

    name: str
    matches: bool
    record: str
    is_complete: bool = False
    source: str | None = None
    obstacle: str = ""
    mocks: str = ""
    story: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        uid: the rule's own identifier; findings are derived from it, so it never changes.
        severity_id: OCSF severity, 1 to 5.
        tactics: ATT&CK short names (`defense-evasion`), sorted.
        techniques: ATT&CK identifiers (`T1562.008`), sorted.
        entity: where the finding's entity is found, first that gives a value; empty for the actor.
        links: further entities that the event ties to it.
        dedup: paths whose values make the dedup key; empty for the entity.
        period: matches with the same dedup key in the same period are one finding.
        threshold: matches in a period before there is a finding.
        condition: of a Sigma rule; `None` for Python.
        example_condition: the condition with the placeholders' values that the rule gives for its
            examples; `None` where it gives none.
        is_severity_fixed: whether the owner has chosen the severity: nothing that the rule says of
            a match goes before it.
        name: what filters may call it beside its uid.
        source: Python text; empty for Sigma. Data here, never executed outside a rule worker.
        version: hash of the text the rule was read from, and of the helpers it imports.
        helpers: name and text of the modules of its folder that a Python rule imports, and of those
            that these import, in order of name.
        inline_filter: expression that must hold before a Python rule is asked, as JSON; empty for
            none. See `detect.formats.python_expressions`.
        words: what belongs into the context of every finding, by name: `runbook`, `destinations`.
        correlation: what a correlation says; `None` for rules on single events.
        creates_alerts: whether its findings are for people; others are kept for correlations.
        is_building_block: whether it is there for correlations alone: it never has findings of its
            own, whatever correlations say (`generate`), and none when nothing refers to it.
    """

    uid: str
    title: str
    description: str
    severity_id: int
    kind: Literal["Sigma", "Python", "Correlation"]
    log_source: LogSource
    location: Location
    version: str
    condition: Condition | None = None
    source: str = ""
    tactics: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    entity: tuple[EntityPath, ...] = ()
    links: tuple[EntityPath, ...] = ()
    dedup: tuple[str, ...] = ()
    period: timedelta = DEFAULT_PERIOD
    threshold: int = 1
    examples: tuple[Example, ...] = ()
    false_positives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    status: str = ""
    author: str = ""
    is_enabled: bool = True
    example_condition: Condition | None = None
    name: str = ""
    is_severity_fixed: bool = False
    helpers: tuple[tuple[str, str], ...] = ()
    inline_filter: str = ""
    words: tuple[tuple[str, str], ...] = ()
    creates_alerts: bool = True
    correlation: Correlation | None = None
    is_building_block: bool = False

    def as_in_examples(self) -> "Rule":
        """Return the rule as its examples see it: with their values for placeholders."""
        if self.example_condition is None:
            return self
        return replace(self, condition=self.example_condition, example_condition=None)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came of a set of files: the rules that can be used, and every problem of the rest.

    Attributes:
        surroundings: what Python rules find around them, for the worker alone to read: helpers,
            data models, lookup tables, filters and lists of the settings.
    """

    rules: tuple[Rule, ...] = ()
    problems: tuple[Problem, ...] = ()
    surroundings: str = ""
