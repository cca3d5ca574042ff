"""Triggers: conditions over an incident, one of its findings, and an event of that finding.

They are written as the conditions of suppressions are. `incident.…` and `finding.…` read those,
`ocsf.…` the event by OCSF paths; nothing else can be read, so that one trigger means the same
whatever the finding came from.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from tocsin.conditions import Condition, PlainReader, compile_condition
from tocsin.conditions.tree import leaves_of, paths_of
from tocsin.incidents import Incident
from tocsin.ocsf import Entity

INCIDENT_FIELDS = (
    "accounts",
    "entities",
    "finding_count",
    "match_count",
    "risk_score",
    "rule_uids",
    "severity_id",
    "status",
    "tactics",
    "tags",
    "techniques",
    "title",
    "uid",
)
"""What `incident.…` can read; `entities` have `type`, `uid` and `name`."""

ROOTS = ("finding", "incident", "ocsf")


def wrong_paths(condition: Condition) -> Iterator[str]:
    """Yield what is wrong with the paths of a trigger, a sentence each."""
    for leaf in leaves_of(condition):
        paths = paths_of(leaf)
        if not paths:
            yield "a trigger names its fields: words that are searched everywhere are too vague"
        for path in paths:
            root, _, rest = path.partition(".")
            if root not in ROOTS or not rest:
                yield f"{path!r} is read from nothing; write finding.…, incident.… or ocsf.{path}"
            elif root == "incident" and rest.partition(".")[0] not in INCIDENT_FIELDS:
                known = ", ".join(INCIDENT_FIELDS)
                yield f"incidents have no field {rest!r} for triggers; possible: {known}"


def asks_for_event(condition: Condition) -> bool:
    """Say whether a trigger can only be judged with an event at hand."""
    paths = (path for leaf in leaves_of(condition) for path in paths_of(leaf))
    return any(path.startswith("ocsf.") for path in paths)


def reads_incident(condition: Condition) -> bool:
    """Say whether a trigger may come to fit a finding of before when its incident grows."""
    paths = (path for leaf in leaves_of(condition) for path in paths_of(leaf))
    return any(path.startswith("incident.") for path in paths)


@lru_cache(maxsize=1024)
def test_of(condition: Condition) -> Callable[[Mapping[str, object]], bool]:
    """Return the function that judges a scene by a trigger."""
    return compile_condition(condition, PlainReader())


def shown_incident(incident: Incident) -> Mapping[str, object]:
    """Return an incident as triggers read it."""
    return {
        "accounts": list(incident.accounts),
        "entities": [_shown(entity) for entity in incident.entities],
        "finding_count": incident.finding_count,
        "match_count": incident.match_count,
        "risk_score": incident.risk_score,
        "rule_uids": list(incident.rule_uids),
        "severity_id": incident.severity_id,
        "status": incident.status,
        "tactics": list(incident.tactics),
        "tags": list(incident.tags),
        "techniques": list(incident.techniques),
        "title": incident.title,
        "uid": incident.uid,
    }


def shown_finding(row: Mapping[str, object]) -> Mapping[str, object]:
    """Return a row of `ocsf.schemas.FINDINGS` as triggers read it."""
    return {**row, "context": _context(row.get("context"))}


def scene(
    incident: Mapping[str, object], finding: Mapping[str, object], event: Mapping[str, object]
) -> Mapping[str, object]:
    """Return what a trigger is judged on; `event` is empty where none is at hand."""
    return {"incident": incident, "finding": finding, "ocsf": event}


def _shown(entity: Entity) -> Mapping[str, object]:
    return {"type": entity.type, "uid": entity.uid, "name": entity.name}


def _context(text: object) -> object:
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
