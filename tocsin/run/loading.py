"""Load history into the store, and replay rejects: turns without sources that go on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from tocsin.errors import UsageError
from tocsin.isolate import RuleWorker
from tocsin.ocsf import RawBatch
from tocsin.run.offline import Advance, chosen_mapping, file_source
from tocsin.run.pipeline import Tools, turn_whatever_comes
from tocsin.run.wiring import load_rules, load_tools, rules_of
from tocsin.settings import Settings
from tocsin.store import Store


def ingest_files(
    paths: Sequence[str], source: str, settings: Settings, advance: Advance
) -> Counter[str]:
    """Load files into the store; run again with the same paths, it resumes.

    Returns:
        How many records came and what became of them.

    Raises:
        UsageError: no such source, none was recognized, or the data folder is a demo's.
        SourceError: a named path cannot be read.
    """
    with Store.open(settings.data) as store, RuleWorker() as worker:
        tools = load_tools(settings, load_rules(rules_of(settings), settings), worker)
        mapping = chosen_mapping(paths, source, tools.mappings)
        feed = _feed(paths, mapping.source)
        batches = file_source(paths, mapping, feed, advance).read(store.turns.cursor(feed))
        return _load(batches, tools, store)


def replay_rejects(settings: Settings) -> Counter[str]:
    """Normalize the stored rejects again; those that now become events leave the rejects."""
    is_demo = Store.kind(settings.data) == "demo"
    with Store.open(settings.data, demo=is_demo) as store, RuleWorker() as worker:
        tools = load_tools(settings, load_rules(rules_of(settings), settings), worker)
        return _load(store.rejects.replay(), tools, store)


def _load(batches: Iterable[RawBatch], tools: Tools, store: Store) -> Counter[str]:
    counts: Counter[str] = Counter()
    for batch in batches:
        if batch.source not in tools.mappings:
            raise UsageError(f"no mapping is called {batch.source!r} any more; bring it back first")
        report = turn_whatever_comes([batch], tools, store, lambda: datetime.now(UTC))
        counts.update(
            records=report.records,
            events=report.events,
            duplicates=report.duplicates,
            rejects=report.rejects,
            findings=report.findings,
            incidents=len(report.changed),
        )
    store.maintenance.compact(datetime.now(UTC))
    return counts


def _feed(paths: Sequence[str], source: str) -> str:
    """Return the feed of these paths: the same paths resume, others do not disturb them."""
    resolved = "\0".join(str(Path(path).resolve()) if path != "-" else "-" for path in paths)
    return f"files-{source}-{blake2b(resolved.encode(), digest_size=6).hexdigest()}"
