"""Propose actions for incidents, within limits.

A proposal is data: nothing here, or called from here, touches a cloud. The same incident, playbook
and entity give the same request with the same identifier, so that a replay proposes nothing twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.incidents import Incident
from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import derive
from tocsin.respond.playbooks import Mode, Playbook, Trigger

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """A wish to act, to be stored before it can ever be a deed.

    Attributes:
        uid: derived from playbook, step, incident and target; the key that makes it happen once.
        arguments: a JSON object, as the playbook writes it.
        requested_time: UTC.
        reason: why, in one sentence for the one who approves.
    """

    uid: str
    playbook_uid: str
    incident_uid: str
    action: str
    target: Entity
    arguments: str
    mode: Mode
    requested_time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for all playbooks together.

    Attributes:
        most_per_hour: entities that all playbooks together may touch in any hour.
        never_touch: uids or names that are never a target: break-glass identities, Tocsin itself.
    """

    most_per_hour: int = 20
    never_touch: frozenset[str] = frozenset()


def propose(
    playbooks: Iterable[Playbook],
    incidents: Iterable[Incident],
    limits: Limits,
    history: Iterable[ActionRequest],
    now: datetime,
) -> tuple[ActionRequest, ...]:
    """Return the requests that the playbooks make for these incidents, riskiest incident first.

    Args:
        playbooks: any order; the result follows their uid.
        incidents: those that changed; closed and merged ones ask for nothing.
        limits: over all playbooks.
        history: requests of at least the last hour and the longest cool-down, any order.
        now: UTC.
    """
    ledger = _Ledger(limits, tuple(history), now)
    in_order = sorted(playbooks, key=lambda playbook: playbook.uid)
    requests: list[ActionRequest] = []
    for incident in sorted(incidents, key=lambda one: (-one.risk_score, one.uid)):
        for playbook in in_order:
            if _fits(playbook.trigger, incident) and ledger.admits(playbook, incident):
                made = _requests(playbook, incident, now)
                ledger.add(made)
                requests.extend(made)
    return tuple(requests)


class _Ledger:
    """What was requested before and in this call."""

    def __init__(self, limits: Limits, history: tuple[ActionRequest, ...], now: datetime) -> None:
        self._limits = limits
        self._requests = list(history)
        self._now = now

    def add(self, requests: Iterable[ActionRequest]) -> None:
        self._requests.extend(requests)

    def admits(self, playbook: Playbook, incident: Incident) -> bool:
        target = incident.entities[0]
        if {target.uid, target.name} & self._limits.never_touch:
            return False
        own = [one for one in self._requests if one.playbook_uid == playbook.uid]
        if any(self._blocks(one, playbook, incident) for one in own):
            return False
        return (
            self._touched(own) < playbook.most_per_hour
            and self._touched(self._requests) < self._limits.most_per_hour
        )

    def _blocks(self, past: ActionRequest, playbook: Playbook, incident: Incident) -> bool:
        if past.target.uid != incident.entities[0].uid:
            return False
        is_same = past.incident_uid == incident.uid
        return is_same or self._now - past.requested_time < playbook.cooldown

    def _touched(self, requests: Iterable[ActionRequest]) -> int:
        recent = (one for one in requests if self._now - one.requested_time < HOUR)
        return len({(one.playbook_uid, one.target.uid) for one in recent})


def _fits(trigger: Trigger, incident: Incident) -> bool:
    if incident.merged_into or incident.status in ("Resolved", "Closed"):
        return False
    if incident.severity_id < trigger.severity_id:
        return False
    if trigger.tactics and trigger.tactics.isdisjoint(incident.tactics):
        return False
    return not trigger.entity_types or incident.entities[0].type in trigger.entity_types


def _requests(playbook: Playbook, incident: Incident, now: datetime) -> tuple[ActionRequest, ...]:
    target = incident.entities[0]
    return tuple(
        ActionRequest(
            uid=derive("req", playbook.uid, str(number), step.action, incident.uid, target.uid),
            playbook_uid=playbook.uid,
            incident_uid=incident.uid,
            action=step.action,
            target=target,
            arguments=step.arguments,
            mode=playbook.mode,
            requested_time=now,
            reason=f"{playbook.title}: {incident.title} (risk {incident.risk_score})",
        )
        for number, step in enumerate(playbook.steps)
    )
