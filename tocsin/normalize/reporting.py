"""Take what a source itself has found: events of OCSF finding classes become findings.

What a finding says is read from the OCSF attributes of its event; only whom it concerns, and which
records speak of the same one, is said by the mapping. Each finding rests on the event of its
record, so a record that arrives twice counts once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.ocsf import identifiers, schemas
from tocsin.ocsf.findings import TACTIC_UIDS

ENTITIES = "finding entities"
GROUP = "finding group"
WANTED = "finding wanted"

ALERT = "Alert"
"""Type of findings whose records each tell one occurrence: their counts are added up."""
FINDING = "Finding"
"""Type of findings that their source keeps: each record tells the total so far."""

_FINDINGS_CATEGORY = 2
# What tells of something that happened. A vulnerability or a failed check is how things are: it
# joins the incidents of its entity, and opens none.
_HAPPENED = frozenset({2001, 2004, 2005, 2006})
_READ = ("event_uid", "time", "class_uid", "severity_id", "finding_info", "count", "is_alert")
_SHORT_NAMES = {uid: name for name, uid in TACTIC_UIDS.items()}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (the lake keeps UTC without zone)
_MOST_ENTITIES = 50
_MAX_NAME = 1_000
_MAX_TEXT = 10_000

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reporting:
    """How findings of a source are told apart.

    Attributes:
        source: the mapping's.
        period: records of the same group within it are one finding; `None` where the source itself
            keeps its findings and counts them.
    """

    source: str
    period: timedelta | None


def reported(reporting: Reporting, events: pa.Table, rows: pa.Table) -> pa.Table:
    """Return a row of `ocsf.schemas.FINDINGS` for each event of a finding class.

    A source's own total stands in `match_count` of a `Finding` as it is; the store makes it this
    turn's share. An event without `finding_info.uid` is no finding.

    Args:
        reporting: of the mapping.
        events: as the mapping gave them.
        rows: the rows that they come from, in the same order, with `ENTITIES`, `GROUP`, `WANTED`.
    """
    is_finding = pc.and_(
        pc.equal(events.column("category_uid"), _FINDINGS_CATEGORY), rows.column(WANTED)
    )
    names = [name for name in (*_READ, "cloud", "src_url") if name in events.schema.names]
    told = events.select(names).filter(is_finding).to_pylist()
    said = rows.select([ENTITIES, GROUP]).filter(is_finding).to_pylist()
    found = (_finding(reporting, *pair) for pair in zip(told, said, strict=True))
    return pa.Table.from_pylist([row for row in found if row], schema=schemas.FINDINGS)


def _finding(reporting: Reporting, event: Row, said: Row) -> dict[str, object] | None:
    info = _object(event.get("finding_info"))
    native = _text(info.get("uid"))
    if not native:
        return None
    analytic = _object(info.get("analytic"))
    account = _text(_object(_object(event.get("cloud")).get("account")).get("uid"))
    rule = _text(analytic.get("uid")) or _text(analytic.get("name")) or "finding"
    title = _text(info.get("title")) or _text(analytic.get("name")) or native
    entity, *links = _entities(said.get(ENTITIES), account, reporting.source)
    first, last = _times(info, event)
    start = _start(last, reporting.period)
    key = _key(_text(said.get(GROUP)) or native)
    return {
        "uid": identifiers.derive(
            "fnd", reporting.source, account, key, start.isoformat() if reporting.period else ""
        ),
        "class_uid": event["class_uid"],
        "rule_uid": f"{reporting.source}:{rule}"[:_MAX_NAME],
        "rule_title": (_text(analytic.get("name")) or title)[:_MAX_NAME],
        "rule_type": ALERT if reporting.period else FINDING,
        "source": reporting.source,
        "severity_id": event["severity_id"],
        "is_alert": event["class_uid"] in _HAPPENED and event.get("is_alert") is not False,
        "title": title[:_MAX_NAME],
        "description": _text(info.get("desc"))[:_MAX_TEXT],
        "dedup_key": key,
        "period_start": start if reporting.period else first,
        "first_time": first,
        "last_time": last,
        "match_count": _count(event.get("count")),
        "entity": entity,
        "links": links,
        "account": account or None,
        "tactics": _distinct(_tactics(info)),
        "techniques": _distinct(_techniques(info)),
        "event_uids": [event["event_uid"]],
        "context": _context(info, native),
    }


def _entities(value: object, account: str, source: str) -> list[dict[str, str]]:
    """Return the entities that have a uid, each once; the account or the source where none has."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for each in value if isinstance(value, list) else ():
        said = _object(each)
        kind, uid = _text(said.get("type")), _text(said.get("uid"))[:_MAX_NAME]
        if kind and uid:
            name = _text(said.get("name"))[:_MAX_NAME] or uid
            found.setdefault((kind, uid), {"type": kind, "uid": uid, "name": name})
    if not found:
        kind, uid = ("account", account) if account else ("source", source)
        return [{"type": kind, "uid": uid, "name": uid}]
    return list(found.values())[:_MOST_ENTITIES]


def _times(info: Row, event: Row) -> tuple[datetime, datetime]:
    """Return first and last sight; a source that turns them around means the event's own time."""
    time = event["time"]
    assert isinstance(time, datetime)  # a column that is never null
    first, last = info.get("first_seen_time"), info.get("last_seen_time")
    last = last if isinstance(last, datetime) else time
    first = first if isinstance(first, datetime) else last
    return (first, last) if first <= last else (last, last)


def _start(time: datetime, period: timedelta | None) -> datetime:
    return _EPOCH + ((time - _EPOCH) // period) * period if period else _EPOCH


def _key(text: str) -> str:
    if len(text) <= _MAX_NAME:
        return text
    return f"{text[:_MAX_NAME]}…{identifiers.content_hash(text.encode('utf-8', 'replace'))}"


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 1


def _tactics(info: Row) -> Iterator[str]:
    for attack in _objects(info.get("attacks")):
        tactics = [_object(attack.get("tactic")), *_objects(attack.get("tactics"))]
        for tactic in tactics:
            uid = _text(tactic.get("uid"))
            if uid in _SHORT_NAMES:
                yield _SHORT_NAMES[uid]


def _techniques(info: Row) -> Iterator[str]:
    for attack in _objects(info.get("attacks")):
        technique = _text(_object(attack.get("technique")).get("uid"))
        uid = _text(_object(attack.get("sub_technique")).get("uid")) or technique
        if uid:
            yield uid


def _context(info: Row, native: str) -> str:
    """Return what leads back to the source: its own identifier and page."""
    said = {"reported_uid": native, "reported_url": _text(info.get("src_url"))}
    return msgspec.json.encode({name: text for name, text in said.items() if text}).decode()


def _distinct(texts: Iterator[str]) -> Sequence[str]:
    return list(dict.fromkeys(texts))


def _objects(value: object) -> list[Row]:
    return [_object(each) for each in value] if isinstance(value, list) else []


def _object(value: object) -> Row:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
