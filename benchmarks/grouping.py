"""How long grouping takes: a batch of findings among many open incidents and stored findings.

`python -m benchmarks.grouping` fills a state with 10,000 open incidents and 1,000,000 findings, and
groups batches of 1,000 findings about entities of those incidents and of new ones. Measured is the
step from the stored findings to the changed incidents (identities, incidents that they may join,
grouping), without writing them.
"""

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa

from tocsin import incidents
from tocsin.ocsf import Entity, schemas
from tocsin.store import Store
from tocsin.store import incidents as stored_incidents
from tocsin.store.joining import Grouping

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
GAP = timedelta(hours=4)
MEDIUM = 3
TARGET_MILLISECONDS = 50
ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grouping", description=__doc__)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--entities", type=int, default=50, help="that a batch is about")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-benchmark-") as folder,
        Store.open(Path(folder) / "data") as store,
    ):
        _fill(store, options.incidents, options.findings)
        spent = [_round(store, number, options) for number in range(ROUNDS)]
    median = statistics.median(spent) * 1000
    print(
        f"{options.incidents:,} open incidents, {options.findings:,} findings: a batch of "
        f"{options.batch:,} findings about {options.entities} entities is grouped in "
        f"{median:.1f} ms of CPU time (target: below {TARGET_MILLISECONDS} ms)"
    )


def _round(store: Store, number: int, options: argparse.Namespace) -> float:
    table = _findings(number, options.batch, options.entities)
    group = partial(incidents.group, gap=GAP, threshold=MEDIUM)
    grouping = Grouping(group, ())
    with store._database.read() as connection:
        begun = time.thread_time()
        known, changed = grouping.changed(connection, table, (), NOW)
        spent = time.thread_time() - begun
    if not known or not changed:
        raise RuntimeError("nothing was joined: the benchmark measures nothing")
    return spent


def _findings(number: int, size: int, entities: int) -> pa.Table:
    rows = []
    for place in range(size):
        who = (number * entities + place % entities) * 7
        user = _entity("user", f"arn:aws:iam::111122223333:user/u{who}")
        moment = (NOW - timedelta(minutes=place % 60)).replace(tzinfo=None)
        rows.append(
            {
                "uid": f"fnd_{number}_{place}",
                "class_uid": 2004,
                "rule_uid": f"rule-{place % 20}",
                "rule_title": "Something happened",
                "rule_type": "Sigma",
                "source": "aws.cloudtrail",
                "severity_id": MEDIUM,
                "is_alert": True,
                "title": "Something happened",
                "description": "",
                "dedup_key": user["uid"],
                "period_start": moment,
                "first_time": moment,
                "last_time": moment,
                "match_count": 1,
                "entity": user,
                "links": [_entity("access_key", f"AKIA{who:016}"), _entity("address", "10.0.0.1")],
                "account": "111122223333",
                "tactics": ["persistence"],
                "techniques": ["T1098"],
                "event_uids": [f"evt_{number}_{place}"],
                "context": "{}",
            }
        )
    return pa.Table.from_pylist(rows, schema=schemas.FINDINGS)


def _entity(kind: str, uid: str) -> dict[str, str]:
    return {"type": kind, "uid": uid, "name": uid.rpartition("/")[2]}


def _fill(store: Store, incident_count: int, finding_count: int) -> None:
    """Write open incidents, and findings as rows that only their index may have to pass over."""
    first = _findings(0, 1, 1)
    (seed,) = incidents.group([], first, NOW, gap=GAP, threshold=MEDIUM).changed
    each = max(1, finding_count // incident_count)
    with store._database.write() as connection:
        many = []
        for place in range(incident_count):
            uid = f"arn:aws:iam::111122223333:user/u{place}"
            who = Entity("user", uid, f"u{place}")
            about = incidents.Incident(
                **{name: getattr(seed, name) for name in seed.__slots__}
                | {
                    "uid": f"inc_{place:032x}",
                    "entities": (who,),
                    "subjects": (),
                    "anchors": (),
                    "finding_uids": tuple(f"fnd_old_{place}_{n}" for n in range(min(each, 1000))),
                    "finding_count": each,
                }
            )
            many.append(about)
        stored_incidents.record(connection, many)
        _fill_findings(connection, incident_count, each)


def _fill_findings(connection: object, incident_count: int, each: int) -> None:
    from sqlalchemy import text

    execute = connection.execute  # type: ignore[attr-defined]  # a connection of SQLAlchemy
    names = [row[1] for row in execute(text("PRAGMA table_info(findings)"))]
    kinds = {row[1]: row[2] for row in execute(text("PRAGMA table_info(findings)"))}
    values = {name: "0" if "INT" in kinds[name] else "''" for name in names}
    values |= {"uid": "'fnd_old_' || i || '_' || n"}
    if "entity_uid" in values:
        values["entity_uid"] = "'arn:aws:iam::111122223333:user/u' || i"
    chosen = ", ".join(f"{values[name]} AS {name}" for name in names)
    execute(
        text(
            f"WITH RECURSIVE a(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM a WHERE i + 1 < "  # noqa: S608  # our own names
            f"{incident_count}), b(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM b WHERE n + 1 < "
            f"{each}) INSERT INTO findings ({', '.join(names)}) SELECT {chosen} FROM a, b"
        )
    )


if __name__ == "__main__":
    main()
