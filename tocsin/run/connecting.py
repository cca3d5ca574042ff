"""Take a first look at a cloud: read what it still shows, run all rules, store what they find."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from tocsin import plugins
from tocsin.collect import Source
from tocsin.errors import UsageError
from tocsin.isolate import RuleWorker
from tocsin.ocsf import EVERYTHING
from tocsin.run.memory import keep_small
from tocsin.run.pipeline import TurnReport, turn_whatever_comes
from tocsin.run.tools import Tools
from tocsin.run.wiring import load_mappings, load_rules, load_tools, rules_of
from tocsin.settings import Settings
from tocsin.store import FindingFilter, Store

FIRST_LOOKS = "tocsin.collect.first_look"
LONGEST = timedelta(days=90)
"""Nothing that is read keeps more: CloudTrail and Azure 90 days, Cloud Logging 400 of some."""

_PAGE = 500
_OVERLAP = timedelta(hours=1)

Advance = Callable[[int, int | None], None]
"""Told how many of how many seconds of the past have been looked at."""

Tell = Callable[[Mapping[str, object]], None]
"""Given each finding as it comes: a row of `ocsf.schemas.FINDINGS`."""


class _FirstLook(Source, Protocol):
    """What a plug of a first look says besides its records, once it has read."""

    @property
    def problems(self) -> Mapping[str, str]: ...

    @property
    def accounts(self) -> tuple[str, ...]: ...

    @property
    def regions(self) -> tuple[str, ...]: ...


@dataclass(slots=True)
class Looked:
    """What a first look gave.

    Attributes:
        counts: `records`, `events`, `duplicates`, `rejects`.
        accounts: accounts, projects, subscriptions or clusters that were asked.
        regions: regions that were asked, where that makes a difference.
        severities: number of findings by OCSF severity, those of this look only.
        problems: by place, why it could not be asked.
        incident: the one of the highest risk among those that changed: title and address.
    """

    counts: Counter[str] = field(default_factory=Counter)
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    severities: Counter[int] = field(default_factory=Counter)
    problems: Mapping[str, str] = field(default_factory=dict)
    incident: tuple[str, str] | None = None


def first_look(
    cloud: str,
    values: Mapping[str, object],
    since: timedelta,
    settings: Settings,
    *,
    advance: Advance,
    tell: Tell,
) -> Looked:
    """Look at a cloud and store what was seen; run again, it resumes.

    Args:
        cloud: `aws`, `gcp`, `azure` or `kubernetes`.
        values: settings of the first look, beside those that follow from the others.
        since: how far back.
        settings: loaded; findings open incidents however old their events are, within `since`.
        advance: told the progress.
        tell: given each finding once, as soon as it is stored.

    Raises:
        UsageError: the span is not one to look back, or the data folder is a demo's.
        SourceError: nothing can be read; the text says why.
    """
    if not timedelta() < since <= LONGEST:
        raise UsageError(f"look back between a minute and {LONGEST.days} days, such as 7d")
    keep_small()
    now = datetime.now(UTC)
    given = {"feed": f"connect-{cloud}", "since": now - since, "until": now, **values}
    plug = plugins.find(FIRST_LOOKS, cloud)
    source: _FirstLook = plug(plugins.settings_of(plug, given), observe=advance)
    settings = _reaching_back(settings, since)
    with Store.open(settings.data) as store, RuleWorker() as worker:
        loaded = load_rules(rules_of(settings), settings)
        tools = load_tools(settings, loaded, worker, load_mappings())
        looked = _read(source, given["feed"], tools, store, tell)
        looked.accounts, looked.regions = source.accounts, source.regions
        looked.problems = dict(source.problems)
    return looked


def _reaching_back(settings: Settings, since: timedelta) -> Settings:
    """Return the settings so that findings of all that is looked at may open incidents."""
    age = max(settings.incidents.max_age, since + _OVERLAP)
    incidents = settings.incidents.model_copy(update={"max_age": age})
    return settings.model_copy(update={"incidents": incidents})


def _read(source: _FirstLook, feed: object, tools: Tools, store: Store, tell: Tell) -> Looked:
    looked, changed = Looked(), set[str]()
    telling = _Telling(store, tell, datetime.now(UTC))
    for batch in source.read(store.turns.cursor(str(feed))):
        report = turn_whatever_comes([batch], tools, store, lambda: datetime.now(UTC))
        looked.counts.update(_counts(report))
        changed.update(incident.uid for incident in report.changed)
        if report.findings:
            telling.tell(batch.source)
    looked.severities = telling.severities
    looked.incident = _worst(store, changed, tools.settings)
    return looked


def _counts(report: TurnReport) -> dict[str, int]:
    return {
        "records": report.records,
        "events": report.events,
        "duplicates": report.duplicates,
        "rejects": report.rejects,
    }


class _Telling:
    """Tells findings of one source once each, as they come."""

    def __init__(self, store: Store, tell: Tell, since: datetime) -> None:
        self._store = store
        self._tell = tell
        self._since = since.replace(tzinfo=None)
        self._told: set[str] = set()
        self.severities: Counter[int] = Counter()

    def tell(self, source: str) -> None:
        """Tell what the store has newly found in records of `source`."""
        fresh = [row for row in self._rows() if self._is_fresh(row, source)]
        for row in sorted(fresh, key=lambda row: (row["first_time"], row["uid"])):
            self._told.add(row["uid"])
            self.severities[row["severity_id"]] += 1
            self._tell(row)

    def _is_fresh(self, row: Mapping[str, Any], source: str) -> bool:
        is_of_source = row["source"] == source
        return is_of_source and row["created_time"] >= self._since and row["uid"] not in self._told

    def _rows(self) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            page = self._store.findings.list(
                FindingFilter(), EVERYTHING, limit=_PAGE, cursor=cursor
            )
            yield from page.rows.to_pylist()
            cursor = page.cursor
            if cursor is None:
                return


def _worst(store: Store, changed: set[str], settings: Settings) -> tuple[str, str] | None:
    found = [store.incidents.get(uid, EVERYTHING) for uid in sorted(changed)]
    standing = [each for each in found if each is not None and not each.merged_into]
    if not standing:
        return None
    worst = max(standing, key=lambda each: (each.risk_score, each.severity_id, each.last_time))
    web = settings.web
    address = web.public_url or f"http://{web.host}:{web.port}"
    return worst.title, f"{str(address).rstrip('/')}/incidents/{worst.uid}"
