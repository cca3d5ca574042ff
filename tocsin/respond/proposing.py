"""Propose actions for incidents, within limits.

A proposal is data: nothing here, or called from here, touches a cloud. The same incident, playbook
and target give the same request with the same identifier, so that a replay proposes nothing twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from tocsin.incidents import Incident
from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import derive
from tocsin.respond import requests
from tocsin.respond.guardrails import Ledger, Limits, is_own
from tocsin.respond.playbooks import Playbook, Step
from tocsin.respond.playbooks.tell import TellKind
from tocsin.respond.playbooks.trigger import (
    asks_for_event,
    scene,
    shown_finding,
    shown_incident,
    test_of,
)
from tocsin.respond.ports import Inventory, Labels, Testimony
from tocsin.respond.requests import HIGHEST_AUTOMATIC_LEVEL, ActionRequest, Mode
from tocsin.respond.targets import Found, Resolver

OWN_RULES = "tocsin.response"
"""How the identifiers of rules begin whose findings are about responding itself."""


@dataclass(frozen=True, slots=True)
class Case:
    """An incident that changed, with the findings that changed it.

    Attributes:
        findings: rows of `ocsf.schemas.FINDINGS`, each with what its events say, the newest first.
    """

    incident: Incident
    findings: tuple[tuple[Mapping[str, object], tuple[Testimony, ...]], ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """A playbook that asked for more than it may: it is stopped until somebody looks.

    Attributes:
        incident_uid: of the riskiest incident that was left out.
    """

    playbook_uid: str
    title: str
    reason: str
    incident_uid: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Telling:
    """What a playbook says about an incident, once.

    Attributes:
        uid: of playbook, incident and step: a replay says nothing twice.
        words: see `playbooks.TellStep`.
        mode: of the playbook; while it observes, this is written down and no more.
    """

    uid: str
    playbook_uid: str
    incident_uid: str
    step: int
    kind: TellKind
    words: tuple[str, ...]
    mode: Mode


@dataclass(frozen=True, slots=True)
class Proposed:
    """What playbooks ask for, riskiest incident first, and the playbooks that went too far."""

    requests: tuple[ActionRequest, ...] = ()
    stops: tuple[Stop, ...] = ()
    tellings: tuple[Telling, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What proposing asks beside its arguments; all of it is read, nothing is changed.

    Attributes:
        labels: who chose which field.
        inventory: what things were.
        limits: over all playbooks.
        stopped: uids of playbooks that went too far and that nobody has let go on.
        told: uids of what was told before of these incidents.
        lately: of how many incidents each playbook told in the last ten minutes.
    """

    labels: Labels
    inventory: Inventory
    limits: Limits
    stopped: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    lately: Mapping[str, int] = field(default_factory=dict)


def propose(
    playbooks: Iterable[Playbook],
    cases: Iterable[Case],
    surroundings: Surroundings,
    history: Iterable[ActionRequest],
    now: datetime,
) -> Proposed:
    """Return the requests that the playbooks make for these incidents.

    Caps are counted before the first request: a playbook that would break one makes none of this
    call's requests and is stopped.

    Args:
        playbooks: any order; the result follows their uid.
        cases: incidents that changed; closed and merged ones ask for nothing.
        surroundings: labels, inventory and limits.
        history: requests of at least the last hour, the longest cooldown, and of these incidents.
        now: UTC.
    """
    ledger = Ledger(surroundings.limits, history, surroundings.inventory, now)
    ordered = sorted(cases, key=lambda one: (-one.incident.risk_score, one.incident.uid))
    views = [view for view in map(partial(_viewed, surroundings=surroundings), ordered) if view]
    made: list[ActionRequest] = []
    stops: list[Stop] = []
    tellings: list[Telling] = []
    for playbook in sorted(playbooks, key=lambda one: one.uid):
        if playbook.uid in surroundings.stopped:
            continue
        wanted = _wanted(playbook, views, surroundings, ledger, now)
        told = _tellings(playbook, views, surroundings)
        stop = _floods(playbook, told, surroundings) or _admit(playbook, wanted, ledger, made)
        if stop is not None:
            stops.append(stop)
        else:
            tellings.extend(told)
    place = {case.incident.uid: number for number, case in enumerate(ordered)}
    made.sort(key=lambda one: (place[one.incident_uid], one.playbook_uid, one.step))
    return Proposed(tuple(made), tuple(stops), tuple(tellings))


@dataclass(frozen=True, slots=True)
class _View:
    """A case as triggers read it; events that Tocsin caused itself are left out."""

    incident: Incident
    shown: Mapping[str, object]
    findings: tuple[tuple[Mapping[str, object], Mapping[str, object], tuple[Testimony, ...]], ...]


def _viewed(case: Case, surroundings: Surroundings) -> _View | None:
    incident = case.incident
    if incident.merged_into or incident.status in ("Resolved", "Closed"):
        return None
    findings = []
    for row, testimonies in case.findings:
        others = tuple(one for one in testimonies if not is_own(one, surroundings.limits.own_roles))
        is_ours = bool(testimonies) and not others
        if not is_ours and not str(row["rule_uid"]).startswith(OWN_RULES):
            findings.append((row, shown_finding(row), others))
    return _View(incident, shown_incident(incident), tuple(findings)) if findings else None


def _wanted(
    playbook: Playbook,
    views: Sequence[_View],
    surroundings: Surroundings,
    ledger: Ledger,
    now: datetime,
) -> list[ActionRequest]:
    resolver = Resolver(surroundings.labels, surroundings.inventory)
    wanted: list[ActionRequest] = []
    seen: set[tuple[str, str, str, str]] = set()
    for view in views:
        fitting = _fitting(playbook, view)
        if not fitting:
            continue
        for step in playbook.steps:
            asking = _Asking(playbook, step, surroundings, now)
            found = resolver.targets(step, fitting, view.incident.last_time)
            for one in found[: playbook.caps.per_incident]:
                request = asking.request(view.incident, one)
                elsewhere = (step.action, one.target.type, one.target.account, one.target.uid)
                is_known = ledger.has(request.uid) or elsewhere in seen
                if is_known or ledger.is_cooling(playbook, one.target, view.incident.uid):
                    continue
                seen.add(elsewhere)
                wanted.append(request)
    return wanted


def _tellings(
    playbook: Playbook, views: Sequence[_View], surroundings: Surroundings
) -> list[Telling]:
    """Return what the playbook says about incidents that it has not said before."""
    found: list[Telling] = []
    for view in views if playbook.tells else ():
        if not _fits(playbook, view):
            continue
        run = requests.run_uid(playbook.uid, view.incident.uid)
        said = "observed" if playbook.mode == "observe" else "told"
        for each in playbook.tells:
            uid = derive("req", run, "tell", str(each.number), each.kind, said)
            about = (playbook.uid, view.incident.uid, each.number, each.kind, each.words)
            if uid not in surroundings.told:
                found.append(Telling(uid, *about, playbook.mode))
    return found


def _floods(
    playbook: Playbook, tellings: Sequence[Telling], surroundings: Surroundings
) -> Stop | None:
    incidents = dict.fromkeys(one.incident_uid for one in tellings)
    total = len(incidents) + surroundings.lately.get(playbook.uid, 0)
    most = playbook.caps.per_ten_minutes
    if not incidents or total <= most:
        return None
    reason = f"{total} incidents to be told in ten minutes, {most} are its limit"
    return Stop(playbook.uid, playbook.title, reason, next(iter(incidents)), playbook.mode)


def _fits(playbook: Playbook, view: _View) -> bool:
    """Say whether the trigger fits any finding, also one whose events are not at hand."""
    test = test_of(playbook.trigger)
    if asks_for_event(playbook.trigger):
        return bool(_fitting(playbook, view))
    return any(test(scene(view.shown, finding, {})) for _, finding, _ in view.findings)


def _fitting(playbook: Playbook, view: _View) -> list[tuple[Testimony, Mapping[str, object]]]:
    """Return the events that the trigger fits, each with its finding."""
    test = test_of(playbook.trigger)
    needs_event = asks_for_event(playbook.trigger)
    fitting: list[tuple[Testimony, Mapping[str, object]]] = []
    for row, finding, testimonies in view.findings:
        if needs_event:
            fits = [one for one in testimonies if test(scene(view.shown, finding, one.event))]
        else:
            fits = list(testimonies) if test(scene(view.shown, finding, {})) else []
        fitting.extend((one, row) for one in fits)
    return fitting


def _admit(
    playbook: Playbook, wanted: list[ActionRequest], ledger: Ledger, made: list[ActionRequest]
) -> Stop | None:
    """Take what is wanted into the ledger, or nothing of it and the reason."""
    counted = [one for one in wanted if one.state != "refused"]
    reason = ledger.overflow(playbook, counted) if counted else ""
    if reason:
        first = counted[0].incident_uid
        return Stop(playbook.uid, playbook.title, reason, first, playbook.mode)
    # What is refused anyway is shown, but not by the thousand.
    refused = [one for one in wanted if one.state == "refused"][: playbook.caps.per_ten_minutes]
    for one in (*counted, *refused):
        ledger.add(one)
        made.append(one)
    return None


@dataclass(frozen=True, slots=True)
class _Asking:
    """A step of a playbook that asks now."""

    playbook: Playbook
    step: Step
    surroundings: Surroundings
    now: datetime

    def request(self, incident: Incident, found: Found) -> ActionRequest:
        """Return what is asked about one target; refused where it may not be planned."""
        playbook, step = self.playbook, self.step
        run = requests.run_uid(playbook.uid, incident.uid)
        mode, ceiling = _mode(playbook, step)
        refusal = found.problem or _protection(found, self.surroundings, incident)
        reason = f"{playbook.title}: {incident.title} (risk {incident.risk_score})"
        request = ActionRequest(
            uid=requests.request_uid(run, step.number, step.action, found.target),
            run_uid=run,
            playbook_uid=playbook.uid,
            step=step.number,
            incident_uid=incident.uid,
            action=step.action,
            target=found.target,
            arguments=step.arguments,
            mode=mode,
            state="observed" if mode == "observe" else "proposed",
            author=f"playbook:{playbook.uid}",
            reason=f"{reason}; {ceiling}" if ceiling else reason,
            requested_time=self.now,
            lasts=step.lasts,
            needed_approvals=_approvals(playbook, step, mode),
            on_failure=step.on_failure,
        )
        if not refusal:
            return request
        # Under a name of its own: the target may become certain later.
        uid = derive("req", request.uid, "refused")
        said = f"not planned: {refusal}. {reason}"
        return replace(request, uid=uid, state="refused", reason=said)


def _protection(found: Found, surroundings: Surroundings, incident: Incident) -> str:
    target = found.target
    protected = surroundings.limits.protected
    if reason := protected.reason(target):
        return f"{target.name} is protected: {reason}"
    if target.type == "address":
        return ""
    entity = Entity(target.type, target.uid, target.name)
    known = surroundings.inventory.resource_at(entity, incident.last_time)
    reason = protected.reason(target, known)
    return f"{target.name} is protected: {reason}" if reason else ""


def _mode(playbook: Playbook, step: Step) -> tuple[Mode, str]:
    """Return the mode of a step, and why it is lower than its playbook's."""
    facts = step.facts
    is_narrow = facts.level <= HIGHEST_AUTOMATIC_LEVEL and facts.category != "destructive"
    if playbook.mode == "automatic" and not is_narrow and not facts.restores_safety:
        return "approve", f"its level {facts.level} is too high to happen by itself"
    return playbook.mode, ""


def _approvals(playbook: Playbook, step: Step, mode: Mode) -> int:
    least = requests.needed_approvals(step.facts, mode, by_person=False)
    return max(least, playbook.approvals) if least else 0
