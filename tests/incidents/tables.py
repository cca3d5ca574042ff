"""Small tables of findings and incidents for the tests of this room."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tocsin.incidents import Grouped, Incident, group
from tocsin.ocsf import schemas

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEDIUM = 3


def entity(text: str) -> dict[str, str]:
    """`user/alice` is the user whose uid is `user/alice` and whose name is `alice`."""
    kind, _, name = text.partition("/")
    return {"type": kind, "uid": text, "name": name}


def finding(
    about: str = "user/alice",
    minute: int = 0,
    *,
    uid: str = "",
    links: Sequence[str] = (),
    severity: int = MEDIUM,
    is_alert: bool = True,
    minutes: int = 0,
    rule: str = "rule-1",
    matches: int = 1,
    tactics: Sequence[str] = ("persistence",),
    title: str = "Something happened",
    account: str | None = "111122223333",
) -> dict[str, object]:
    """A finding about an entity whose events begin `minute` minutes after noon."""
    first = (NOON + timedelta(minutes=minute)).replace(tzinfo=None)
    uid = uid or f"fnd_{rule}_{about}_{minute}"
    return {
        "uid": uid,
        "class_uid": 2004,
        "rule_uid": rule,
        "rule_title": title,
        "rule_type": "Sigma",
        "source": "aws.cloudtrail",
        "severity_id": severity,
        "is_alert": is_alert,
        "title": title,
        "description": "",
        "dedup_key": about,
        "period_start": first,
        "first_time": first,
        "last_time": first + timedelta(minutes=minutes),
        "match_count": matches,
        "entity": entity(about),
        "links": [entity(link) for link in links],
        "account": account,
        "tactics": list(tactics),
        "techniques": ["T1098"],
        "event_uids": [f"evt_{uid}_{minute}"],
        "context": "{}",
    }


def table(*findings: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(findings), schema=schemas.FINDINGS)


def grouped(
    *findings: dict[str, object],
    known: Sequence[Incident] = (),
    now: datetime = NOON,
    gap: timedelta = HOUR,
    never_link: frozenset[str] = frozenset(),
) -> Grouped:
    return group(known, table(*findings), now, gap=gap, threshold=MEDIUM, never_link=never_link)


def incident(*findings: dict[str, object]) -> Incident:
    (only,) = grouped(*(findings or (finding(),))).changed
    return only
