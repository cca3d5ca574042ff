"""What sources themselves have found: rows on their way from a mapping into the store.

Such a finding rests on the event of its record, so it is new exactly when its event is. Where the
source keeps a finding and tells its total again and again, only what has been added since counts.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa
from sqlalchemy import Connection, func, or_, select

from tocsin.ocsf import schemas
from tocsin.store.tables import FINDINGS

TOTALED = "Finding"
"""The `rule_type` of findings whose `match_count` is their source's total so far."""

_ASKED_AT_ONCE = 400


def resting(findings: pa.Table, events: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the findings that rest on events of the same batch, and those that stand alone."""
    if not findings.num_rows:
        return findings, findings
    present = set(events.column("event_uid").to_pylist())
    mask = pa.array([_rests(uids, present) for uids in findings.column("event_uids").to_pylist()])
    alone = pa.array([not each.as_py() for each in mask])
    return findings.filter(mask), findings.filter(alone)


def of_events(findings: pa.Table, events: pa.Table) -> pa.Table:
    """Return the findings whose events are among these."""
    return resting(findings, events)[0]


def shares(connection: Connection, findings: pa.Table, told: dict[str, int]) -> pa.Table:
    """Return the findings with what each adds to what is stored, instead of its source's total.

    Args:
        connection: reading.
        findings: of one batch, in the order of its records.
        told: totals of batches before in the same commit, by uid; grows by those of this one.
    """
    rows = findings.select(["uid", "rule_type", "match_count"]).to_pylist()
    ours = sorted({row["uid"] for row in rows if row["rule_type"] == TOTALED} - told.keys())
    if not ours and not told:
        return findings
    told.update(_stored(connection, ours))
    counts = []
    for row in rows:
        count = row["match_count"]
        if row["rule_type"] == TOTALED:
            before = told.get(row["uid"], 0)
            told[row["uid"]] = max(before, count)
            count = max(count - before, 0)
        counts.append(count)
    place = schemas.FINDINGS.get_field_index("match_count")
    field = schemas.FINDINGS.field(place)
    return findings.set_column(place, field, pa.array(counts, field.type))


def _rests(uids: Iterable[str], present: set[str]) -> bool:
    uids = list(uids)
    return bool(uids) and present.issuperset(uids)


def _stored(connection: Connection, uids: Sequence[str]) -> dict[str, int]:
    """Return the stored totals, of what suppressions hide too."""
    columns = FINDINGS.c
    found: dict[str, int] = {}
    for start in range(0, len(uids), _ASKED_AT_ONCE):
        some = uids[start : start + _ASKED_AT_ONCE]
        original = func.coalesce(func.nullif(columns.original_uid, ""), columns.uid)
        query = (
            select(original, func.sum(columns.match_count))
            .where(or_(columns.uid.in_(some), columns.original_uid.in_(some)))
            .group_by(original)
        )
        found.update({uid: int(count) for uid, count in connection.execute(query)})
    return found
