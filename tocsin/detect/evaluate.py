"""Evaluate every rule on every event: the plain evaluator, obviously correct.

Each event is parsed once; each rule of its source answers; nothing is skipped and nothing is
guessed. A faster engine will stand behind the same door and be held against this one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

import msgspec
import pyarrow as pa

from tocsin.detect.fields import Columns, Event, Row
from tocsin.detect.findings import Hit, Refusal, conclude
from tocsin.detect.rule_set import BoundRule, RuleSet
from tocsin.detect.run_python import RunPython, Verdict
from tocsin.detect.windows import Windows
from tocsin.ocsf import from_rows, schemas

_MAX_DIGITS = 400
_ANY_RULE = "*"


@dataclass(frozen=True, slots=True)
class Detected:
    """What the rules said.

    Attributes:
        matches: rows of `ocsf.schemas.MATCHES`.
        findings: rows of `ocsf.schemas.FINDINGS`.
        windows: the counting state afterwards.
        failures: rows of `ocsf.schemas.FAILURES`; rule `*` where a record could not be read at all.
    """

    matches: pa.Table
    findings: pa.Table
    windows: Windows
    failures: pa.Table


def evaluate(
    rules: RuleSet, events: pa.Table, windows: Windows, now: datetime, run_python: RunPython
) -> Detected:
    """Evaluate the rules on the events.

    Args:
        rules: bound and compiled.
        events: rows with `ocsf.schemas.EVENT_COLUMNS` and the OCSF attributes of their mapping; of
            one source or several; events that were evaluated before have been left out.
        windows: the counting state before.
        now: UTC; decides which findings are recent enough to alert, and which windows expire.
        run_python: where Python rules run.

    Returns:
        Matches, findings and failures of these events, and the windows afterwards.
    """
    hits: list[Hit] = []
    refusals: list[Refusal] = []
    sources = _texts(events, "source")
    for source in sorted(set(sources)):
        bound = [each for each in rules.by_source.get(source, ()) if each.rule.is_enabled]
        if bound:
            of_source = events.filter(pa.array([each == source for each in sources]))
            found, refused = judge(bound, of_source, run_python)
            hits += found
            refusals += refused
    concluded = conclude(hits, windows, now, rules.alert_age, is_merging=rules.is_merging)
    failures = [*_failures(refusals), *concluded.failures]
    return Detected(
        matches=from_rows(concluded.matches, schemas.MATCHES),
        findings=from_rows(concluded.findings, schemas.FINDINGS),
        windows=concluded.windows,
        failures=from_rows(failures, schemas.FAILURES),
    )


def judge(
    bound: Sequence[BoundRule], events: pa.Table, run_python: RunPython
) -> tuple[list[Hit], list[Refusal]]:
    """Return what the rules of one source say about its events: hits, and what gave no answer."""
    judging = _Judging(_texts(events, "raw_data"), _texts(events, "event_uid"))
    judging.conditions([each for each in bound if each.holds is not None], events)
    python = [each for each in bound if each.holds is None]
    if python:
        judging.python(python, run_python)
    return judging.hits(events), judging.refusals


@dataclass(slots=True)
class _Judging:
    """The events of one source while they are judged: what was found so far."""

    texts: list[str]
    uids: list[str]
    found: list[tuple[int, BoundRule, Verdict | None]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    readable: list[int] = field(default_factory=list)

    def conditions(self, bound: Sequence[BoundRule], events: pa.Table) -> None:
        """Parse each record once and ask every condition."""
        columns = Columns(events)
        for index, text in enumerate(self.texts):
            record = read_record(text)
            if record is None:
                uid = self.uids[index]
                self.refusals.append(Refusal(_ANY_RULE, "record_unreadable: no JSON object", uid))
                continue
            self.readable.append(index)
            event = Event(record, Row(columns, index))
            for each in bound:
                if each.holds is not None and each.holds(event):
                    self.found.append((index, each, None))

    def python(self, bound: Sequence[BoundRule], run_python: RunPython) -> None:
        """Ask every Python rule."""
        by_uid = {each.rule.uid: each for each in bound}
        sources = {uid: each.rule.source for uid, each in by_uid.items()}
        for verdict in run_python(sources, [self.texts[index] for index in self.readable]):
            index = None if verdict.record is None else self.readable[verdict.record]
            if verdict.matched and index is not None:
                self.found.append((index, by_uid[verdict.rule_uid], verdict))
            if verdict.failure:
                uid = None if index is None else self.uids[index]
                self.refusals.append(Refusal(verdict.rule_uid, verdict.failure, uid, verdict.count))

    def hits(self, events: pa.Table) -> list[Hit]:
        """Return the matches with their events; only matched rows are read in full, being few."""
        indices = sorted({index for index, _, _ in self.found})
        columns = Columns(events.take(pa.array(indices, pa.int64())))
        by_index = {
            index: Event(read_record(self.texts[index]) or {}, Row(columns, place))
            for place, index in enumerate(indices)
        }
        return [Hit(bound, by_index[index], verdict) for index, bound, verdict in self.found]


def _texts(events: pa.Table, name: str) -> list[str]:
    return [str(value) for value in events.column(name).to_pylist()]


def read_record(text: str) -> Mapping[str, object] | None:
    """Return the record, `None` where it is no JSON object or too deep.

    Numbers beyond what fits stay text, as does `NaN`: rules may look at everything else.
    """
    try:
        record = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        record = _read_loosely(text)
    return record if isinstance(record, dict) else None


def _read_loosely(text: str) -> object:
    try:
        return json.loads(text, parse_int=_whole, parse_float=_fraction, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return number if abs(number) != float("inf") else digits


def _failures(refusals: Sequence[Refusal]) -> Iterator[dict[str, object]]:
    """Yield one row for each rule and reason, with the first event and the count."""
    by_reason: dict[tuple[str, str], list[Refusal]] = {}
    for refusal in refusals:
        by_reason.setdefault((refusal.rule_uid, refusal.reason), []).append(refusal)
    for (rule_uid, reason), together in sorted(by_reason.items()):
        named = chain((each.event_uid for each in together if each.event_uid), [None])
        yield {
            "rule_uid": rule_uid,
            "reason": reason,
            "event_uid": next(named),
            "count": sum(each.count for each in together),
        }
