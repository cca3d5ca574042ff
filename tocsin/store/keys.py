"""Which records are already stored: one key each, clustered by the hour of the record's own time.

The hour is derived from the record, never from its receipt, so that a record that arrives twice,
days apart, finds its key. Neighbors in time lie on the same pages, so a batch touches few of them.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.store.columns import integers, texts
from tocsin.store.moments import HOUR_MICROSECONDS

Key = tuple[int, bytes]
"""Hour since 1970 and 16 bytes."""

NO_TIME = "no_time"
TIMELESS = -(2**40)
"""Instead of the hour of records that have no time of their own: their receipt must not count."""

ASKED_AT_ONCE = 200
OWN_LENGTH = len("evt_") + 32
PROBED_HOURS = 200
"""A batch over more hours than this is looked up without asking first which hours are empty."""


# All keys of an hour travel as one text of bytes in one statement. A statement for each key would
# let go of the interpreter's lock and ask for it again twenty thousand times a batch, and wait each
# time until a busy neighbor thread gives it back.
_EACH = """
    WITH RECURSIVE place(at) AS (
        SELECT 1 WHERE length(:keys) > 0
        UNION ALL SELECT at + 16 FROM place WHERE at + 16 <= length(:keys)
    )
"""
_ADD = _EACH + "INSERT INTO seen SELECT :hour, substr(:keys, at, 16) FROM place"
# CROSS JOIN keeps the order: walk the sorted keys, seek each.
_FIND = (
    _EACH
    + "SELECT seen.key FROM place CROSS JOIN seen"
    + " ON seen.hour = :hour AND seen.key = substr(:keys, at, 16)"
)


def event_keys(events: pa.Table) -> list[Key]:
    """Return the key of each event, in order."""
    hours = [time // HOUR_MICROSECONDS for time in integers(events.column("time"))]
    found = list(zip(hours, _contents(texts(events.column("event_uid"))), strict=True))
    flags = events.column("flags")
    if not pc.sum(pc.list_value_length(flags)).as_py():
        return found
    pairs = zip(found, flags.to_pylist(), strict=True)
    return [(TIMELESS, key[1]) if NO_TIME in (some or ()) else key for key, some in pairs]


def finding_keys(findings: pa.Table) -> list[Key]:
    """Return the key of each finding of another tool, in order."""
    rows = findings.select(["uid", "first_time", "last_time", "event_uids", "context"])
    # Other tools' findings are few beside events.
    contents = [json.dumps(row, default=str, sort_keys=True) for row in rows.to_pylist()]
    times = integers(findings.column("first_time"))
    return [
        (time // HOUR_MICROSECONDS, _digest(c)) for time, c in zip(times, contents, strict=True)
    ]


def resource_keys(resources: pa.Table) -> list[Key]:
    """Return the key of each observation of a resource, in order."""
    contents = [json.dumps(row, default=str, sort_keys=True) for row in resources.to_pylist()]
    times = integers(resources.column("observed_time"))
    return [
        (time // HOUR_MICROSECONDS, _digest(c)) for time, c in zip(times, contents, strict=True)
    ]


def key_of(uid: str) -> bytes:
    """Return the 16 bytes of an identifier; of any other text, its hash."""
    try:
        content = bytes.fromhex(uid[4:])
    except ValueError:
        return _digest(uid)
    return content if len(content) == 16 else _digest(uid)


def stored(connection: sqlite3.Connection, keys: Sequence[Key]) -> set[Key]:
    """Return those of `keys` that are stored."""
    hours = {hour for hour, _ in keys}
    wanted: Iterable[Key] = keys
    if len(hours) <= PROBED_HOURS:
        filled = {hour for hour in hours if _has_keys(connection, hour)}
        wanted = [key for key in keys if key[0] in filled] if filled else ()
    return {
        (hour, key)
        for hour, keys_of_hour in _by_hour(set(wanted))
        for (key,) in connection.execute(_FIND, {"hour": hour, "keys": keys_of_hour}).fetchall()
    }


def add(connection: sqlite3.Connection, keys: Iterable[Key]) -> None:
    """Store keys, inside the transaction of their commit."""
    for hour, keys_of_hour in _by_hour(keys):
        connection.execute(_ADD, {"hour": hour, "keys": keys_of_hour})


def remove(connection: sqlite3.Connection, keys: Iterable[Key]) -> None:
    """Forget keys, inside the transaction that removes their records."""
    connection.executemany("DELETE FROM seen WHERE hour = ? AND key = ?", sorted(keys))


def hours_of(connection: sqlite3.Connection, wanted: Sequence[bytes]) -> list[Key]:
    """Return those of the keys that are stored, each with its hour."""
    found: list[Key] = []
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        part = wanted[start : start + ASKED_AT_ONCE]
        marks = ", ".join("(?)" for _ in part)
        # Each step jumps to the next hour that has keys: some thousand seeks, once for all keys.
        rows = connection.execute(
            "WITH RECURSIVE hours(hour) AS (SELECT min(hour) FROM seen UNION ALL"
            " SELECT (SELECT min(hour) FROM seen WHERE seen.hour > hours.hour) FROM hours"
            f" WHERE hour IS NOT NULL), wanted(key) AS (VALUES {marks})"
            " SELECT hours.hour, wanted.key FROM hours CROSS JOIN wanted CROSS JOIN seen"
            " ON seen.hour = hours.hour AND seen.key = wanted.key",
            part,
        )
        found += rows.fetchall()
    return found


def _by_hour(keys: Iterable[Key]) -> Iterator[tuple[int, bytes]]:
    """Yield each hour with its keys in order, one behind the other."""
    for hour, group in groupby(sorted(keys), key=itemgetter(0)):
        yield hour, b"".join(key for _, key in group)


def _has_keys(connection: sqlite3.Connection, hour: int) -> bool:
    query = "SELECT 1 FROM seen WHERE hour = ? LIMIT 1"
    return connection.execute(query, (hour,)).fetchone() is not None


def _contents(uids: list[str]) -> list[bytes]:
    """Return the 16 bytes of each identifier; in one stroke where all are of our own making."""
    try:
        found = bytes.fromhex("".join([uid[4:] for uid in uids]))
    except ValueError:
        return [key_of(uid) for uid in uids]
    if any(len(uid) != OWN_LENGTH for uid in uids):
        return [key_of(uid) for uid in uids]
    return [found[place : place + 16] for place in range(0, len(found), 16)]


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
