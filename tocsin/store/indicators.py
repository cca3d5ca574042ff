"""Indicators of threat intelligence: files beside the lake, searched by key.

indicators/<feed>/state.json        what is in force, how pulls went, which searches are to be done
indicators/<feed>/<id>.parquet      its indicators, in order of their keys
indicators/<feed>/<id>.keys         the same keys, 64 bits each, mapped into memory and bisected
indicators/<feed>/<id>.new          keys that this snapshot brought, for the search of history

A snapshot is written whole and takes its place by one rename of `state.json`: whoever looks sees
the old one or the new one. Memory does not grow with the number of indicators: the keys are pages
of a file, rows are read where a key was found.
"""

import json
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tocsin.errors import StoreError
from tocsin.intelligence import Indicator, IndicatorTable, keys
from tocsin.store import durable
from tocsin.store.folder import Lock
from tocsin.store.snapshots import KeyFile, Snapshot, write_snapshot

_STATE = "state.json"
_LOCK = "lock"
_REMEMBERED = 20_000
_MOST_ANSWERS = 20


@dataclass(frozen=True, slots=True)
class Search:
    """A search of stored events for what a snapshot brought.

    Attributes:
        snapshot: whose new keys are searched for.
        since, until: of event time, seconds since 1970.
        position: how far it has come.
        events: searched so far.
        findings: raised so far.
    """

    snapshot: str
    since: float
    until: float
    position: float
    events: int = 0
    findings: int = 0

    @property
    def is_done(self) -> bool:
        """Whether it has come to its end."""
        return self.position >= self.until


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is known of one feed of indicators; times are seconds since 1970.

    Attributes:
        snapshot: the one in force; "" before the first.
        rows: indicators in it.
        fresh: of these, what no feed had before.
        pulled: when the last pull succeeded.
        tried: when the last pull began.
        problem: why the last pull failed; "" where it did not.
        counts: of the last pull that brought something, by what became of its entries.
        marks: what the next pull goes by: ETag, place in a collection.
        searches: of history, the oldest first; done ones are kept as long as ten.
    """

    feed: str
    snapshot: str = ""
    rows: int = 0
    fresh: int = 0
    pulled: float = 0.0
    tried: float = 0.0
    problem: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    searches: tuple[Search, ...] = ()


class Indicators:
    """All feeds of a data folder; safe for several threads, and for processes beside each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._locks: dict[str, Lock] = {}
        self._open: dict[str, tuple[tuple[int, int], FeedState, Snapshot | None]] = {}
        self._remembered: OrderedDict[tuple[str, int], tuple[Indicator, ...]] = OrderedDict()

    def changing(self, feed: str) -> AbstractContextManager[None]:
        """Hold a feed against other threads and processes that would change it.

        Raises:
            StoreError: somebody else keeps it for longer than a minute.
        """
        return self._locks.setdefault(feed, Lock(self._made(feed) / _LOCK)).hold(60.0)

    def feeds(self) -> tuple[FeedState, ...]:
        """Return what is known of each feed, by name."""
        if not self._folder.is_dir():
            return ()
        names = sorted(each.name for each in self._folder.iterdir() if (each / _STATE).exists())
        return tuple(self.state(name) for name in names)

    def state(self, feed: str) -> FeedState:
        """Return what is known of a feed; that of a new one where nothing is.

        Raises:
            StoreError: its state is damaged.
        """
        path = self._folder / feed / _STATE
        try:
            found = json.loads(path.read_text("utf-8"))
            searches = tuple(Search(**each) for each in found.pop("searches", ()))
            return FeedState(**found, searches=searches)
        except FileNotFoundError:
            return FeedState(feed)
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(
                f"{path} is damaged ({error}): remove the folder {path.parent.name!r}; the feed is"
                " then pulled again"
            ) from error

    def keep(self, state: FeedState) -> None:
        """Store what is known of a feed; a snapshot that it names is in force from now on.

        Whoever calls holds `changing`: files that the state does not name are removed.
        """
        folder = self._made(state.feed)
        with durable.new_file(folder / _STATE) as temporary:
            temporary.write_text(json.dumps(asdict(state), indent=1) + "\n", "utf-8")
        wanted = {state.snapshot, *(each.snapshot for each in state.searches if not each.is_done)}
        for file in folder.iterdir():
            if file.name in (_STATE, _LOCK) or file.stem in wanted:
                continue
            shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)

    def write(
        self,
        feed: str,
        indicators: Iterable[Indicator],
        *,
        grows: bool = False,
        gone: Iterable[str] = (),
    ) -> FeedState:
        """Write a snapshot of a feed, and return the state that puts it in force once it is kept.

        Args:
            feed: its name.
            indicators: everything that it holds; where it `grows`, what it has beside what it had.
            grows: whether rows of the snapshot in force stay where they are not told anew.
            gone: uids whose rows do not stay.
        """
        state = self.state(feed)
        folder = self._made(feed)
        before = self._snapshot(feed)
        others = [
            found.keys
            for each in self.feeds()
            if each.feed != feed and (found := self._snapshot(each.feed))
        ]
        written = write_snapshot(
            folder,
            IndicatorTable.chunks(indicators),
            stays=before.path if grows and before else None,
            gone=gone,
            known=[*([before.keys] if before else []), *others],
        )
        return replace(state, snapshot=written.name, rows=written.rows, fresh=written.fresh)

    def lookup(
        self, values: Iterable[tuple[str, str]], now: datetime, feeds: Iterable[str] | None = None
    ) -> Mapping[tuple[str, str], tuple[Indicator, ...]]:
        """Return the indicators that concern each value and have not expired, surest first.

        Args:
            values: kinds and normalized values.
            now: UTC.
            feeds: only of these; otherwise of all.
        """
        snapshots = self._snapshots(feeds)
        lengths = sorted({each for _, snapshot in snapshots for each in snapshot.lengths})
        moment = now.astimezone(UTC).replace(tzinfo=None)
        found = {}
        for kind, value in values:
            indicators = [
                each
                for variant in keys.variants(kind, value, lengths)
                for each in self._of(snapshots, *variant)
                if each.valid_until > moment
            ]
            if indicators:
                indicators.sort(key=lambda each: (-each.confidence, each.feed, each.uid))
                found[kind, value] = tuple(indicators[:_MOST_ANSWERS])
        return found

    def news(self, feed: str, search: Search) -> KeyFile:
        """Return the keys that a search looks for; empty where they are gone."""
        return KeyFile.opened(self._folder / feed / f"{search.snapshot}.new")

    def forget(self, feed: str) -> None:
        """Remove a feed with everything that is known of it."""
        with self._lock:
            self._open.pop(feed, None)
            self._remembered.clear()
        shutil.rmtree(self._folder / feed, ignore_errors=True)

    def _of(
        self, snapshots: Sequence[tuple[str, Snapshot]], kind: str, value: str
    ) -> Iterator[Indicator]:
        key = keys.key_of(kind, value)
        for feed, snapshot in snapshots:
            first, last = snapshot.keys.range_of(key)
            if first == last:
                continue
            for each in self._rows(feed, snapshot, key, first, last):
                # Sixty-four bits are many, not all.
                if each.kind == kind and each.value == value:
                    yield each

    def _rows(
        self, feed: str, snapshot: Snapshot, key: int, first: int, last: int
    ) -> tuple[Indicator, ...]:
        place = (snapshot.name, key)
        with self._lock:
            known = self._remembered.get(place)
            if known is None:
                rows = snapshot.rows(first, min(last, first + _MOST_ANSWERS))
                known = tuple(IndicatorTable.indicator(row, feed) for row in rows)
                self._remembered[place] = known
                if len(self._remembered) > _REMEMBERED:
                    self._remembered.popitem(last=False)
        return known

    def _snapshots(self, feeds: Iterable[str] | None) -> list[tuple[str, Snapshot]]:
        if not self._folder.is_dir():
            return []
        wanted = None if feeds is None else set(feeds)
        found = []
        for folder in sorted(self._folder.iterdir()):
            if wanted is None or folder.name in wanted:
                snapshot = self._snapshot(folder.name)
                if snapshot:
                    found.append((folder.name, snapshot))
        return found

    def _snapshot(self, feed: str) -> Snapshot | None:
        """Return the snapshot in force, opened once; another process may have put a new one."""
        try:
            stat = (self._folder / feed / _STATE).stat()
        except OSError:
            return None
        signature = (stat.st_mtime_ns, stat.st_ino)
        with self._lock:
            known = self._open.get(feed)
            if known and known[0] == signature:
                return known[2]
        state = self.state(feed)
        same = known[2] if known and known[1].snapshot == state.snapshot else None
        folder = self._folder / feed
        snapshot = same or (Snapshot(folder, state.snapshot) if state.snapshot else None)
        with self._lock:
            self._open[feed] = (signature, state, snapshot)
        return snapshot

    def _made(self, feed: str) -> Path:
        folder = self._folder / feed
        try:
            durable.make_folder(self._folder)
            durable.make_folder(folder)
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error}") from error
        return folder
