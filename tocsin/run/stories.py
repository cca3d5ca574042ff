"""Tell the story of an incident from what the store knows of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tocsin.conditions import lookup
from tocsin.incidents import Incident, telling
from tocsin.ocsf import Entity, Scope
from tocsin.store import FindingFilter, Store

if TYPE_CHECKING:
    from tocsin.settings import Settings

READ_FINDINGS = 500
READ_EVENTS = 60
"""Events of an incident whose targets are looked up in the lake."""

TARGETS = (
    "resources.name",
    "resources.uid",
    "user.name",
    "user.uid",
    "dst_endpoint.hostname",
    "dst_endpoint.ip",
    "query.hostname",
    "file.path",
    "process.cmd_line",
    "device.hostname",
)
"""Where events name what something was done to, the most telling first."""

Harmless = Mapping[str, Sequence[str]]
"""Harmless causes that rules know, by the uid of the rule."""


def story_of(
    store: Store, incident: Incident, scope: Scope, harmless: Harmless
) -> tuple[telling.Line, ...]:
    """Return the story of an incident as far as a scope sees it; () where it sees nothing.

    What things were done to is told by events that the lake still has; of very large incidents the
    newest 500 findings are told.
    """
    wanted = FindingFilter(incident_uid=incident.uid)
    findings = store.findings.list(wanted, scope, limit=READ_FINDINGS).rows.to_pylist()
    deeds = store.stories.deeds(incident.uid, scope)
    uids = tuple(dict.fromkeys(event for _, event in deeds))[:READ_EVENTS]
    events = {str(row["event_uid"]): row for row in store.events.many(uids, scope).to_pylist()}
    told = [replace(deed, targets=_targets(events.get(uid), deed)) for deed, uid in deeds]
    return telling.tell(incident, [_clue(row, harmless) for row in findings], told)


def _targets(event: Mapping[str, object] | None, deed: telling.Deed) -> tuple[str, ...]:
    """Return what an event did something to: the first thing it names that is not who did it."""
    if event is None:
        return ()
    for path in TARGETS:
        names = [str(value) for value in lookup(event, path) if value]
        found = [name for name in names if name not in {deed.actor, deed.address}]
        if found:
            return tuple(dict.fromkeys(found))
    return ()


def _clue(row: Mapping[str, object], harmless: Harmless) -> telling.Clue:
    rule = str(row["rule_uid"])
    return telling.Clue(
        uid=str(row["uid"]),
        rule_uid=rule,
        title=str(row["rule_title"] or row["title"]),
        description=str(row["description"]),
        severity_id=_number(row["severity_id"]),
        tactics=tuple(_texts(row["tactics"])),
        time=_moment(row["first_time"]),
        last_time=_moment(row["last_time"]),
        count=_number(row["match_count"]),
        entity=msgspec.convert(row["entity"], Entity),
        runbook=_runbook(str(row["context"])),
        harmless=tuple(harmless.get(rule, ())),
    )


def harmless_of(settings: "Settings") -> Harmless:
    """Return the harmless causes that the rules of these settings know."""
    from tocsin.run.rule_work import list_rules

    return {rule.uid: rule.false_positives for rule in list_rules(None, settings).rules}


def _runbook(context: str) -> str:
    """Return what a Python rule says is to be done, from the context of its finding."""
    try:
        found = msgspec.json.decode(context or "{}")
    except msgspec.MsgspecError:
        return ""
    return str(found.get("runbook") or "") if isinstance(found, dict) else ""


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is no time")
    return value.replace(tzinfo=UTC)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _texts(value: object) -> Iterable[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
