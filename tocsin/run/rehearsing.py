"""What playbooks would have done: over stored incidents, and in the ledger of observing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tocsin import detect
from tocsin.incidents import Incident
from tocsin.ocsf import EVERYTHING, Scope, concat, from_rows, schemas
from tocsin.respond import ActionRequest, Playbook
from tocsin.respond.proposing import Case, Surroundings, propose
from tocsin.run.earlier import fetch
from tocsin.run.playbook_files import load_playbooks
from tocsin.run.proposing import EVENTS_ASKED, TrustLabels, cases_of, limits_of
from tocsin.run.wiring import load_mappings, load_rules, log_sources, rules_of
from tocsin.settings import Settings
from tocsin.store import IncidentFilter, Store

FALSE_VERDICTS = frozenset({"Benign", "Disregard", "False Positive", "Test"})
"""Verdicts after which nothing should have been done."""

_PAGE = 200
_KEPT_TARGETS = 5


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What one playbook would have done, or has written down that it would.

    Attributes:
        actions: requests on targets that are certain.
        uncertain: requests that would have been written down and no more.
        told: tickets, messages and marks, each thing once for an incident.
        incidents: how many incidents it would have acted in.
        closed: how many of these have a verdict by now.
        false: how many of those should have been left alone.
        stops: how often it would have been stopped for asking too much.
        targets: a few of them, as `type name`.
    """

    playbook_uid: str
    title: str
    mode: str
    actions: int = 0
    uncertain: int = 0
    told: int = 0
    incidents: int = 0
    closed: int = 0
    false: int = 0
    stops: int = 0
    targets: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sum:
    requests: list[ActionRequest] = field(default_factory=list)
    stops: int = 0
    told: dict[str, str] = field(default_factory=dict)


def rehearse(
    settings: Settings, store: Store, scope: Scope, since: datetime, now: datetime
) -> tuple[Rehearsed, ...]:
    """Return what each playbook would have asked for since then, in order of its id.

    Incidents are played in the order in which they were opened, each as it is now; caps and
    cooldowns count as they would have then. Nothing is stored and nothing is done.
    """
    loaded = load_playbooks(settings)
    playbooks = [replace(each, mode="propose") for each in loaded.playbooks]
    rules = detect.RuleSet.build(
        load_rules(rules_of(settings), settings).rules, log_sources(settings)
    )
    labels, limits = TrustLabels(load_mappings()), limits_of(settings)
    sums = {each.uid: _Sum() for each in playbooks}
    past: list[ActionRequest] = []
    incidents = sorted(_incidents(store, scope, since), key=lambda one: (one.opened_time, one.uid))
    with store.playbooks.desk() as desk:
        around = Surroundings(labels, desk, limits)
        for incident in incidents:
            case = _case(incident, store, rules)
            proposed = propose(playbooks, case, around, past, incident.opened_time)
            past.extend(proposed.requests)
            for one in proposed.requests:
                sums[one.playbook_uid].requests.append(one)
            for each in proposed.tellings:
                sums[each.playbook_uid].told[each.uid] = each.incident_uid
            for stop in proposed.stops:
                sums[stop.playbook_uid].stops += 1
    known = {incident.uid: incident for incident in incidents}
    return tuple(_told(sums[each.uid], each, known) for each in loaded.playbooks)


def ledger(settings: Settings, store: Store, since: datetime) -> tuple[Rehearsed, ...]:
    """Return what each playbook has asked for since then, as it is stored, in order of its id."""
    loaded = load_playbooks(settings)
    sums = {each.uid: _Sum() for each in loaded.playbooks}
    gone = _Sum()
    for one in store.playbooks.asked(since):
        sums.get(one.playbook_uid, gone).requests.append(one)
    for said in store.playbooks.told(since):
        sums.get(said.playbook_uid, gone).told[said.uid] = said.incident_uid
    for stop in store.playbooks.stops():
        sums.get(stop.playbook_uid, gone).stops += 1
    uids = sorted({uid for each in sums.values() for uid in _incident_uids(each)})
    found = ((uid, store.incidents.get(uid, EVERYTHING)) for uid in uids)
    known = {uid: incident for uid, incident in found if incident is not None}
    return tuple(_told(sums[each.uid], each, known) for each in loaded.playbooks)


def _told(total: _Sum, playbook: Playbook, known: dict[str, Incident]) -> Rehearsed:
    certain = [one for one in total.requests if one.state != "refused"]
    about = _incident_uids(total)
    mine = [known[uid] for uid in sorted(about) if uid in known]
    names = dict.fromkeys(f"{one.target.type} {one.target.name}" for one in certain)
    return Rehearsed(
        playbook_uid=playbook.uid,
        title=playbook.title,
        mode=playbook.mode,
        actions=len(certain),
        uncertain=len(total.requests) - len(certain),
        told=len(total.told),
        incidents=len(about),
        closed=sum(each.verdict is not None for each in mine),
        false=sum(each.verdict in FALSE_VERDICTS for each in mine),
        stops=total.stops,
        targets=tuple(names)[:_KEPT_TARGETS],
    )


def _incident_uids(total: _Sum) -> set[str]:
    certain = {one.incident_uid for one in total.requests if one.state != "refused"}
    return certain | set(total.told.values())


def _incidents(store: Store, scope: Scope, since: datetime) -> Iterator[Incident]:
    cursor: str | None = None
    while True:
        page = store.incidents.list(IncidentFilter(since=since), scope, limit=_PAGE, cursor=cursor)
        yield from page.rows
        if page.cursor is None:
            return
        cursor = page.cursor


def _case(incident: Incident, store: Store, rules: detect.RuleSet) -> tuple[Case, ...]:
    """Return the incident as if it were open, with its findings and their events."""
    findings = [
        store.findings.get(uid, EVERYTHING).select(schemas.FINDINGS.names)
        for uid in incident.finding_uids
    ]
    rows = concat([each for each in findings if each.num_rows], schemas.FINDINGS).to_pylist()
    # As turns give them, the newest event last.
    told = ({**row, "event_uids": row["event_uids"][::-1]} for row in rows)
    table = from_rows(told, schemas.FINDINGS)
    events = fetch(store, tuple(_asked(table.column("event_uids").to_pylist())))
    opened = replace(incident, status="New", merged_into="")
    return cases_of((opened,), [table], [events], rules)


def _asked(uids: Iterable[Sequence[str]]) -> list[str]:
    return sorted({uid for each in uids for uid in each[-EVENTS_ASKED:]})


__all__ = ["FALSE_VERDICTS", "Rehearsed", "ledger", "rehearse"]
