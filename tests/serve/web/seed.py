"""Fill a store through its real commit path: a night of a small cloud, invented here.

Nothing is taken from recorded data: accounts are documentation numbers, addresses documentation
ranges, names our own.
"""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa

from tocsin.detect import Windows
from tocsin.incidents import group
from tocsin.normalize import Normalized
from tocsin.ocsf import RawBatch, empty, from_rows, identifiers, schemas
from tocsin.store import Store, Turn

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ACCOUNT = "111122223333"
TRAIL, CLUSTER, SILENT = "org-trail", "prod-cluster", "lab-trail"
AWS, KUBERNETES = "aws.cloudtrail", "kubernetes.audit"
GROUP = partial(group, gap=timedelta(hours=6), threshold=3)

_TEXT = pa.string()
ATTRIBUTES = [
    pa.field("status", _TEXT),
    pa.field("api", pa.struct([("operation", _TEXT), ("service", pa.struct([("name", _TEXT)]))])),
    pa.field(
        "actor",
        pa.struct(
            [("user", pa.struct([("name", _TEXT), ("uid", _TEXT), ("type", _TEXT)]))],
        ),
    ),
    pa.field("src_endpoint", pa.struct([("ip", _TEXT)])),
    pa.field("cloud", pa.struct([("account", pa.struct([("uid", _TEXT)])), ("region", _TEXT)])),
    pa.field("http_request", pa.struct([("user_agent", _TEXT)])),
    pa.field("resources", pa.list_(pa.struct([("name", _TEXT), ("type", _TEXT)]))),
    pa.field("metadata", pa.struct([("original_event_uid", _TEXT)])),
]
EVENTS = pa.schema([*schemas.EVENT_COLUMNS, *ATTRIBUTES])


@dataclass(frozen=True)
class Example:
    name: str
    match: bool
    event: Mapping[str, object]


@dataclass(frozen=True)
class Rule:
    """A rule as the pages see it."""

    uid: str
    title: str
    severity_id: int
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    description: str = "Somebody does what attackers do before the alarm; look who it was and why."
    kind: str = "Sigma"
    sources: tuple[str, ...] = (AWS,)
    false_positives: tuple[str, ...] = ("A planned change; look at the calendar.",)
    references: tuple[str, ...] = ("https://attack.mitre.org/",)
    examples: tuple[Example, ...] = (
        Example("It happens", True, {"eventName": "StopLogging"}),
        Example("It is refused", False, {"eventName": "StopLogging", "errorCode": "AccessDenied"}),
    )
    location: str = "content/rules/aws/cloudtrail/example.yaml"
    is_enabled: bool = True
    is_on: bool = True
    own_severity_id: int | None = None
    text: str = field(
        default="title: Example\nlogsource:\n  product: aws\n  service: cloudtrail\ndetection:\n"
        "  selection:\n    eventName: StopLogging\n  condition: selection\n"
    )


RULES = (
    Rule("r-trail", "CloudTrail logging is stopped", 4, ("defense-evasion",), ("T1562.008",)),
    Rule("r-key", "Access key is created for another user", 3, ("persistence",), ("T1098.001",)),
    Rule(
        "r-admin", "Administrator policy is attached", 4, ("privilege-escalation",), ("T1098.003",)
    ),
    Rule("r-snap", "Disk snapshot is shared with everyone", 5, ("exfiltration",), ("T1537",)),
    Rule(
        "r-root",
        "Root signs in to the console",
        3,
        ("initial-access",),
        ("T1078.004",),
        own_severity_id=5,
    ),
    Rule(
        "r-secrets",
        "Many secrets are read in a row",
        4,
        ("credential-access",),
        ("T1555.006",),
        kind="Python",
    ),
    Rule("r-enum", "Identities are listed by a long-lived key", 2, ("discovery",), ("T1087.004",)),
    Rule(
        "r-exec",
        "Command is run in a kube-system pod",
        4,
        ("execution",),
        ("T1609",),
        sources=(KUBERNETES,),
    ),
    Rule(
        "r-host",
        "Pod mounts the folder of its host",
        4,
        ("privilege-escalation",),
        ("T1611",),
        sources=(KUBERNETES,),
    ),
    Rule(
        "r-bind",
        "Cluster administrator is granted",
        5,
        ("persistence",),
        ("T1098.006",),
        sources=(KUBERNETES,),
    ),
    Rule("r-bucket", "Bucket is opened to everyone", 4, ("collection",), ("T1530",)),
    Rule("r-org", "Account leaves its organization", 5, ("defense-evasion",), ("T1666",)),
)

# principal, address, user agent, what they do every day
_PRINCIPALS = (
    (
        "alice",
        "198.51.100.20",
        "aws-cli/2.15.30",
        ("ListBuckets", "GetObject", "DescribeInstances"),
    ),
    ("bob", "198.51.100.21", "Mozilla/5.0", ("ConsoleLogin", "DescribeAlarms", "GetMetricData")),
    ("build-bot", "203.0.113.10", "Boto3/1.34", ("PutObject", "GetObject", "CreateInvalidation")),
    ("deploy-role", "203.0.113.11", "terraform/1.9", ("UpdateFunctionCode", "DescribeStacks")),
    ("carol", "198.51.100.40", "aws-cli/2.15.30", ("StartInstances", "DescribeVolumes")),
    ("scanner", "203.0.113.77", "Boto3/1.34", ("DescribeSecurityGroups", "GetBucketPolicy")),
    ("backup-svc", "203.0.113.5", "Boto3/1.34", ("CreateSnapshot", "DescribeSnapshots")),
    ("system:kube-scheduler", "10.0.0.4", "kube-scheduler/v1.30", ("update leases", "list pods")),
)
# minutes before NOW, who, what, rule, target
_STORY = (
    (310, "alice", "ListUsers", "r-enum", "users"),
    (300, "alice", "GetAccountAuthorizationDetails", "r-enum", "users"),
    (290, "alice", "CreateAccessKey", "r-key", "svc-report"),
    (270, "svc-report", "AttachUserPolicy", "r-admin", "AdministratorAccess"),
    (255, "svc-report", "GetSecretValue", "r-secrets", "prod/db"),
    (240, "svc-report", "ModifySnapshotAttribute", "r-snap", "snap-0a1b2c3d4e5f"),
    (225, "svc-report", "StopLogging", "r-trail", "org-trail"),
    (150, "root", "ConsoleLogin", "r-root", "console"),
    (95, "ci-runner", "create pods/exec", "r-exec", "kube-proxy-7x9qz"),
    (90, "ci-runner", "create pods", "r-host", "debug-node"),
    (80, "ci-runner", "create clusterrolebindings", "r-bind", "cluster-admin"),
    (40, "carol", "PutBucketPolicy", "r-bucket", "quarterly-reports"),
)


def fill(store: Store, now: datetime = NOW, attacks: Sequence[str] = ()) -> None:
    """Fill `store` with a night that ends at `now`, and with the attack strings everywhere."""
    chance = random.Random(7)
    benign = list(_benign(chance, now))
    story = [_story_event(now, *moment) for moment in _STORY]
    hostile = [_hostile_event(now, place, text) for place, text in enumerate(attacks)]
    aws = [row for row in (*benign, *story, *hostile) if row["source"] == AWS]
    kubernetes = [row for row in (*benign, *story) if row["source"] == KUBERNETES]
    findings = [_story_finding(now, *moment) for moment in _STORY]
    findings += [_hostile_finding(now, place, text) for place, text in enumerate(attacks)]
    for hours in range(12):
        _commit(
            store, SILENT, aws[hours : hours + 1], [], [], now - timedelta(days=3, hours=-hours)
        )
    for hours in range(24, 0, -1):
        end = now - timedelta(hours=hours - 1)
        _commit_hour(store, (aws, kubernetes), findings, end)
    _commit(store, TRAIL, [], [], _rejects(now, attacks), now, failures=_failures())


def _commit_hour(
    store: Store,
    sources: tuple[list[dict[str, object]], list[dict[str, object]]],
    findings: list[dict[str, object]],
    end: datetime,
) -> None:
    begin = end - timedelta(hours=1)
    for feed, rows in zip((TRAIL, CLUSTER), sources, strict=True):
        part = [row for row in rows if _naive(begin) < row["time"] <= _naive(end)]  # type: ignore[operator]
        uids = {row["event_uid"] for row in part}
        found = [row for row in findings if row["event_uids"][0] in uids]  # type: ignore[index]
        _commit(store, feed, part, found, [], end)


def _commit(
    store: Store,
    feed: str,
    rows: list[dict[str, object]],
    findings: list[dict[str, object]],
    rejects: list[dict[str, object]],
    now: datetime,
    failures: Iterable[dict[str, object]] = (),
) -> None:
    if feed == SILENT:
        rows = [
            {**row, "event_uid": f"{row['event_uid']}9", "time": _naive(now), "day": now.date()}
            for row in rows
        ]
    source = KUBERNETES if feed == CLUSTER else AWS
    records = [
        {
            "raw": str(row["raw_data"]).encode(),
            "origin": str(row["origin"]),
            "position": place,
            "received_time": _naive(now),
        }
        for place, row in enumerate(rows)
    ]
    batch = RawBatch(
        source,
        feed,
        from_rows(records, schemas.RAW),
        None,
        None,
        from_rows(rejects, schemas.REJECTS),
    )
    normalized = Normalized(
        pa.Table.from_pylist(rows, schema=EVENTS),
        empty(schemas.FINDINGS),
        empty(schemas.RESOURCES),
        empty(schemas.REJECTS),
    )
    matches = [
        {
            "finding_uid": row["uid"],
            "rule_uid": row["rule_uid"],
            "event_uid": uid,
            "event_time": row["last_time"],
        }
        for row in findings
        for uid in row["event_uids"]  # type: ignore[attr-defined]
    ]
    with store.turns.lock():
        unseen = store.turns.unseen(batch, normalized)
        turn = Turn(
            batch=batch,
            unseen=unseen,
            findings=from_rows(findings, schemas.FINDINGS),
            matches=from_rows(matches, schemas.MATCHES),
            failures=from_rows(failures, schemas.FAILURES),
            now=now,
        )
        store.turns.commit([turn], Windows(), GROUP)


def _benign(chance: random.Random, now: datetime) -> Iterable[dict[str, object]]:
    for _ in range(900):
        name, address, agent, operations = chance.choice(_PRINCIPALS)
        # Days are busier than nights.
        age = timedelta(minutes=chance.expovariate(1 / 420) % (24 * 60 - 1))
        is_kubernetes = name.startswith("system:")
        yield _event(
            now - age,
            name,
            chance.choice(operations),
            source=KUBERNETES if is_kubernetes else AWS,
            address=address,
            agent=agent,
            target=chance.choice(("reports", "web-assets", "i-0a1b2c", "prod-db", "queue")),
            is_refused=chance.random() < 0.06,
        )


def _story_event(
    now: datetime, age: int, who: str, what: str, rule: str, target: str
) -> dict[str, object]:
    return _event(
        now - timedelta(minutes=age),
        who,
        what,
        source=KUBERNETES if rule in {"r-exec", "r-host", "r-bind"} else AWS,
        address="192.0.2.66",
        agent="python-requests/2.31",
        target=target,
    )


def _event(
    time: datetime,
    who: str,
    what: str,
    *,
    source: str = AWS,
    address: str = "198.51.100.20",
    agent: str = "aws-cli/2",
    target: str = "thing",
    is_refused: bool = False,
    account: str = ACCOUNT,
    region: str = "eu-central-1",
) -> dict[str, object]:
    native = {
        "eventTime": time.isoformat(),
        "eventName": what,
        "userIdentity": {"type": "IAMUser", "userName": who, "accountId": account},
        "sourceIPAddress": address,
        "userAgent": agent,
        "requestParameters": {"name": target},
        **({"errorCode": "AccessDenied"} if is_refused else {}),
    }
    raw = json.dumps(native, ensure_ascii=False)
    is_login = what == "ConsoleLogin"
    return {
        "event_uid": identifiers.derive("evt", source, raw),
        "source": source,
        "received_time": _naive(time + timedelta(seconds=40)),
        "origin": "s3://audit/AWSLogs/1.json.gz",
        "position": 0,
        "skewed": False,
        "day": time.date(),
        "flags": [],
        "raw_data": raw,
        "time": _naive(time),
        "class_uid": 3002 if is_login else 6003,
        "category_uid": 3 if is_login else 6,
        "activity_id": 1,
        "type_uid": 300201 if is_login else 600301,
        "severity_id": 1,
        "status": "Failure" if is_refused else "Success",
        "api": {"operation": what, "service": {"name": "iam.amazonaws.com"}},
        "actor": {"user": {"name": who, "uid": f"AIDA{who.upper()}", "type": "User"}},
        "src_endpoint": {"ip": address},
        "cloud": {"account": {"uid": account}, "region": region},
        "http_request": {"user_agent": agent},
        "resources": [{"name": target, "type": "thing"}],
        "metadata": {"original_event_uid": identifiers.content_hash(raw.encode())},
    }


def _story_finding(
    now: datetime, age: int, who: str, what: str, rule: str, target: str
) -> dict[str, object]:
    event = _story_event(now, age, who, what, rule, target)
    links = [("user", target)] if rule == "r-key" else []
    return _finding(_rule(rule), event, who, links=links, title=f"{_rule(rule).title}: {target}")


def _finding(
    rule: Rule,
    event: dict[str, object],
    who: str,
    *,
    title: str,
    links: Sequence[tuple[str, str]] = (),
    context: Mapping[str, object] | None = None,
    description: str = "",
    account: str = ACCOUNT,
) -> dict[str, object]:
    time = event["time"]
    return {
        "uid": identifiers.derive("fnd", rule.uid, who, title),
        "class_uid": 2004,
        "rule_uid": rule.uid,
        "rule_title": rule.title,
        "rule_type": rule.kind,
        "source": event["source"],
        "severity_id": rule.severity_id,
        "is_alert": True,
        "title": title,
        "description": description or rule.description,
        "dedup_key": who,
        "period_start": time,
        "first_time": time,
        "last_time": time,
        "match_count": 1,
        "entity": {"type": "user", "uid": who, "name": who},
        "links": [{"type": kind, "uid": uid, "name": uid} for kind, uid in links],
        "account": account,
        "tactics": list(rule.tactics),
        "techniques": list(rule.techniques),
        "event_uids": [event["event_uid"]],
        "context": json.dumps(context or {"address": "192.0.2.66"}),
    }


def _hostile_event(now: datetime, place: int, text: str) -> dict[str, object]:
    """Return an event with the attack string in every field that an outsider can choose."""
    time = now - timedelta(minutes=5 + place)
    return _event(
        time, text, text, address=text, agent=text, target=text, account=text, region=text
    ) | {"status": text, "origin": text, "flags": [text]}


def _hostile_finding(now: datetime, place: int, text: str) -> dict[str, object]:
    rule = Rule(f"r-hostile-{place}", text, 3, (text,), (text,))
    return _finding(
        rule,
        _hostile_event(now, place, text),
        text,
        title=text,
        links=[("user", f"{text} too"), (text, text)],
        context={text: text, "nested": {text: [text]}},
        description=text,
        account=text,
    )


def _rejects(now: datetime, attacks: Sequence[str]) -> list[dict[str, object]]:
    texts = ('{"eventName": "ListBu', "\ufeffnot a record", '{"eventTime": "1601-01-01"}', *attacks)
    return [
        {
            "source": AWS,
            "origin": text if text in attacks else "s3://audit/AWSLogs/2.json.gz",
            "position": place,
            "received_time": _naive(now),
            "reason": f"not_json: {text}" if place != 2 else "bad_time: 1601 is before 1970",
            "raw": text.encode("utf-8", "surrogatepass") + b"\xff\x00",
            "raw_hash": identifiers.content_hash(text.encode("utf-8", "surrogatepass")),
            "size_bytes": len(text),
            "is_replayable": True,
        }
        for place, text in enumerate(texts)
    ]


def _failures() -> list[dict[str, object]]:
    return [
        {"rule_uid": "r-secrets", "reason": reason, "event_uid": None, "count": 3}
        for reason in (
            "TypeError: NoneType",
            "switched_off: 3 times in a row, it took longer than 1 s",
        )
    ]


def _rule(uid: str) -> Rule:
    return next(rule for rule in RULES if rule.uid == uid)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
