"""Take what a source itself has found: events of OCSF finding classes become findings.

What a finding says is read from the OCSF attributes of its event; only whom it concerns, and which
records speak of the same one, is said by the mapping. Each finding rests on the event of its
record, so a record that arrives twice counts once.

All of it works on columns: an object of Python for each event would cost more than the mapping.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.normalize.columns import elements, inside, leaf, texts
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

Entity = tuple[str, str, str]
"""Type, uid and name."""


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
    wanted = pc.and_(
        pc.equal(events.column("category_uid"), _FINDINGS_CATEGORY), rows.column(WANTED)
    )
    names = [name for name in (*_READ, "cloud") if name in events.schema.names]
    told = events.select(names)
    for name in (ENTITIES, GROUP):
        told = told.append_column(name, rows.column(name))
    told = told.filter(wanted)
    named = pa.array(list(map(bool, _texts(told, "finding_info.uid"))), pa.bool_())
    return _findings(reporting, told.filter(named))


def _findings(reporting: Reporting, told: pa.Table) -> pa.Table:
    """Return the findings of events that all are some."""
    count, source = told.num_rows, reporting.source
    accounts = _texts(told, "cloud.account.uid")
    first, last = _times(told)
    starts = _starts(last.to_pylist(), reporting.period)
    columns = _weight(told) | _words(told, source) | _attacks(told)
    keys = _keys(told)
    shown = [start.isoformat() if reporting.period else "" for start in starts]
    parts = zip(accounts, keys, shown, strict=True)
    columns["uid"] = [identifiers.derive("fnd", source, *part) for part in parts]
    columns |= {"dedup_key": keys, "first_time": first, "last_time": last}
    columns["period_start"] = starts if reporting.period else first
    columns["rule_type"] = [ALERT if reporting.period else FINDING] * count
    columns |= {"source": [source] * count, "account": [account or None for account in accounts]}
    entities = _entities(told, accounts, source)
    columns["entity"] = _packed([found[0] for found in entities])
    columns["links"] = _lists([found[1:] for found in entities])
    return pa.table([columns[field.name] for field in schemas.FINDINGS], schema=schemas.FINDINGS)


def _weight(told: pa.Table) -> dict[str, object]:
    """Return the columns that say what kind of finding it is and how much it weighs."""
    kinds = told.column("class_uid").to_pylist()
    alerts = zip(kinds, _values(told, "is_alert"), strict=True)
    return {
        "class_uid": told.column("class_uid"),
        "severity_id": told.column("severity_id"),
        "is_alert": [kind in _HAPPENED and flag is not False for kind, flag in alerts],
        "match_count": list(map(_count, _values(told, "count"))),
        "event_uids": [[uid] for uid in told.column("event_uid").to_pylist()],
    }


def _words(told: pa.Table, source: str) -> dict[str, object]:
    """Return the columns that people read."""
    native = _texts(told, "finding_info.uid")
    ids = _texts(told, "finding_info.analytic.uid")
    names = _texts(told, "finding_info.analytic.name")
    own = zip(_texts(told, "finding_info.title"), names, native, strict=True)
    titles = [(title or name or uid)[:_MAX_NAME] for title, name, uid in own]
    rules = zip(ids, names, strict=True)
    return {
        "rule_uid": [f"{source}:{uid or name or 'finding'}"[:_MAX_NAME] for uid, name in rules],
        "rule_title": [
            name[:_MAX_NAME] or title for name, title in zip(names, titles, strict=True)
        ],
        "title": titles,
        "description": [text[:_MAX_TEXT] for text in _texts(told, "finding_info.desc")],
        "context": list(map(_context, native, _texts(told, "finding_info.src_url"))),
    }


def _texts(told: pa.Table, path: str) -> list[str]:
    return texts(leaf(told, path), told.num_rows)


def _values(told: pa.Table, path: str) -> list[object]:
    found = leaf(told, path)
    return [None] * told.num_rows if found is None else found.to_pylist()


def _keys(told: pa.Table) -> list[str]:
    pairs = zip(_texts(told, GROUP), _texts(told, "finding_info.uid"), strict=True)
    return [_key(group or native) for group, native in pairs]


def _entities(told: pa.Table, accounts: Sequence[str], source: str) -> list[list[Entity]]:
    """Return of each the entities that have a uid; the account or the source where none has."""
    counts, flat = elements(leaf(told, ENTITIES), told.num_rows)
    said = iter(_packed_texts(flat))
    found = []
    for count, account in zip(counts, accounts, strict=True):
        distinct: dict[tuple[str, str], Entity] = {}
        for _ in range(count):
            kind, text, name = next(said)
            uid = text[:_MAX_NAME]
            if kind and uid:
                distinct.setdefault((kind, uid), (kind, uid, name[:_MAX_NAME] or uid))
        if not distinct:
            kind, uid = ("account", account) if account else ("source", source)
            distinct[kind, uid] = (kind, uid, uid)
        found.append(list(distinct.values())[:_MOST_ENTITIES])
    return found


def _packed_texts(flat: pa.Array | None) -> Iterator[Entity]:
    if flat is not None:
        columns = (texts(inside(flat, name), len(flat)) for name in ("type", "uid", "name"))
        yield from zip(*columns, strict=True)


def _packed(entities: Sequence[Entity]) -> pa.Array:
    kind = schemas.ENTITY
    columns = zip(*entities, strict=True) if entities else [()] * 3
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))


def _lists(entities: Sequence[Sequence[Entity]]) -> pa.Array:
    ends = [0, *accumulate(map(len, entities))]
    flat = _packed([each for found in entities for each in found])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat)


def _times(told: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Return first and last sight; a source that turns them around means the event's own time."""
    time = told.column("time").combine_chunks()
    first, last = (
        found if found is not None and found.type == time.type else pa.nulls(len(time), time.type)
        for found in (
            leaf(told, "finding_info.first_seen_time"),
            leaf(told, "finding_info.last_seen_time"),
        )
    )
    last = pc.coalesce(last, time)
    return pc.min_element_wise(pc.coalesce(first, last), last), last


def _starts(times: Sequence[datetime], period: timedelta | None) -> list[datetime]:
    if period is None:
        return [_EPOCH] * len(times)
    return [_EPOCH + ((time - _EPOCH) // period) * period for time in times]


def _key(text: str) -> str:
    if len(text) <= _MAX_NAME:
        return text
    return f"{text[:_MAX_NAME]}…{identifiers.content_hash(text.encode('utf-8', 'replace'))}"


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 1


def _attacks(told: pa.Table) -> dict[str, object]:
    """Return the columns of tactics and techniques, each of a finding once."""
    counts, flat = elements(leaf(told, "finding_info.attacks"), told.num_rows)
    tactics: list[list[str]] = [[] for _ in counts]
    techniques: list[list[str]] = [[] for _ in counts]
    if flat is not None:
        owners = [index for index, count in enumerate(counts) for _ in range(count)]
        for owner, uids in zip(owners, _tactics(flat), strict=True):
            tactics[owner] += [_SHORT_NAMES[uid] for uid in uids if uid in _SHORT_NAMES]
        for owner, uid in zip(owners, _techniques(flat), strict=True):
            techniques[owner] += [uid] * bool(uid)
    return {
        "tactics": [list(dict.fromkeys(found)) for found in tactics],
        "techniques": [list(dict.fromkeys(found)) for found in techniques],
    }


def _tactics(attacks: pa.Array) -> Iterator[list[str]]:
    """Yield the uids of the one tactic and of the several of each attack."""
    count = len(attacks)
    more, flat = elements(inside(attacks, "tactics"), count)
    uids = iter(texts(inside(flat, "uid") if flat is not None else None, sum(more)))
    for uid, size in zip(texts(inside(attacks, "tactic", "uid"), count), more, strict=True):
        yield [uid, *(next(uids) for _ in range(size))]


def _techniques(attacks: pa.Array) -> Iterator[str]:
    fine = texts(inside(attacks, "sub_technique", "uid"), len(attacks))
    coarse = texts(inside(attacks, "technique", "uid"), len(attacks))
    yield from (narrow or wide for narrow, wide in zip(fine, coarse, strict=True))


def _context(native: str, url: str) -> str:
    """Return what leads back to the source: its own identifier and page."""
    said = {"reported_uid": native} | ({"reported_url": url} if url else {})
    return msgspec.json.encode(said).decode()
