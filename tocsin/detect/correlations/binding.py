"""Bind correlations to the rules they refer to, and lay down what each must remember."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tocsin.detect.correlations.forms import is_windowed
from tocsin.detect.correlations.model import Correlation
from tocsin.detect.correlations.plan import Plan
from tocsin.ocsf.identifiers import content_hash

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Definition:
    """A correlation as its rule gives it; the references are uids.

    Attributes:
        has_persona: whether the rule chooses whom its findings are about.
    """

    uid: str
    correlation: Correlation
    period: timedelta
    has_persona: bool = False


@dataclass(frozen=True, slots=True)
class Plans:
    """Bound correlations, inner ones before outer ones.

    Attributes:
        paths: what correlations need of the events of each rule, by its uid.
        personas: which correlations choose whom events of a rule are about, by its uid.
    """

    plans: tuple[Plan, ...] = ()
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    personas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def bind(definitions: Iterable[Definition], sources: Mapping[str, frozenset[str]]) -> Plans:
    """Bind correlations.

    Args:
        definitions: without cycles.
        sources: where events of each rule come from, by its uid, correlations left out. A
            correlation refers in vain to rules that are in neither.
    """
    binder = _Binder({each.uid: each for each in definitions}, sources)
    ordered = binder.ordered()
    plans = tuple(binder.plan(uid) for uid in ordered)
    paths: dict[str, tuple[str, ...]] = {}
    personas: dict[str, tuple[str, ...]] = {}
    for uid in sources:
        if uid in binder.readers:
            paths[uid] = binder.needed(uid)
            personas[uid] = binder.personas(uid)
    return Plans(plans, paths, personas)


class _Binder:
    def __init__(
        self, by_uid: Mapping[str, Definition], sources: Mapping[str, frozenset[str]]
    ) -> None:
        self._by_uid = by_uid
        self._sources = sources
        self.readers: dict[str, list[str]] = {}
        for uid, definition in by_uid.items():
            for reference in definition.correlation.references:
                self.readers.setdefault(reference, []).append(uid)
        self._delays: dict[str, int] = {}
        self._leaves: dict[str, frozenset[str]] = {}

    def ordered(self) -> list[str]:
        """Return the uids, inner ones first."""
        done: dict[str, None] = {}

        def visit(uid: str) -> None:
            if uid in done:
                return
            for reference in self._by_uid[uid].correlation.references:
                if reference in self._by_uid:
                    visit(reference)
            done[uid] = None

        for uid in sorted(self._by_uid):
            visit(uid)
        return list(done)

    def needed(self, uid: str) -> tuple[str, ...]:
        """Return the paths that correlations, however far out, read in events of a rule."""
        found: set[str] = set()
        for reader in self.readers.get(uid, ()):
            found.update(self._own(reader, uid))
            found.update(self.needed(reader))
        return tuple(sorted(found))

    def personas(self, uid: str) -> tuple[str, ...]:
        """Return the keys of the personas that correlations need of events of a rule."""
        found = {""}
        for reader in self.readers.get(uid, ()):
            if self._by_uid[reader].has_persona:
                found.add(reader)
            found.update(self.personas(reader))
        return tuple(sorted(found))

    def _own(self, uid: str, reference: str) -> tuple[str, ...]:
        correlation = self._by_uid[uid].correlation
        names = (*correlation.group_by, *correlation.fields)
        return tuple(correlation.field_of(name, reference) for name in names)

    def plan(self, uid: str) -> Plan:
        """Return one bound correlation; inner ones have been asked for before."""
        definition = self._by_uid[uid]
        correlation = definition.correlation
        references = correlation.references
        delays = (self._delays.get(each, 0) for each in references)
        late_us = max(_us(correlation.lateness), *delays)
        span_us = _us(correlation.timespan)
        delay_us = late_us + (span_us if is_windowed(correlation) else 0)
        self._delays[uid] = delay_us
        leaves = (self._leaves.get(each, frozenset((each,))) for each in references)
        self._leaves[uid] = frozenset().union(*leaves)
        groups, fields = len(correlation.group_by), correlation.group_by
        return Plan(
            uid=uid,
            key=_key(definition),
            correlation=correlation,
            span_us=span_us,
            late_us=late_us,
            delay_us=delay_us,
            period_us=_us(definition.period),
            learning_us=_us(correlation.learning),
            history_us=_us(correlation.history),
            counted=_counted(correlation),
            needed=_needed(correlation),
            bits={each: number for number, each in enumerate(references)},
            groups={each: self._own(uid, each)[:groups] for each in references},
            fields={each: self._own(uid, each)[len(fields) :] for each in references},
            carried=self.needed(uid),
            personas=tuple(
                sorted({*self.personas(uid), *([uid] if definition.has_persona else [])})
            ),
            outers=tuple(self.readers.get(uid, ())),
            leaves=self._leaves[uid],
            sources=frozenset().union(
                *(self._sources.get(each, frozenset()) for each in self._leaves[uid])
            ),
        )


def _us(length: timedelta) -> int:
    return length // _MICROSECOND


def _counted(correlation: Correlation) -> int:
    if correlation.kind not in ("event_count", "value_count"):
        return 0
    return int(max((bound.number for bound in correlation.bounds), default=0))


def _needed(correlation: Correlation) -> int:
    """Return how many different rules a `temporal` correlation without an expression asks for."""
    if correlation.kind not in ("temporal", "temporal_ordered") or correlation.expression:
        return 0
    least = (
        int(bound.number) + (bound.comparison == "gt")
        for bound in correlation.bounds
        if bound.comparison in ("gt", "gte")
    )
    wanted = max(least, default=0)
    # A rule that is named twice is one bit.
    return min(wanted, len(set(correlation.rules)))


def _key(definition: Definition) -> str:
    """Return what tells definitions apart whose memories mean something different."""
    correlation = replace(
        definition.correlation,
        bounds=(),
        keeps_findings=False,
        learning=timedelta(0),
        times=0.0,
        line=0,
    )
    described = f"{definition.uid} {correlation!r} {definition.period}"
    return content_hash(described.encode("utf-8", "surrogatepass"))
