"""What is missing: feeds that give far less than usual, hosts that no sensor reports any more.

Each absence is one finding; the incident that it opened is resolved when the absence has ended.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tocsin.incidents import Change
from tocsin.ocsf import EVERYTHING, concat, from_rows, identifiers, schemas
from tocsin.run.health import ONE_OFF, SilenceWatch
from tocsin.run.proposing import OverflowWatch
from tocsin.settings import Settings
from tocsin.store import FindingFilter, IncidentFilter, Store
from tocsin.store.answers import HourVolume, Sighting, same_names

VOLUME_RULE = "tocsin.volume_drop"
HOST_RULE = "tocsin.host_unseen"
_RULES = frozenset({VOLUME_RULE, HOST_RULE})

_LOOK_EVERY = timedelta(minutes=1)
_FORGOTTEN_AFTER = timedelta(days=60)
_MEDIUM = 3
_MOST_HOSTS = 100
_PAGE = 1_000
_SENSORS = (
    *("wazuh.", "linux.auditd", "falco.", "osquery.", "kubearmor.", "zeek.", "suricata."),
    *("crowdstrike.", "sentinelone.", "microsoft.defender_endpoint", "elastic."),
)
_HOST_LOGS = ("linux.syslog", "aws.ssm_patch", "azure.update_manager", "gcp.vm_manager")
_HOST_TYPE = re.compile(
    r"(?i)(?:^|[:./_ -])(?:instances?|virtualmachines?|hosts?|servers?|ec2|vm)$"
)


@dataclass(frozen=True, slots=True)
class Absence:
    """Something that is missing.

    Attributes:
        rule: uid of what looked for it; `rule_title` in words.
        kind: type of the entity, `feed` or `host`; `name` which one.
        since: begin of the absence, UTC and naive: the same absence has the same finding.
    """

    rule: str
    rule_title: str
    kind: str
    name: str
    source: str
    since: datetime
    title: str
    description: str


class AbsenceWatch:
    """Raises one finding an absence; feeds are looked at each second, all else each minute.

    Playbooks that went too far are told of here too.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        """Watch a store by the settings."""
        self._silence = SilenceWatch(settings, store)
        self._overflow = OverflowWatch(store)
        self._after = settings.sensors.missing_after
        self._store = store
        self._next: datetime | None = None

    def findings(self, now: datetime) -> pa.Table:
        """Return rows of `ocsf.schemas.FINDINGS` for what is newly missing."""
        silent = concat(
            [self._silence.findings(now), self._overflow.findings(now)], schemas.FINDINGS
        )
        if self._next is not None and now < self._next:
            return silent
        self._next = now + _LOOK_EVERY
        absences = [*dropped(self._store, now), *unseen(self._store, now, self._after)]
        resolve(self._store, now, absences)
        rows = (_row(each, now) for each in absences)
        new = from_rows((row for row in rows if not self._is_stored(row)), schemas.FINDINGS)
        return concat([silent, new], schemas.FINDINGS)

    def _is_stored(self, row: Mapping[str, object]) -> bool:
        findings, uid = self._store.findings, str(row["uid"])
        if findings.get(uid, EVERYTHING).num_rows:
            return True
        return findings.count(FindingFilter(original_uid=uid), EVERYTHING) > 0


def dropped(store: Store, now: datetime) -> Iterator[Absence]:
    """Yield feeds whose last whole hour held far less than the same hours before it."""
    silent = {feed.feed for feed in store.sources.list(EVERYTHING, now) if feed.is_silent}
    for each in store.sources.rhythms(now).values():
        is_lasting = each.feed not in silent and not each.feed.startswith(ONE_OFF)
        if each.is_dropped and is_lasting:
            yield _drop(each)


def _drop(volume: HourVolume) -> Absence:
    hour = volume.hour.astimezone(UTC).replace(tzinfo=None)
    return Absence(
        rule=VOLUME_RULE,
        rule_title="A feed gives far less than usual",
        kind="feed",
        name=volume.feed,
        source=volume.source,
        since=hour.replace(hour=0),
        title=f"Feed {volume.feed} gives far less than usual",
        description=(
            f"Between {hour:%H:%M} and {hour + timedelta(hours=1):%H:%M} UTC {volume.received:,} "
            f"records came from {volume.feed}; in the same hour of {volume.learned} other days "
            f"there were {volume.expected:,} in the middle. Part of what it tells may be switched "
            "off, filtered or lost on the way."
        ),
    )


def unseen(store: Store, now: datetime, after: timedelta) -> Iterator[Absence]:
    """Yield hosts that somebody knows of and no sensor has reported for a time.

    Nothing is said before sensors have reported for that long: until then this learns.
    """
    store.sightings.forget(now - _FORGOTTEN_AFTER)
    seen = store.sightings.list()
    by_sensor = [each for each in seen if each.source.startswith(_SENSORS)]
    begun = min((_aware(each.first_time) for each in by_sensor), default=now)
    if now - begun < after:
        return
    last: dict[str, datetime] = {}
    for each in by_sensor:
        last[each.host] = max(_aware(each.last_time), last.get(each.host, begun))
    known = _known(store, seen, last, now)
    missing = {name: _aware(since) for name, since in known.items() if now - _aware(since) >= after}
    for name, since in sorted(missing.items())[:_MOST_HOSTS]:
        yield _host(name, since, was_seen=name in last)


def _known(
    store: Store, seen: Iterable[Sighting], last: Mapping[str, datetime], now: datetime
) -> dict[str, datetime]:
    """Return since when each host is without a sensor."""
    gone: set[str] = set()
    known: dict[str, datetime] = dict(last)
    for each in seen:
        if each.source in _HOST_LOGS and each.host not in last:
            known[each.host] = _aware(each.first_time)
    for uid, names, is_gone in _inventory(store):
        if is_gone:
            gone |= names
        elif not names & last.keys():
            history = store.resources.history(uid, EVERYTHING, limit=2)
            first = min(history.column("observed_time").to_pylist(), default=now)
            known[min(names, key=len)] = _aware(first)
        else:
            # One host of several names is there when any of them is.
            newest = max(last[name] for name in names & last.keys())
            known.update(dict.fromkeys(names & known.keys(), newest))
    return {name: since for name, since in known.items() if name not in gone}


def _inventory(store: Store) -> Iterator[tuple[str, set[str], bool]]:
    cursor: str | None = None
    while True:
        page = store.resources.list(EVERYTHING, gone=True, limit=_PAGE, cursor=cursor)
        for row in page.rows.to_pylist():
            if _HOST_TYPE.search(str(row["type"])):
                uid = str(row["uid"])
                told = [str(row["name"] or ""), re.split(r"[/:]", uid)[-1]]
                names = set(same_names(name for name in told if name))
                if names:
                    yield uid, names, row["configuration"] == "null"
        cursor = page.cursor
        if cursor is None:
            return


def _host(name: str, since: datetime, *, was_seen: bool) -> Absence:
    naive = since.astimezone(UTC).replace(tzinfo=None)
    told = "last told of it" if was_seen else "has told of it since it is known,"
    return Absence(
        rule=HOST_RULE,
        rule_title="No sensor reports a host",
        kind="host",
        name=name,
        source="tocsin",
        since=naive,
        title=f"No sensor reports the host {name}",
        description=(
            f"{'A sensor' if was_seen else 'No sensor'} {told} {naive:%Y-%m-%d %H:%M} UTC. Its "
            "agent may have been stopped, removed or never installed; what happens there is not "
            "seen."
        ),
    )


def resolve(store: Store, now: datetime, absences: Iterable[Absence]) -> None:
    """Resolve the open incidents of absences that have ended; those about anything else stay."""
    missing = {(each.rule, each.name) for each in absences}
    status = ("New", "In Progress", "On Hold")
    page = store.incidents.list(IncidentFilter(status=status), EVERYTHING, limit=_PAGE)
    for incident in page.rows:
        rules = set(incident.rule_uids)
        if not rules or not rules <= _RULES:
            continue
        names = {entity.uid for entity in incident.entities}
        if not any((rule, name) in missing for rule in rules for name in names):
            change = Change(status="Resolved", comment="What was missing is back.")
            store.incidents.change(incident.uid, change, "Tocsin", now, EVERYTHING)


def _row(absence: Absence, now: datetime) -> dict[str, object]:
    present = now.astimezone(UTC).replace(tzinfo=None)
    uid = identifiers.derive("fnd", absence.rule, absence.name, absence.since.isoformat())
    return {
        "uid": uid,
        "class_uid": 2004,
        "rule_uid": absence.rule,
        "rule_title": absence.rule_title,
        "rule_type": "Tocsin",
        "source": absence.source,
        "severity_id": _MEDIUM,
        "is_alert": True,
        "title": absence.title,
        "description": absence.description,
        "dedup_key": absence.name,
        "period_start": absence.since,
        "first_time": present,
        "last_time": present,
        "match_count": 1,
        "entity": {"type": absence.kind, "uid": absence.name, "name": absence.name},
        "links": [],
        "account": None,
        "tactics": ["defense-evasion"],
        "techniques": ["T1562.001" if absence.rule == HOST_RULE else "T1562.008"],
        "event_uids": [],
        "context": "{}",
    }


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
