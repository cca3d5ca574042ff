"""Real tools over the shipped content, records of our own, and everything that a store holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.run.batches import NOON
from tocsin.isolate import RuleWorker
from tocsin.ocsf import EVERYTHING, RawBatch
from tocsin.run import wiring
from tocsin.run.pipeline import TurnReport, turn_whatever_comes
from tocsin.run.tools import Tools
from tocsin.settings import Settings, load
from tocsin.store import FindingFilter, IncidentFilter, Span, Store

NOW = NOON.replace(tzinfo=UTC)
ACCOUNT = "111122223333"


def settings_in(folder: Path, **environ: str) -> Settings:
    """Return settings whose data folder is `folder / "data"`."""
    return load(None, {"TOCSIN_DATA": str(folder / "data")} | environ)


def real_tools(settings: Settings, worker: RuleWorker) -> Tools:
    loaded = wiring.load_rules(wiring.RuleChoice())
    return wiring.load_tools(settings, loaded, worker, wiring.load_mappings())


def call(
    operation: str = "DescribeInstances",
    *,
    service: str = "ec2.amazonaws.com",
    user: str = "eve",
    at: datetime = NOW,
    **more: object,
) -> dict[str, object]:
    """Return a CloudTrail record of one call; its identifier follows from what it says."""
    return {
        "eventVersion": "1.09",
        "eventID": f"{operation}-{user}-{at:%H%M%S%f}",
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventName": operation,
        "eventSource": service,
        "eventType": "AwsApiCall",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.66",
        "userAgent": "aws-cli/2.15.0",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {
            "type": "IAMUser",
            "userName": user,
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{user}",
            "accountId": ACCOUNT,
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        },
    } | more


def stopped_trail(user: str = "eve", at: datetime = NOW) -> dict[str, object]:
    """Return a record on which a rule of severity High makes a finding."""
    return call("StopLogging", service="cloudtrail.amazonaws.com", user=user, at=at)


def turned(
    tools: Tools, store: Store, *batches: RawBatch, now: datetime = NOW + timedelta(minutes=1)
) -> TurnReport:
    return turn_whatever_comes(batches, tools, store, lambda: now)


@dataclass(frozen=True)
class Stored:
    """Everything that a store holds, without the times of the turns."""

    events: list[str]
    findings: list[dict[str, object]]
    incidents: list[object]
    rejects: list[dict[str, object]]


def stored(store: Store) -> Stored:
    events = store.events.search("", EVERYTHING, Span(), limit=10_000).rows
    findings = store.findings.list(FindingFilter(), EVERYTHING, limit=1_000).rows
    incidents = store.incidents.list(IncidentFilter(), EVERYTHING, limit=1_000).rows
    return Stored(
        sorted(events["event_uid"].to_pylist()) if events.num_rows else [],
        findings.to_pylist(),
        list(incidents),
        store.rejects.list(EVERYTHING, limit=1_000).rows.to_pylist(),
    )


def counters(store: Store, feed: str) -> Mapping[str, int]:
    """Return the counters of a feed; zeros where it never gave a batch."""
    health = store.sources.get(feed, EVERYTHING, NOW)
    names = ("received", "events", "findings", "resources", "duplicates", "rejects")
    return {name: getattr(health, name, 0) for name in names}


def is_conserved(counts: Mapping[str, int]) -> bool:
    """Whether every record that was received is accounted for (invariant 2)."""
    return counts["received"] == sum(n for name, n in counts.items() if name != "received")
