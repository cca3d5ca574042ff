"""Ask the rules of one source about its events.

The engine names the rules that must be asked about each event, most often none; only then is the
record read in full and each of them asked. Tests hold the answers against a plain evaluation that
asks every rule about every event.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from tocsin.detect.engine import Numbers, Selected
from tocsin.detect.fields import Columns, Event, Row
from tocsin.detect.findings import Hit, Refusal
from tocsin.detect.records import native_texts, read_record
from tocsin.detect.rule_set import BoundRule, SourceEngine
from tocsin.detect.run_python import RunPython, Verdict

_ANY_RULE = "*"


def judge(
    engine: SourceEngine, events: pa.Table, run_python: RunPython
) -> tuple[list[Hit], list[Refusal]]:
    """Return what the rules of one source say about its events: hits, and what gave no answer."""
    judging = _Judging(engine, events, native_texts(events), texts_of(events, "event_uid"))
    judging.conditions()
    judging.python(run_python)
    return judging.hits(), judging.refusals


@dataclass(slots=True)
class _Judging:
    """The events of one source while they are judged: what was found so far.

    Attributes:
        shown: indices of the events that Python rules must see, by whether each rule sees them all.
    """

    engine: SourceEngine
    events: pa.Table
    texts: list[str]
    uids: list[str]
    found: list[tuple[int, BoundRule, Verdict | None]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    shown: dict[bool, list[int]] = field(default_factory=lambda: {True: [], False: []})

    def conditions(self) -> None:
        """Ask the conditions that the indexes name; note which events Python rules must see."""
        index, rules = self.engine.index, self.engine.rules
        selected = index.select(self.texts)
        holding = [(place, number) for place, sure in selected.sure for number in sure]
        always = self._python.intersection(index.always)
        proven = self._python - always
        for place, event, numbers in self._asked(selected):
            for number in numbers:
                holds = rules[number].holds
                if holds is not None and holds(event):
                    holding.append((place, number))
            if not always.isdisjoint(numbers):
                self.shown[True].append(place)
            if not proven.isdisjoint(numbers):
                self.shown[False].append(place)
        self.found += ((place, rules[number], None) for place, number in sorted(holding))

    def _asked(self, selected: Selected) -> Iterator[tuple[int, Event, Numbers]]:
        """Yield events in their order, with the rules to ask; workers read records themselves."""
        by_row = self.engine.by_row.select(self.events)
        asked = dict(selected.asked)
        odd = frozenset(selected.odd)
        without_record = self._python | self.engine.by_row.reads_rows_alone
        places = sorted({*asked, *odd, *by_row})
        columns = Columns(self.events.take(pa.array(places, pa.int64())))
        for row, place in enumerate(places):
            numbers = {*asked.get(place, ()), *by_row.get(place, ())}
            record: Mapping[str, object] | None = {}
            if place in odd or not without_record.issuperset(numbers):
                record = read_record(self.texts[place])
            if record is None:
                unreadable = "record_unreadable: no JSON object"
                self.refusals.append(Refusal(_ANY_RULE, unreadable, self.uids[place]))
                continue
            if place in odd:
                numbers.update(self.engine.index.of_record(record))
            yield place, Event(record, Row(columns, row)), tuple(sorted(numbers))

    @property
    def _python(self) -> frozenset[int]:
        rules = enumerate(self.engine.rules)
        return frozenset(number for number, each in rules if each.holds is None)

    def python(self, run_python: RunPython) -> None:
        """Ask the Python rules: those without a proof about every event, the others together."""
        always = frozenset(self.engine.index.always)
        for sees_all, places in self.shown.items():
            bound = {
                each.rule.uid: each
                for number, each in enumerate(self.engine.rules)
                if each.holds is None and (number in always) is sees_all
            }
            if bound:
                self._run(bound, places, run_python)

    def _run(self, bound: dict[str, BoundRule], places: list[int], run_python: RunPython) -> None:
        sources = {uid: each.rule.source for uid, each in bound.items()}
        for verdict in run_python(sources, [self.texts[place] for place in places]):
            place = None if verdict.record is None else places[verdict.record]
            if verdict.matched and place is not None:
                self.found.append((place, bound[verdict.rule_uid], verdict))
            if verdict.failure:
                uid = None if place is None else self.uids[place]
                self.refusals.append(Refusal(verdict.rule_uid, verdict.failure, uid, verdict.count))

    def hits(self) -> list[Hit]:
        """Return the matches with their events; only matched rows are read in full, being few."""
        indices = sorted({index for index, _, _ in self.found})
        columns = Columns(self.events.take(pa.array(indices, pa.int64())))
        by_index = {
            index: Event(read_record(self.texts[index]) or {}, Row(columns, place))
            for place, index in enumerate(indices)
        }
        return [Hit(bound, by_index[index], verdict) for index, bound, verdict in self.found]


def texts_of(events: pa.Table, name: str) -> list[str]:
    """Return a column of text as Python strings."""
    return [str(value) for value in events.column(name).to_pylist()]
