"""Load history into the store, and replay rejects: turns without sources that go on."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from tocsin.errors import TocsinError, UsageError
from tocsin.isolate import RuleWorker
from tocsin.ocsf import RawBatch
from tocsin.run.memory import keep_small
from tocsin.run.offline import Advance, file_source
from tocsin.run.pipeline import Prepared, TurnReport, prepare, turn, turn_whatever_comes
from tocsin.run.recognition import Tell, recognize, silently
from tocsin.run.tools import Tools
from tocsin.run.wiring import load_mappings, load_rules, load_tools, mapping_for, rules_of
from tocsin.settings import Settings
from tocsin.store import Store

_AHEAD = 1


def ingest_files(
    paths: Sequence[str],
    source: str,
    settings: Settings,
    advance: Advance,
    *,
    tell: Tell = silently,
) -> Counter[str]:
    """Load files into the store; run again with the same paths, it resumes.

    Args:
        paths: files and folders.
        source: what their records are, or `auto`.
        settings: with the data folder.
        advance: told how far it is.
        tell: told which source was recognized, and why.

    Returns:
        How many `records` came, and `events`, `duplicates`, `rejects`, `findings` and changed
        `incidents` that they became.

    Raises:
        UsageError: no such source, none was recognized, or the data folder is a demo's.
        SourceError: a named path cannot be read.
    """
    keep_small()
    # Before the store is opened: a mistyped source must not leave a data folder behind.
    mappings = load_mappings()
    mapping = (
        recognize(paths, mappings, tell) if source == "auto" else mapping_for(source, mappings)
    )
    with Store.open(settings.data) as store, RuleWorker() as worker:
        tools = load_tools(settings, load_rules(rules_of(settings), settings), worker, mappings)
        tools = replace(tools, is_told=False)
        feed = _feed(paths, mapping.source)
        batches = file_source(paths, mapping, feed, advance).read(store.turns.cursor(feed))
        return _load(batches, tools, store)


def replay_rejects(settings: Settings) -> Counter[str]:
    """Normalize the stored rejects again; those that now become events leave the rejects."""
    is_demo = Store.kind(settings.data) == "demo"
    with Store.open(settings.data, demo=is_demo) as store, RuleWorker() as worker:
        tools = load_tools(
            settings, load_rules(rules_of(settings), settings), worker, load_mappings()
        )
        tools = replace(tools, is_told=False)
        return _load(store.rejects.replay(), tools, store)


def _load(batches: Iterable[RawBatch], tools: Tools, store: Store) -> Counter[str]:
    counts: Counter[str] = Counter()
    incidents: set[str] = set()
    with ThreadPoolExecutor(1, thread_name_prefix="normalize") as ahead:
        for batch, prepared in _prepared_ahead(batches, tools, ahead):
            report = _turn(batch, prepared, tools, store)
            counts.update(
                records=report.records,
                events=report.events,
                duplicates=report.duplicates,
                rejects=report.rejects,
                findings=report.findings,
            )
            incidents.update(incident.uid for incident in report.changed)
    counts["incidents"] = len(incidents)
    return counts


def _prepared_ahead(
    batches: Iterable[RawBatch], tools: Tools, ahead: ThreadPoolExecutor
) -> Iterator[tuple[RawBatch, "Future[Prepared]"]]:
    """Yield each batch while the next one is being normalized: both cores have work."""
    waiting: deque[tuple[RawBatch, Future[Prepared]]] = deque()
    for batch in batches:
        if batch.source not in tools.mappings:
            raise UsageError(f"no mapping is called {batch.source!r} any more; bring it back first")
        waiting.append((batch, ahead.submit(prepare, batch, tools)))
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting


def _turn(batch: RawBatch, prepared: "Future[Prepared]", tools: Tools, store: Store) -> TurnReport:
    try:
        return turn([prepared.result()], tools, store, datetime.now(UTC))
    except TocsinError:
        raise
    # The edge of the thinking rooms: the careful way finds the record that broke one of them.
    except Exception:
        return turn_whatever_comes([batch], tools, store, lambda: datetime.now(UTC))


def _feed(paths: Sequence[str], source: str) -> str:
    """Return the feed of these paths: the same paths resume, others do not disturb them."""
    resolved = "\0".join(str(Path(path).resolve()) if path != "-" else "-" for path in paths)
    return f"files-{source}-{blake2b(resolved.encode(), digest_size=6).hexdigest()}"
