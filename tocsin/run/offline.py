"""Read files without a store: `tocsin detect` and `tocsin normalize`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from tocsin import detect, enrich, normalize, plugins
from tocsin.collect import Source
from tocsin.isolate import RuleWorker
from tocsin.ocsf import RawBatch, concat, findings, output, schemas
from tocsin.run.knowing import knowledge_of
from tocsin.run.recognition import Tell, recognize, silently
from tocsin.run.redacting import redaction_of
from tocsin.run.wiring import RuleChoice, load_mapping, load_mappings, load_rules, log_sources
from tocsin.settings import Settings

Advance = Callable[[int, int | None], None]
"""Told bytes done and bytes in all (None where unknown)."""

_MOST_REJECT_LINES = 1000
# `detect` looks at history; here no finding is too old to be told.
_EVERY_AGE = timedelta(days=365_000)


@dataclass(slots=True)
class OfflineRun:
    """One run over files; the counts are complete once its results were read to the end.

    Attributes:
        results: OCSF findings (`detect`) or events (`normalize`) as JSON-ready dictionaries.
        counts: records, events, rejects, findings.
        rejects: reasons with their places, the first thousand.
        problems: rules that could not be used, ready to print.
    """

    results: Iterator[dict[str, object]]
    counts: Counter[str] = field(default_factory=Counter)
    rejects: list[str] = field(default_factory=list)
    problems: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return one line with the counts."""
        return ", ".join(f"{count} {name}" for name, count in self.counts.items())


def normalize_files(
    paths: Sequence[str],
    source: str,
    settings: Settings,
    advance: Advance,
    *,
    tell: Tell = silently,
) -> OfflineRun:
    """Normalize files; `source` may be `auto`.

    Raises:
        UsageError: no such source, or none was recognized.
        SourceError: a named path cannot be read.
    """
    run = OfflineRun(iter(()))
    prepared = _normalized(run, chosen_mapping(paths, source, tell), paths, settings, advance)
    run.results = _events_of(_enriched(prepared, settings))
    return run


def detect_files(
    paths: Sequence[str],
    source: str,
    choice: RuleChoice,
    settings: Settings,
    advance: Advance,
    *,
    indicators: Path | None = None,
    tell: Tell = silently,
) -> OfflineRun:
    """Run rules over files: one finding for each match; `source` may be `auto`.

    With `indicators`, lists in a folder or a data folder that has pulled some, one finding more for
    each contact with one of them.

    Raises:
        UsageError: no such source, or none was recognized.
        SourceError: a named path cannot be read.
    """
    loaded = load_rules(choice, settings)
    bindings = log_sources(settings)
    rules = replace(detect.RuleSet.build(loaded.rules, bindings, _EVERY_AGE), is_merging=False)
    run = OfflineRun(iter(()), problems=tuple(map(str, loaded.refusals)))
    worker = RuleWorker()  # no process runs before the first record
    worker.provide(loaded.surroundings)
    mapping = chosen_mapping(paths, source, tell)
    prepared = _enriched(_normalized(run, mapping, paths, settings, advance), settings)
    if indicators is None:
        run.results = _findings_of(run, prepared, rules, worker)
    else:
        run.results = _findings_and_contacts(run, prepared, rules, worker, (indicators, settings))
    return run


def file_source(
    paths: Sequence[str], mapping: normalize.Mapping, feed: str, advance: Advance
) -> Source:
    """Return a source that reads files once."""
    plug = plugins.find("tocsin.collect.sources", "files")
    observe = lambda done, total: advance(done, total or None)  # noqa: E731 - one use, one line
    values = {
        "feed": feed,
        "source": mapping.source,
        "paths": tuple(paths),
        "unwrap": mapping.unwrap,
        "reader": mapping.reader,
    }
    made: Source = plug(plugins.settings_of(plug, values), observe=observe)
    return made


def chosen_mapping(paths: Sequence[str], source: str, tell: Tell = silently) -> normalize.Mapping:
    """Return the mapping of `source`, or for `auto` the one that fits the content best.

    Raises:
        UsageError: no such source, or none was recognized.
    """
    if source == "auto":
        return recognize(paths, load_mappings(), tell)
    return load_mapping(source)


def _normalized(
    run: OfflineRun,
    mapping: normalize.Mapping,
    paths: Sequence[str],
    settings: Settings,
    advance: Advance,
) -> Iterator[normalize.Normalized]:
    redaction = redaction_of(settings)
    for found in file_source(paths, mapping, "offline", advance).read(None):
        batch, _ = redaction.of(found)
        normalized = normalize.apply(mapping, batch)
        _count(run, batch, normalized)
        yield normalized


def _count(run: OfflineRun, batch: RawBatch, normalized: normalize.Normalized) -> None:
    rejects = batch.rejects.to_pylist() + normalized.rejects.to_pylist()
    run.counts["records"] += batch.records.num_rows + batch.rejects.num_rows
    run.counts["events"] += normalized.events.num_rows
    run.counts["rejects"] += len(rejects)
    room = _MOST_REJECT_LINES - len(run.rejects)
    run.rejects += [f"{row['origin']}:{row['position']}: {row['reason']}" for row in rejects[:room]]


def _enriched(
    prepared: Iterable[normalize.Normalized], settings: Settings
) -> Iterator[normalize.Normalized]:
    knowledge = knowledge_of(settings)
    for normalized in prepared:
        yield replace(normalized, events=enrich.enrich(normalized.events, knowledge))


def _events_of(prepared: Iterable[normalize.Normalized]) -> Iterator[dict[str, object]]:
    for normalized in prepared:
        # One dictionary a printed line: there is no columnar way to print.
        for row in normalized.events.to_pylist():
            yield output.event_json(row)


def _findings_and_contacts(
    run: OfflineRun,
    prepared: Iterable[normalize.Normalized],
    rules: detect.RuleSet,
    worker: RuleWorker,
    compared: tuple[Path, Settings],
) -> Iterator[dict[str, object]]:
    # Loaded here: whoever compares with nothing starts without the store.
    from tocsin.run.offline_intelligence import contacts

    folder, settings = compared
    with contacts(folder, settings, knowledge_of(settings).own) as found:
        marked = (replace(each, events=found.marked(each.events)) for each in prepared)
        yield from _findings_of(run, marked, rules, worker)
        for finding in found.told():
            run.counts["findings"] += 1
            yield finding


def _findings_of(
    run: OfflineRun,
    prepared: Iterable[normalize.Normalized],
    rules: detect.RuleSet,
    worker: RuleWorker,
) -> Iterator[dict[str, object]]:
    windows = detect.Windows()
    gathered = Gathered()
    with worker:
        for normalized in prepared:
            now = datetime.now(UTC)
            detected = detect.evaluate(rules, normalized.events, windows, now, worker)
            windows = detected.windows
            found = concat([normalized.findings, detected.findings], schemas.FINDINGS)
            alone = gathered.keep(found)
            for finding in _told(alone, normalized.events):
                run.counts["findings"] += 1
                yield finding
        # The files are read: time goes on without events, and what waits for its end is decided.
        nothing = schemas.EVENT_COLUMNS.empty_table()
        now = datetime.now(UTC)
        detected = detect.evaluate(rules, nothing, windows.at_rest(), now, worker)
        gathered.keep(detected.findings)
    for finding in _told(gathered.rows(), nothing):
        run.counts["findings"] += 1
        yield finding


class Gathered:
    """Findings of correlations over all batches: one for each group and period."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    def keep(self, found: pa.Table) -> list[dict[str, Any]]:
        """Take the findings of correlations; return the others."""
        others = []
        for row in found.to_pylist():
            if row["rule_type"] == "Correlation":
                before = self._rows.get(row["uid"])
                self._rows[row["uid"]] = _joined(before, row) if before else row
            else:
                others.append(row)
        return others

    def rows(self) -> list[dict[str, Any]]:
        """Return what was taken."""
        return list(self._rows.values())


def _joined(before: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    return {
        **before,
        "context": row["context"],
        "first_time": min(before["first_time"], row["first_time"]),
        "last_time": max(before["last_time"], row["last_time"]),
        "match_count": before["match_count"] + row["match_count"],
        "event_uids": [*before["event_uids"], *row["event_uids"]],
        "links": [
            *before["links"],
            *(each for each in row["links"] if each not in before["links"]),
        ],
    }


def _told(rows: Iterable[dict[str, Any]], events: pa.Table) -> Iterator[dict[str, object]]:
    """Yield each finding as OCSF Detection Finding with its events, in order of time."""
    rows = sorted(rows, key=lambda row: (row["first_time"], row["uid"]))
    if not rows:
        return
    places = {uid: place for place, uid in enumerate(events["event_uid"].to_pylist())}
    for row in rows:
        # Of a rule that counts, earlier events came in earlier batches: they are named, not shown.
        at_hand = [places[uid] for uid in row["event_uids"] if uid in places]
        related = events.take(pa.array(at_hand, pa.int64()))
        yield findings.finding_json(row, related.to_pylist())
