"""Incidents with what their events say, for the tests of this room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.incidents.tables import finding, incident
from tests.respond.catalog import SomeActions
from tocsin.incidents import Incident
from tocsin.ocsf import Entity
from tocsin.respond import Playbook, parse_playbook
from tocsin.respond.guardrails import Limits
from tocsin.respond.ports import KnownResource
from tocsin.respond.proposing import Case, Surroundings


class NoInventory:
    """An inventory that knows nothing."""

    def resource_at(self, entity: Entity, time: datetime) -> KnownResource | None:
        """Return nothing."""
        return None

    def count(self, type: str, account: str) -> int:
        """Return 0."""
        return 0


ACCOUNT = "111122223333"
WATCHED = ("ocsf.actor.user.credential_uid",)


@dataclass(frozen=True)
class Said:
    """What one event says."""

    source: str = "aws.cloudtrail"
    event: Mapping[str, object] = field(default_factory=dict)
    record: Mapping[str, object] = field(default_factory=dict)
    entities: tuple[tuple[Entity, tuple[str, ...]], ...] = ()

    def named(self) -> tuple[tuple[Entity, tuple[str, ...]], ...]:
        return self.entities


@dataclass(frozen=True)
class Told:
    """Trust labels by path, the same for every source; others are the attacker's."""

    labels: Mapping[str, str] = field(
        default_factory=lambda: {
            "ocsf.cloud.account.uid": "provider",
            "ocsf.actor.user.credential_uid": "provider",
            "ocsf.src_endpoint.ip": "provider",
            "ocsf.api.operation": "provider",
            "pod_uid": "agent",
        }
    )

    def label(self, source: str, path: str) -> str:
        return self.labels.get(path, "attacker")


@dataclass(frozen=True)
class Shelf:
    """An inventory of a few things by uid."""

    known: Mapping[str, KnownResource] = field(default_factory=dict)
    total: int = 0

    def resource_at(self, entity: Entity, time: datetime) -> KnownResource | None:
        return self.known.get(entity.uid)

    def count(self, type: str, account: str) -> int:
        return self.total


def event(**more: object) -> dict[str, object]:
    return {
        "cloud": {"account": {"uid": ACCOUNT}, "region": "eu-central-1", "provider": "AWS"},
        "status_id": 1,
        "api": {"operation": "ListBuckets"},
        **more,
    }


def about(
    entity: str, paths: tuple[str, ...] = WATCHED, *, rule: str = "rule-1", **more: object
) -> Case:
    """Return the case of an incident with one finding about `type/name`, told at `paths`."""
    row = finding(entity, rule=rule, severity=4)
    kind, _, name = entity.partition("/")
    said = Said(
        event=more.pop("event", event()),
        record=more.pop("record", {}),
        source=str(more.pop("source", "aws.cloudtrail")),
        entities=((Entity(kind, entity, name), paths),),
    )
    return Case(incident(row), ((row, (said,)),))


def playbook(action: str = "aws_disable_access_key", **changes: str) -> Playbook:
    """Return a playbook of one step for findings of high severity."""
    lines = {
        "id": "leaked-key",
        "title": "Disable the key",
        "description": "A key leaked.",
        "trigger": "{finding.severity_id: 4}",
        "steps": f"[{{action: {action}}}]",
        "mode": "approve",
        **changes,
    }
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    return parse_playbook(text, "p.yaml", SomeActions())


def surroundings(
    limits: Limits | None = None, inventory: Shelf | None = None, stopped: str = ""
) -> Surroundings:
    return Surroundings(
        Told(),
        inventory or NoInventory(),
        limits or Limits(),
        frozenset({stopped} if stopped else ()),
    )


def changed(case: Case, incident_: Incident) -> Case:
    return Case(incident_, case.findings)
