"""Evaluate every rule on every event: the plain evaluator, obviously correct.

Each event is parsed once; each rule of its source answers; nothing is skipped and nothing is
guessed. A faster engine will stand behind the same door and be held against this one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    concluded = conclude(hits, windows, now, rules.alert_age)
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
    texts, uids = _texts(events, "raw_data"), _texts(events, "event_uid")
    compiled = [each for each in bound if each.holds is not None]
    columns = Columns(events)
    found: list[tuple[int, BoundRule, Verdict | None]] = []
    refusals: list[Refusal] = []
    records: dict[int, Mapping[str, object]] = {}
    for index, text in enumerate(texts):
        record = read_record(text)
        if record is None:
            refusals.append(Refusal(_ANY_RULE, "record_unreadable: not a JSON object", uids[index]))
            continue
        event = Event(record, Row(columns, index))
        matching = [each for each in compiled if each.holds is not None and each.holds(event)]
        if matching:
            records[index] = record
            found += [(index, each, None) for each in matching]
    matched, refused = _judge_python(bound, texts, uids, run_python)
    found += matched
    return _hits(found, events, records), [*refusals, *refused]


def _judge_python(
    bound: Sequence[BoundRule], texts: Sequence[str], uids: Sequence[str], run_python: RunPython
) -> tuple[list[tuple[int, BoundRule, Verdict | None]], list[Refusal]]:
    by_uid = {each.rule.uid: each for each in bound if each.holds is None}
    if not by_uid:
        return [], []
    verdicts = run_python({uid: each.rule.source for uid, each in by_uid.items()}, texts)
    matched: list[tuple[int, BoundRule, Verdict | None]] = [
        (verdict.record, by_uid[verdict.rule_uid], verdict)
        for verdict in verdicts
        if verdict.matched and verdict.record is not None
    ]
    refusals = [
        Refusal(
            verdict.rule_uid,
            verdict.failure,
            None if verdict.record is None else uids[verdict.record],
            verdict.count,
        )
        for verdict in verdicts
        if verdict.failure
    ]
    return matched, refusals


def _hits(
    found: Sequence[tuple[int, BoundRule, Verdict | None]],
    events: pa.Table,
    records: Mapping[int, Mapping[str, object]],
) -> list[Hit]:
    """Return the matches with what a finding needs to know of their events.

    Only matched rows are read in full; they are few.
    """
    indices = sorted({index for index, _, _ in found})
    chosen = events.take(pa.array(indices, pa.int64()))
    columns = Columns(chosen)
    texts = _texts(chosen, "raw_data")
    by_index = {
        index: Event(
            records[index] if index in records else read_record(texts[place]) or {},
            Row(columns, place),
        )
        for place, index in enumerate(indices)
    }
    return [Hit(bound, by_index[index], verdict) for index, bound, verdict in found]


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
