"""Evaluate the rules on events: what they say becomes matches, findings and failures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import pyarrow as pa

from tocsin.detect.correlating import Correlated, correlate
from tocsin.detect.findings import Concluded, Hit, Refusal, conclude
from tocsin.detect.judging import judge, texts_of
from tocsin.detect.rule_set import RuleSet
from tocsin.detect.run_python import RunPython
from tocsin.detect.windows import Windows
from tocsin.ocsf import from_rows, schemas


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
    sources = texts_of(events, "source")
    for source in sorted(set(sources)):
        engine = rules.engines.get(source)
        if engine is not None and engine.rules:
            of_source = events.filter(pa.array([each == source for each in sources]))
            found, refused = judge(engine, of_source, run_python)
            hits += found
            refusals += refused
    loud = [hit for hit in hits if hit.bound.rule.uid not in rules.muted] if rules.muted else hits
    concluded = conclude(loud, windows, now, rules.alert_age, is_merging=rules.is_merging)
    together: list[Concluded | Correlated] = [concluded]
    if rules.plans.plans:
        newest = _newest(events)
        together.append(correlate(rules, hits, concluded.windows, newest, now))
    failures = [*_failures(refusals), *(row for part in together for row in part.failures)]
    return Detected(
        matches=from_rows([row for part in together for row in part.matches], schemas.MATCHES),
        findings=from_rows([row for part in together for row in part.findings], schemas.FINDINGS),
        windows=together[-1].windows,
        failures=from_rows(failures, schemas.FAILURES),
    )


def _newest(events: pa.Table) -> dict[str, int]:
    """Return the time of the newest event of each source, microseconds since 1970."""
    if not events.num_rows:
        return {}
    times = events.select(["source", "time"]).group_by("source").aggregate([("time", "max")])
    newest = times.column("time_max").cast(pa.int64()).to_pylist()
    return dict(zip(times.column("source").to_pylist(), newest, strict=True))


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
