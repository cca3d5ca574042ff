"""Take what a source itself has found: events of OCSF finding classes become findings.

What a finding says is read from the OCSF attributes of its event; only whom it concerns, and which
records speak of the same one, is said by the mapping. Each finding rests on the event of its
record, so a record that arrives twice counts once.

All of it works on columns: an object of Python for each event would cost more than the mapping.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.normalize.attacks import attacks
from tocsin.normalize.columns import leaf, text_array
from tocsin.normalize.entities import MAX_NAME, cut, entity_columns
from tocsin.ocsf import identifiers, schemas

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
_HAPPENED = pa.array([2001, 2004, 2005, 2006], pa.int32())
_READ = ("event_uid", "time", "class_uid", "severity_id", "finding_info", "count", "is_alert")
_MICROSECOND = timedelta(microseconds=1)
# What JSON writes in another way inside of a text.
_ESCAPED = r'["\\\x00-\x1f]'
_encode = msgspec.json.Encoder().encode
_MAX_TEXT = 10_000


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
    return _findings(reporting, told.filter(pc.not_equal(_text(told, "finding_info.uid"), "")))


def _findings(reporting: Reporting, told: pa.Table) -> pa.Table:
    """Return the findings of events that all are some."""
    count, source = told.num_rows, reporting.source
    accounts = _text(told, "cloud.account.uid")
    first, last = _times(told)
    starts = _starts(last, reporting.period)
    columns = _weight(told) | _words(told, source)
    columns |= attacks(leaf(told, "finding_info.attacks"), count)
    keys = _keys(told)
    columns["uid"] = _uids(source, accounts, keys, starts)
    columns |= {"dedup_key": keys, "first_time": first, "last_time": last}
    columns["period_start"] = first if starts is None else starts
    kind = ALERT if reporting.period else FINDING
    columns |= {"rule_type": _repeated(kind, count), "source": _repeated(source, count)}
    columns["account"] = _filled(accounts)
    columns |= entity_columns(leaf(told, ENTITIES), accounts, source)
    return pa.table([columns[field.name] for field in schemas.FINDINGS], schema=schemas.FINDINGS)


def _weight(told: pa.Table) -> dict[str, pa.Array]:
    """Return the columns that say what kind of finding it is and how much it weighs."""
    number = told.num_rows
    happened = pc.is_in(told.column("class_uid"), value_set=_HAPPENED)
    flag, count = leaf(told, "is_alert"), leaf(told, "count")
    if flag is None or not pa.types.is_boolean(flag.type):
        flag = pa.nulls(number, pa.bool_())
    if count is None or not pa.types.is_integer(count.type):
        count = pa.nulls(number, pa.int64())
    offsets = pa.arange(0, number + 1).cast(pa.int32())
    return {
        "class_uid": told.column("class_uid"),
        "severity_id": told.column("severity_id"),
        "is_alert": pc.and_(happened, pc.fill_null(flag, True)),
        "match_count": pc.max_element_wise(count.cast(pa.int64()), 1, skip_nulls=True),
        "event_uids": pa.ListArray.from_arrays(offsets, told.column("event_uid").combine_chunks()),
    }


def _words(told: pa.Table, source: str) -> dict[str, pa.Array]:
    """Return the columns that people read."""
    native = _text(told, "finding_info.uid")
    name = _filled(_text(told, "finding_info.analytic.name"))
    own = pc.coalesce(_filled(_text(told, "finding_info.title")), name, native)
    titles = cut(own, MAX_NAME)
    rule = pc.coalesce(_filled(_text(told, "finding_info.analytic.uid")), name, "finding")
    urls = _text(told, "finding_info.src_url")
    return {
        "rule_uid": cut(pc.binary_join_element_wise(source, rule, ":"), MAX_NAME),
        "rule_title": pc.coalesce(cut(name, MAX_NAME), titles),
        "title": titles,
        "description": cut(_text(told, "finding_info.desc"), _MAX_TEXT),
        "context": _contexts(native, urls),
    }


def _text(told: pa.Table, path: str) -> pa.Array:
    """Return the texts at a path, empty where there is none."""
    return text_array(leaf(told, path), told.num_rows)


def _filled(array: pa.Array) -> pa.Array:
    """Return null for empty texts."""
    return pc.if_else(pc.equal(array, ""), None, array)


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), count)


def _keys(told: pa.Table) -> pa.Array:
    keys = pc.coalesce(_filled(_text(told, GROUP)), _text(told, "finding_info.uid"))
    longest = pc.max(pc.binary_length(keys)).as_py() or 0
    return keys if longest <= MAX_NAME else pa.array(map(_key, keys.to_pylist()), pa.string())


def _uids(source: str, accounts: pa.Array, keys: pa.Array, starts: pa.Array | None) -> pa.Array:
    """Return the identifier of each finding; records of the same one share it."""

    @cache
    def derived(account: str, key: str, start: str) -> str:
        return identifiers.derive("fnd", source, account, key, start)

    shown = [""] * len(keys) if starts is None else _shown(starts)
    parts = (accounts.to_pylist(), keys.to_pylist(), shown)
    return pa.array(map(derived, *parts), pa.string())


def _shown(starts: pa.Array) -> list[str]:
    encoded = starts.dictionary_encode()
    texts = [start.isoformat() for start in encoded.dictionary.to_pylist()]
    return [texts[index] for index in encoded.indices.to_pylist()]


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


def _starts(times: pa.Array, period: timedelta | None) -> pa.Array | None:
    """Return the start of the period, counted from 1970, that each time lies in."""
    if period is None:
        return None
    length, since = period // _MICROSECOND, times.cast(pa.int64())
    past = pc.subtract(since, pc.multiply(pc.divide(since, length), length))
    past = pc.if_else(pc.less(past, 0), pc.add(past, length), past)
    return pc.subtract(since, past).cast(times.type)


def _key(text: str) -> str:
    if len(text) <= MAX_NAME:
        return text
    return f"{text[:MAX_NAME]}…{identifiers.content_hash(text.encode('utf-8', 'replace'))}"


def _contexts(natives: pa.Array, urls: pa.Array) -> pa.Array:
    """Return what leads back to the source: its own identifier and page, as JSON."""
    if any(pc.any(pc.match_substring_regex(each, _ESCAPED)).as_py() for each in (natives, urls)):
        return pa.array(map(_context, natives.to_pylist(), urls.to_pylist()), pa.string())
    pages = pc.binary_join_element_wise('","reported_url":"', urls, "")
    pages = pc.if_else(pc.equal(urls, ""), "", pages)
    return pc.binary_join_element_wise('{"reported_uid":"', natives, pages, '"}', "")


def _context(native: str, url: str) -> str:
    said = {"reported_uid": native} | ({"reported_url": url} if url else {})
    return _encode(said).decode()
