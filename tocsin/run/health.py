"""Is Tocsin itself well: silent feeds, the heartbeat, and what `tocsin doctor` looks at."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tocsin.errors import TocsinError
from tocsin.ocsf import EVERYTHING, from_rows, identifiers, schemas
from tocsin.settings import Settings
from tocsin.store import FindingFilter, Store
from tocsin.store.answers import FeedHealth

SILENCE_RULE = "tocsin.feed_silent"
ONE_OFF = ("files-", "connect-")
"""How feeds of single commands begin (`tocsin ingest`, `tocsin connect`): when these end, no feed
has fallen silent."""

_LEAST_FREE_BYTES = 1 << 30
_MEDIUM = 3


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the pipeline runs, and one sentence for each thing that is wrong."""

    is_ready: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that the doctor looked at."""

    name: str
    is_well: bool
    message: str


class SilenceWatch:
    """Raises one finding for each silence of a feed, again until it is stored."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Watch the feeds of a store; `silent_after` of the settings goes before their rhythm."""
        self._limits = {feed.name: feed.silent_after for feed in settings.feeds}
        self._store = store
        self._raised: set[str] = set()

    def findings(self, now: datetime) -> pa.Table:
        """Return a row of `ocsf.schemas.FINDINGS` for each feed that has newly fallen silent."""
        rows = []
        for feed in self._store.sources.list(EVERYTHING, now):
            last = feed.last_received_time
            if feed.feed not in self._limits and feed.feed.startswith(ONE_OFF):
                continue
            if last is not None and self._is_silent(feed, now):
                rows.append(_silence(feed, last, now))
        return from_rows((row for row in rows if not self._is_stored(row)), schemas.FINDINGS)

    def _is_stored(self, row: Mapping[str, object]) -> bool:
        uid = str(row["uid"])
        if uid not in self._raised and self._is_found(uid):
            self._raised.add(uid)
        return uid in self._raised

    def _is_found(self, uid: str) -> bool:
        findings = self._store.findings
        if findings.get(uid, EVERYTHING).num_rows:
            return True
        # A suppression may have taken all of it.
        return findings.count(FindingFilter(original_uid=uid), EVERYTHING) > 0

    def _is_silent(self, feed: FeedHealth, now: datetime) -> bool:
        limit = self._limits.get(feed.feed)
        if limit is None or feed.last_received_time is None:
            return feed.is_silent
        return now - _aware(feed.last_received_time) > limit


def _silence(feed: FeedHealth, last: datetime, now: datetime) -> dict[str, object]:
    present = now.astimezone(UTC).replace(tzinfo=None)
    since = _aware(last).replace(tzinfo=None)
    usual = f"; it usually pauses at most {_words(feed.rhythm)}" if feed.rhythm else ""
    return {
        "uid": identifiers.derive("fnd", SILENCE_RULE, feed.feed, since.isoformat()),
        "class_uid": 2004,
        "rule_uid": SILENCE_RULE,
        "rule_title": "A feed has fallen silent",
        "rule_type": "Tocsin",
        "source": feed.source,
        "severity_id": _MEDIUM,
        "is_alert": True,
        "title": f"Feed {feed.feed} has fallen silent",
        "description": (
            f"Nothing has come from {feed.feed} since {since:%Y-%m-%d %H:%M:%S} UTC{usual}. "
            "Whatever its events would have shown is not seen meanwhile."
        ),
        "dedup_key": feed.feed,
        "period_start": since,
        "first_time": present,
        "last_time": present,
        "match_count": 1,
        "entity": {"type": "feed", "uid": feed.feed, "name": feed.feed},
        "links": [],
        "account": None,
        "tactics": ["defense-evasion"],
        "techniques": ["T1562.008"],
        "event_uids": [],
        "context": "{}",
    }


def _words(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def free_bytes(settings: Settings) -> int:
    """Return the free space of the disk that holds the data folder."""
    folder = settings.data
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def examine(examinations: dict[str, Callable[[], str]]) -> Iterator[Checked]:
    """Run the examinations; each returns a sentence or raises an error that says the remedy."""
    for name, look in examinations.items():
        try:
            yield Checked(name, True, look())
        except TocsinError as error:
            yield Checked(name, False, str(error))


def disk(settings: Settings) -> str:
    """Say how much disk is free; raise where it is less than a gibibyte."""
    free = free_bytes(settings)
    if free < _LEAST_FREE_BYTES:
        raise TocsinError(
            f"only {free >> 20} MiB free at {settings.data}; make room or lower `retention`"
        )
    return f"{free >> 30} GiB free at {settings.data}"
