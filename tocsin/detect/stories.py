"""Run the examples of correlations: several events, one after the other, as they would arrive."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa

from tocsin.conditions import compile_condition
from tocsin.detect.evaluate import Detected, evaluate
from tocsin.detect.laying import Laid, merged
from tocsin.detect.rule_set import BoundRule, RuleSet
from tocsin.detect.rules import Example, Rule
from tocsin.detect.run_python import RunPython
from tocsin.detect.windows import Windows

_BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_LONG_AFTER = timedelta(days=1_000)


class _Entry(msgspec.Struct, frozen=True):
    after_us: int
    repeat: int
    source: str | None
    event: Mapping[str, object] | None


def _entries(example: Example) -> list[_Entry]:
    return msgspec.json.decode(example.story, type=list[_Entry])


def _nothing() -> pa.Table:
    # Not a constant: making a table reserves memory, which a reader of rule files has little of.
    return pa.table({"source": pa.array([], pa.string())})


class UntellableError(Exception):
    """The example cannot be run; the text says why."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Runs the examples of one correlation.

    Attributes:
        rules: those that the correlation refers to, however far in, and itself.
    """

    rules: RuleSet
    laid: Laid
    run_python: RunPython
    base_records: Mapping[str, Mapping[str, object]]

    def says(self, rule: Rule, example: Example) -> tuple[bool, str]:
        """Return whether the correlation finds something, and what gave no answer.

        Raises:
            UntellableError: an entry cannot be told.
        """
        windows, now, found = Windows(), _BEGIN, False
        for moment, events in self._told(example):
            now = moment
            detected = evaluate(self.rules, events, windows, now, self.run_python)
            if detected.failures.num_rows:
                return found, str(detected.failures.column("reason")[0])
            windows, found = detected.windows, found or _finds(detected, rule)
        end = now + self._patience()
        detected = evaluate(self.rules, _nothing(), windows.at_rest(), end, self.run_python)
        return found or _finds(detected, rule), ""

    def _patience(self) -> timedelta:
        """Return how long after the last entry is waited.

        Everything is decided then; but where something is awaited the example says how long.
        """
        plans = self.rules.plans.plans
        if any(plan.correlation.kind == "absence" for plan in plans):
            return timedelta(microseconds=max(plan.late_us for plan in plans))
        return _LONG_AFTER

    def want(self, example: Example) -> None:
        """Say which records the example is made of.

        Raises:
            UntellableError: an entry cannot be told.
        """
        for entry in _entries(example):
            for repetition in range(1, entry.repeat + 1):
                if entry.event is not None:
                    self.laid.want(*self._record(entry, repetition))

    def _told(self, example: Example) -> Iterator[tuple[datetime, pa.Table]]:
        """Yield the events of each entry, as a shipper sends them together, and their last time."""
        moment, number = _BEGIN, 0
        for entry in _entries(example):
            told = []
            for repetition in range(1, entry.repeat + 1):
                moment += timedelta(microseconds=entry.after_us)
                number += 1
                if entry.event is not None:
                    told.append(self._events(entry, repetition, f"evt_{number:06}", moment))
            yield moment, pa.concat_tables(told) if told else _nothing()

    def _record(self, entry: _Entry, repetition: int) -> tuple[str, dict[str, object]]:
        source = entry.source or self._only_source()
        if source not in self.rules.by_source:
            raise UntellableError(f"no rule of the correlation reads the source {source!r}")
        text = msgspec.json.encode(entry.event).replace(b"{n}", str(repetition).encode())
        return source, merged(self.base_records.get(source, {}), msgspec.json.decode(text))

    def _events(self, entry: _Entry, repetition: int, uid: str, moment: datetime) -> pa.Table:
        source, record = self._record(entry, repetition)
        events = self.laid.events(source, record)
        if not events.num_rows:
            raise UntellableError(f"the mapping of {source} rejects the record of {uid}")
        for name, value in (("event_uid", uid), ("time", moment.replace(tzinfo=None))):
            at = events.schema.get_field_index(name)
            kind = events.schema.field(name)
            events = events.set_column(at, kind, pa.array([value] * events.num_rows, kind.type))
        return events

    def _only_source(self) -> str:
        bound = [each.rule for some in self.rules.by_source.values() for each in some]
        usual = usual_source(self.rules.by_source, bound)
        if usual is not None:
            return usual
        names = ", ".join(sorted(self.rules.by_source)) or "none"
        raise UntellableError(f"`source` must say which source an event is of: {names}")


def usual_source(sources: Iterable[str], rules: Iterable[Rule]) -> str | None:
    """Return the source that examples without one are of; `None` where that is not clear.

    Of several sources with the same log source (audit logs of Kubernetes, from the API server and
    as a cloud wraps them) it is the one that bears the product's name: `kubernetes.audit`.
    """
    known = sorted(sources)
    products = {rule.log_source.product for rule in rules}
    named = [source for source in known if source.partition(".")[0] in products]
    chosen = known if len(known) == 1 else named
    return chosen[0] if len(chosen) == 1 else None


def _finds(detected: Detected, rule: Rule) -> bool:
    return rule.uid in detected.findings.column("rule_uid").to_pylist()


def narrowed(rules: RuleSet, rule: Rule) -> RuleSet:
    """Return the rules that a correlation refers to, however far in, as their examples see them."""
    by_uid = {each.uid: each for each in rules.rules}
    wanted: set[str] = set()
    waiting = [rule.uid]
    while waiting:
        uid = waiting.pop()
        if uid in by_uid and uid not in wanted:
            wanted.add(uid)
            correlation = by_uid[uid].correlation
            waiting += correlation.references if correlation else ()
    return rules.narrowed(frozenset(wanted), as_in_examples)


def as_in_examples(bound: BoundRule) -> BoundRule:
    """Return a bound rule as its examples see it."""
    rule = bound.rule.as_in_examples()
    if rule.condition is None or rule is bound.rule:
        return bound
    return replace(bound, rule=rule, holds=compile_condition(rule.condition, bound.reader))
