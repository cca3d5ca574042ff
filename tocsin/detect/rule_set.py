"""Rules bound to sources and compiled, ready to be evaluated."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from tocsin.conditions import Condition, compile_condition
from tocsin.conditions.tree import AnyOf
from tocsin.detect.correlations import Correlator, Definition, Plans, bind
from tocsin.detect.engine import Engine, Necessary, Numbers, RowIndex, necessary_condition
from tocsin.detect.entities import actor_of
from tocsin.detect.fields import Event, EventReader
from tocsin.detect.log_sources import LogSources
from tocsin.detect.records import read_record
from tocsin.detect.rules import EntityPath, Rule
from tocsin.ocsf import Entity

if TYPE_CHECKING:
    from tocsin.conditions.suppression import Evidence
    from tocsin.detect.testimony import EventTestimony
    from tocsin.ocsf.attack_matrix import Coverage

DEFAULT_ALERT_AGE = timedelta(days=1)


def _reads_record(path: str) -> bool:
    """Say that every path is read from the record, as Python rules do."""
    return True


_NEVER = Necessary(AnyOf(()), _reads_record)


@dataclass(frozen=True, slots=True)
class BoundRule:
    """One rule for one source.

    Attributes:
        holds: the compiled condition of a Sigma rule; `None` for Python.
        reader: how the rule's paths are read from events of the source.
    """

    rule: Rule
    holds: Callable[[Event], bool] | None
    reader: EventReader


class SourceEngine:
    """Rules of one source and their index."""

    def __init__(self, rules: Iterable[BoundRule]) -> None:
        self.rules = tuple(rules)

    @cached_property
    def index(self) -> Engine:
        """The index; made when an event first comes, for many commands never evaluate."""
        by_row = self.by_row.numbers
        every = enumerate(self._necessary)
        return Engine([_NEVER if number in by_row else each for number, each in every])

    @cached_property
    def by_row(self) -> RowIndex:
        """The index of the rules that only the normalized form of an event can rule out."""
        return RowIndex(self._necessary)

    @cached_property
    def _necessary(self) -> list[Necessary]:
        return [_necessary(each) for each in self.rules]

    def matching(self, texts: Sequence[str]) -> list[tuple[int, Numbers]]:
        """Return which rules match which records: the place of each record that some rule matches.

        For rules that read the record alone: no Python rules, no paths of the normalized form.

        Returns:
            Places in `texts` in ascending order, each with the places of its rules in `rules`.
        """
        selected = self.index.select(texts)
        if not (selected.asked or selected.odd):
            return sorted(selected.sure)
        found = dict(selected.sure)
        odd = ((place, None) for place in selected.odd)
        for place, numbers in (*selected.asked, *odd):
            record = read_record(texts[place])
            if record is not None:
                asked = self.index.of_record(record) if numbers is None else numbers
                event = Event(record, {})
                holding = tuple(number for number in asked if self._holds(number, event))
                if holding:
                    found[place] = (*found.get(place, ()), *holding)
        return sorted(found.items())

    def pairs(self, texts: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Yield (place of the record, place of the rule) for the same."""
        for place, numbers in self.matching(texts):
            for number in numbers:
                yield place, number

    def _holds(self, number: int, event: Event) -> bool:
        holds = self.rules[number].holds
        return holds is not None and holds(event)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What `evaluate` works with; made by `build`.

    Attributes:
        rules: every rule given, in the order given.
        by_source: the rules that read each source, disabled ones too: their examples are run.
        unbound: rules that no source of Tocsin gives logs for.
        alert_age: findings whose last event is older are no alerts.
        is_merging: whether matches with one dedup key and period make one finding, as the store
            wants it; otherwise each match is a finding with an entity of its own, and only rules
            with a threshold join matches.
        engines: what evaluates the enabled rules of each source; it remembers values, so it is
            for one thread.
        plans: the enabled correlations, bound to the rules that they refer to.
        correlator: what runs them.
        muted: rules that only correlations hear of: they make no findings of their own.
    """

    rules: tuple[Rule, ...] = ()
    by_source: Mapping[str, tuple[BoundRule, ...]] = field(default_factory=dict)
    unbound: tuple[Rule, ...] = ()
    alert_age: timedelta = DEFAULT_ALERT_AGE
    is_merging: bool = True
    engines: Mapping[str, SourceEngine] = field(default_factory=dict, compare=False, repr=False)
    plans: Plans = field(default_factory=Plans, repr=False)
    correlator: Correlator = field(
        default_factory=lambda: Correlator(()), compare=False, repr=False
    )
    muted: frozenset[str] = frozenset()

    @staticmethod
    def actor_of(row: Mapping[str, object]) -> Entity | None:
        """Return who did what an event tells, under the uid that findings of rules have.

        Args:
            row: the event in its normalized form.
        """
        return actor_of(row)

    @staticmethod
    def build(
        rules: Iterable[Rule], log_sources: LogSources, alert_age: timedelta = DEFAULT_ALERT_AGE
    ) -> "RuleSet":
        """Bind and compile rules.

        Args:
            rules: uids are unique.
            log_sources: which source gives which logs.
            alert_age: history may be loaded without a storm: older findings never notify.
        """
        every = tuple(rules)
        by_source: dict[str, list[BoundRule]] = {}
        unbound = []
        # Thousands of rules name few log sources.
        bind = cache(log_sources.bind)
        reader = cache(EventReader)
        for rule in every:
            if rule.correlation is not None:
                continue
            sources = bind(rule.log_source)
            if not sources:
                unbound.append(rule)
            for source in sources:
                resolved = log_sources.resolved(rule, source)
                roots = log_sources.native_roots(source)
                bound = _bound(resolved, reader(resolved.log_source.reads_ocsf, roots))
                by_source.setdefault(source, []).append(bound)
        frozen = {source: tuple(bound) for source, bound in by_source.items()}
        return _assembled(every, frozen, tuple(unbound), alert_age)

    def narrowed(
        self, uids: frozenset[str], changed: Callable[[BoundRule], BoundRule]
    ) -> "RuleSet":
        """Return these rules alone, switched on, as if there were no others; building blocks speak.

        Args:
            uids: which ones.
            changed: what becomes of each bound rule.
        """
        every = tuple(
            replace(each, is_enabled=True, is_building_block=False)
            for each in self.rules
            if each.uid in uids
        )
        by_source = {
            source: tuple(changed(_enabled(each)) for each in bound if each.rule.uid in uids)
            for source, bound in self.by_source.items()
        }
        kept = {source: bound for source, bound in by_source.items() if bound}
        return _assembled(every, kept, (), self.alert_age)

    @property
    def correlation_rules(self) -> Mapping[str, Rule]:
        """The enabled correlations by uid."""
        return {each.uid: each for each in self.rules if each.correlation and each.is_enabled}

    def coverage(self, attack: str, speaking: frozenset[str]) -> "Coverage":
        """Return which ATT&CK techniques the enabled rules see.

        Args:
            attack: the text of `content/attack.json`.
            speaking: sources that events come from; rules of others only are blind.
        """
        # Loaded here: no turn asks.
        from tocsin.detect.coverage import coverage

        sources: dict[str, set[str]] = {}
        for source, bound in self.by_source.items():
            for each in bound:
                sources.setdefault(each.rule.uid, set()).add(source)
        for plan in self.plans.plans:
            sources[plan.uid] = set(plan.sources)
        frozen = {uid: frozenset(names) for uid, names in sources.items()}
        return coverage(self.rules, frozen, attack, speaking)

    def evidence(
        self,
        tables: Iterable[pa.Table],
        wanted: Iterable[str],
        fetch: Callable[[tuple[str, ...]], pa.Table],
    ) -> "Evidence":
        """Return what suppressions ask of findings and their events, read as these rules read them.

        Args:
            tables: events that are at hand.
            wanted: uids of the events that may be asked about.
            fetch: gives other events by uid; asked once, and only where one of `wanted` is missing.
        """
        # Loaded when first used: most turns and commands suppress nothing.
        from tocsin.detect.evidence import EventEvidence

        return EventEvidence(self._reads, tables, frozenset(wanted), fetch)

    def testimonies(
        self,
        tables: Iterable[pa.Table],
        wanted: Iterable[str],
        fetch: Callable[[tuple[str, ...]], pa.Table],
    ) -> "Callable[[str, str], EventTestimony | None]":
        """Return what gives, for a rule and an event by uid, what the event says for its finding.

        Args:
            tables: events that are at hand.
            wanted: uids of the events that may be asked about.
            fetch: gives other events by uid; asked once, and only where one of `wanted` is missing.
        """
        from tocsin.detect.evidence import EventEvidence

        evidence = EventEvidence(self._reads, tables, frozenset(wanted), fetch)
        known = cache(self._reads_with_links)

        def of(rule_uid: str, event_uid: str) -> "EventTestimony | None":
            return evidence.testimony(event_uid, known(evidence.source_of(event_uid), rule_uid))

        return of

    @staticmethod
    def read_condition(text: str, location: str = "condition") -> Condition:
        """Return the condition that a suppression writes as a Sigma detection, or a part of one.

        Raises:
            ContentError: with the line in `text` and every problem.
        """
        from tocsin.detect.evidence import read_condition

        return read_condition(text, location)

    def _reads(
        self, source: str, rule_uid: str
    ) -> tuple[EventReader, tuple[EntityPath, ...]] | None:
        # Events of a correlation are read as the rules read them that it refers to.
        plan = next((each for each in self.plans.plans if each.uid == rule_uid), None)
        wanted = plan.leaves if plan else frozenset((rule_uid,))
        for bound in self.by_source.get(source, ()):
            if bound.rule.uid in wanted:
                entity = self.correlation_rules[rule_uid].entity if plan else bound.rule.entity
                return bound.reader, entity
        return None

    def _reads_with_links(
        self, source: str, rule_uid: str
    ) -> tuple[EventReader, tuple[EntityPath, ...]] | None:
        found = self._reads(source, rule_uid)
        if found is None:
            return None
        links = next((rule.links for rule in self.rules if rule.uid == rule_uid), ())
        return found[0], (*found[1], *links)


def _assembled(
    every: tuple[Rule, ...],
    by_source: Mapping[str, tuple[BoundRule, ...]],
    unbound: tuple[Rule, ...],
    alert_age: timedelta,
) -> RuleSet:
    engines = {
        source: SourceEngine(each for each in bound if each.rule.is_enabled)
        for source, bound in by_source.items()
    }
    origins: dict[str, frozenset[str]] = {}
    for source, engine in engines.items():
        for each in engine.rules:
            origins[each.rule.uid] = origins.get(each.rule.uid, frozenset()) | {source}
    plans = bind(_definitions(every), origins)
    return RuleSet(
        every,
        by_source,
        unbound,
        alert_age,
        engines=engines,
        plans=plans,
        correlator=Correlator(plans.plans),
        muted=_muted(every),
    )


def _enabled(bound: BoundRule) -> BoundRule:
    return (
        bound
        if bound.rule.is_enabled
        else replace(bound, rule=replace(bound.rule, is_enabled=True))
    )


def _definitions(rules: Iterable[Rule]) -> list[Definition]:
    return [
        Definition(
            rule.uid, rule.correlation, rule.period, has_persona=bool(rule.entity or rule.links)
        )
        for rule in rules
        if rule.correlation is not None and rule.is_enabled
    ]


def _muted(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the rules that correlations refer to, and that none wants findings of (`generate`).

    Building blocks are among them whoever refers to them.
    """
    silent: set[str] = set()
    loud: set[str] = set()
    blocks: set[str] = set()
    for rule in rules:
        if rule.is_building_block:
            blocks.add(rule.uid)
        if rule.correlation is not None and rule.is_enabled:
            kept = loud if rule.correlation.keeps_findings else silent
            kept.update(rule.correlation.references)
    return frozenset(silent - loud | blocks)


def _bound(rule: Rule, reader: EventReader) -> BoundRule:
    holds = None if rule.condition is None else _Compiled(rule.condition, reader)
    return BoundRule(rule, holds, reader)


class _Compiled:
    """A condition as a function of an event, made when first asked: few rules of thousands are."""

    __slots__ = ("_condition", "_holds", "_reader")

    def __init__(self, condition: Condition, reader: EventReader) -> None:
        self._condition, self._reader = condition, reader
        self._holds: Callable[[Event], bool] | None = None

    def __call__(self, event: Event) -> bool:
        if self._holds is None:
            self._holds = compile_condition(self._condition, self._reader)
        return self._holds(event)


def _necessary(bound: BoundRule) -> Necessary:
    """Return what every event that the rule matches fulfills."""
    if bound.rule.condition is not None:
        return Necessary(bound.rule.condition, bound.reader.reads_record)
    # A Python rule sees the source's own record, whatever its first keys are called.
    return Necessary(
        necessary_condition(bound.rule.source, bound.rule.helpers),
        _reads_record,
        is_exact=False,
    )
