"""Run rules over the stored events, in the order in which they happened; nothing is stored.

The answer to "what would this rule have found": volume, entities and samples for each rule, and
against the rules in force the findings that are new, gone or changed. Events are read few at a
time and findings forgotten once they are over, so that the length of the history does not matter.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from tocsin import detect
from tocsin.errors import Problem, UsageError
from tocsin.isolate import RuleWorker
from tocsin.ocsf import EVERYTHING, schemas
from tocsin.run.backtest_plan import Asked, Plan, planned
from tocsin.run.tally import Difference, Ledger, RuleTally, Sample, days_between
from tocsin.run.wiring import LoadedRules, log_sources
from tocsin.settings import Settings
from tocsin.store import Span, Store

Advance = Callable[[int, int | None], None]
"""Told events done and events in all."""

_BATCH_ROWS = 5_000
_EVERY_AGE = timedelta(days=365_000)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RuleTested:
    """One rule and what it found; `difference` where two sets of rules are compared.

    Attributes:
        fate: whether the rule is `new`, `changed`, `removed`, or `affected` by a correlation that
            is; "" where nothing is compared.
        findings_per_day: over the days that have events, at least one.
    """

    uid: str
    title: str
    severity_id: int
    kind: str
    tally: RuleTally
    findings_per_day: float
    fate: str = ""
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the rules would have found.

    Attributes:
        first, last: time of the first and the last event; `None` without events.
        rules: those with the most findings first.
        unaltered: rules that are the same in both sets, and were therefore not run.
        problems: of the files that were to be tested.
    """

    events: int
    first: datetime | None
    last: datetime | None
    rules: tuple[RuleTested, ...]
    unaltered: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def days(self) -> tuple[date, ...]:
        """Every day from the first event to the last."""
        if self.first is None or self.last is None:
            return ()
        return tuple(days_between(self.first.date(), self.last.date()))


@dataclass(frozen=True, slots=True)
class _Set:
    """One set of rules, ready to be evaluated, with a worker of its own."""

    rules: detect.RuleSet
    worker: RuleWorker
    is_tested: bool


def backtest(asked: Asked, settings: Settings, store: Store, advance: Advance) -> Backtest:
    """Run the rules over the stored events; write nothing.

    Raises:
        UsageError: no such source or rule, or there are no rules to test.
        ContentError: a folder is not there.
    """
    plan = planned(asked, settings)
    ledger = Ledger(
        {rule.uid: rule.period for rule in (*plan.before, *plan.rules)},
        is_comparing=asked.is_comparing,
    )
    bindings = log_sources(settings)
    with ExitStack() as stack:
        rules = detect.RuleSet.build(plan.rules, bindings, _EVERY_AGE)
        sets = [_ready(rules, plan.tested, stack, is_tested=True)]
        if plan.deployed is not None:
            before = detect.RuleSet.build(plan.before, bindings, _EVERY_AGE)
            sets.append(_ready(before, plan.deployed, stack, is_tested=False))
        seen = _run(sets, ledger, _events(asked, store), advance)
    return _told(plan, ledger, seen)


def _ready(
    rules: detect.RuleSet, loaded: LoadedRules, stack: ExitStack, *, is_tested: bool
) -> _Set:
    worker = stack.enter_context(RuleWorker())  # no process runs before the first record
    worker.provide(loaded.surroundings)
    return _Set(rules, worker, is_tested)


@dataclass(slots=True)
class _Seen:
    """How far the events were read."""

    events: int = 0
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Events:
    """The events to be read, in order, and how many there are."""

    tables: Iterator[pa.Table]
    count: int


def _events(asked: Asked, store: Store) -> _Events:
    known = {feed.source for feed in store.sources.list(EVERYTHING, datetime.now(UTC))}
    if asked.source and asked.source not in known:
        names = ", ".join(sorted(known)) or "none"
        raise UsageError(f"no events of {asked.source!r} are stored; there are some of: {names}")
    query = f'source:"{asked.source}"' if asked.source else ""
    span = Span(asked.since, asked.until)
    tables = store.events.in_order(query, EVERYTHING, span, rows=_BATCH_ROWS)
    return _Events(tables, store.events.count(query, EVERYTHING, span))


def _run(sets: Sequence[_Set], ledger: Ledger, events: _Events, advance: Advance) -> _Seen:
    windows = [detect.Windows() for _ in sets]
    seen = _Seen()
    for table in events.tables:
        times = table.column("time")
        seen.first = seen.first or times[0].as_py()
        seen.last = times[-1].as_py()
        seen.events += table.num_rows
        now = times[-1].as_py().replace(tzinfo=UTC)
        for place, one in enumerate(sets):
            windows[place] = _judge(one, table, windows[place], now, ledger)
        ledger.advance(now.replace(tzinfo=None))
        advance(seen.events, events.count)
    if seen.last is not None:
        # Nothing comes any more: what waits for late events is decided.
        nothing, end = schemas.EVENT_COLUMNS.empty_table(), seen.last.replace(tzinfo=UTC)
        for place, one in enumerate(sets):
            _judge(one, nothing, windows[place].at_rest(), end, ledger)
    ledger.finish()
    return seen


def _judge(
    one: _Set, table: pa.Table, windows: detect.Windows, now: datetime, ledger: Ledger
) -> detect.Windows:
    detected = detect.evaluate(one.rules, table, windows, now, one.worker)
    ledger.take(detected.findings.to_pylist(), is_tested=one.is_tested)
    if one.is_tested:
        _sample(detected.matches, table, ledger)
        for row in detected.failures.to_pylist():
            ledger.tally(row["rule_uid"]).failed(row["reason"], row["count"])
    return detected.windows


def _sample(matches: pa.Table, table: pa.Table, ledger: Ledger) -> None:
    """Keep the first matches of each rule with what their events did."""
    wanted = []
    for row in matches.to_pylist():
        tally = ledger.tally(row["rule_uid"])
        if len(tally.samples) < 3:
            wanted.append(row)
            tally.samples.append(Sample(row["event_uid"], row["event_time"], "", "", ""))
    if not wanted:
        return
    places = {uid: place for place, uid in enumerate(table["event_uid"].to_pylist())}
    told = table.select(Sample.columns(table.column_names))
    for row in wanted:
        samples = ledger.tally(row["rule_uid"]).samples
        uid, time = row["event_uid"], row["event_time"]
        if uid in places:
            (event,) = told.slice(places[uid], 1).to_pylist()
            at = next(at for at, each in enumerate(samples) if each.event_uid == uid)
            samples[at] = Sample.of(uid, time, event)


def _told(plan: Plan, ledger: Ledger, seen: _Seen) -> Backtest:
    length = _ONE_DAY if seen.first is None or seen.last is None else seen.last - seen.first
    days = max(length / _ONE_DAY, 1.0)
    after = {rule.uid for rule in plan.rules}
    removed = [rule for rule in plan.before if rule.uid not in after]
    tested = []
    for rule in (*plan.rules, *removed):
        if not plan.is_told(rule.uid, ledger.differences.get(rule.uid)):
            continue
        tally = ledger.tallies.get(rule.uid, RuleTally())
        tested.append(
            RuleTested(
                uid=rule.uid,
                title=rule.title,
                severity_id=rule.severity_id,
                kind=rule.kind,
                tally=tally,
                findings_per_day=tally.findings / days,
                fate="" if plan.deployed is None else _fate(rule.uid, plan),
                difference=ledger.differences.get(rule.uid),
            )
        )
    every = ledger.tallies.get("*")
    if every is not None:
        tested.append(RuleTested("*", "Records that no rule could read", 0, "", every, 0.0))
    return Backtest(
        events=seen.events,
        first=seen.first,
        last=seen.last,
        rules=tuple(sorted(tested, key=lambda each: (-each.tally.findings, each.title))),
        unaltered=plan.unaltered,
        problems=plan.tested.problems,
    )


def _fate(uid: str, plan: Plan) -> str:
    if all(rule.uid != uid for rule in plan.rules):
        return "removed"
    if uid not in plan.shown:
        return "affected"
    return "changed" if any(rule.uid == uid for rule in plan.before) else "new"
