"""Write a finding as OCSF Detection Finding (2004), version 1.8.

Source: https://schema.ocsf.io/1.8.0/classes/detection_finding; short names and identifiers of the
fourteen enterprise tactics: https://attack.mitre.org/tactics/enterprise/
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tocsin.ocsf import classes
from tocsin.ocsf.output import event_json, milliseconds

TACTIC_UIDS = {
    "reconnaissance": "TA0043",
    "resource-development": "TA0042",
    "initial-access": "TA0001",
    "execution": "TA0002",
    "persistence": "TA0003",
    "privilege-escalation": "TA0004",
    "defense-evasion": "TA0005",
    "credential-access": "TA0006",
    "discovery": "TA0007",
    "lateral-movement": "TA0008",
    "collection": "TA0009",
    "command-and-control": "TA0011",
    "exfiltration": "TA0010",
    "impact": "TA0040",
}
"""Identifiers of ATT&CK tactics by the short names that findings carry."""

_SMALL_WORDS = frozenset({"and"})
_CREATE = 1
_NEW = 1
_RULE = 1
_PRODUCT = {"name": "Tocsin", "vendor_name": "Tocsin"}
_MAX_EVIDENCE = 10
_EVIDENCE = ("actor", "api", "src_endpoint", "dst_endpoint", "http_request", "resources")
# One of these must be there, by the schema's constraint on `evidences`.
_TELLING = ("actor", "api", "src_endpoint", "dst_endpoint")


def finding_json(
    finding: Mapping[str, object], related_events: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    """Return a detection finding as a JSON object that is valid by OCSF, times in milliseconds.

    Args:
        finding: a row of `ocsf.schemas.FINDINGS`.
        related_events: rows of events tables, those of the finding that are at hand; the first ten
            are told as evidence. A related event is named by its source's own identifier where it
            has one (`metadata.original_event_uid`), else by Tocsin's.
    """
    found = classes.class_named("detection_finding")
    events = [event_json(row) for row in related_events]
    severity_id = _number(finding["severity_id"])
    values: dict[str, object] = {
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_uid": found.category_uid,
        "category_name": classes.categories()[found.category_uid],
        "class_uid": found.uid,
        "class_name": found.caption,
        "type_uid": found.uid * 100 + _CREATE,
        "type_name": f"{found.caption}: Create",
        "time": _time(finding["last_time"]),
        "start_time": _time(finding["first_time"]),
        "end_time": _time(finding["last_time"]),
        "count": _number(finding["match_count"]),
        "message": finding["title"],
        "severity_id": severity_id,
        "severity": classes.severities().get(severity_id, "Unknown"),
        "status_id": _NEW,
        "status": "New",
        "is_alert": bool(finding["is_alert"]),
        "finding_info": _information(finding, related_events, events),
        "metadata": _metadata(finding, events),
        "unmapped": _unmapped(finding),
    }
    return values | _from_events(events)


def _metadata(
    finding: Mapping[str, object], events: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    metadata = {"uid": finding["uid"], "version": classes.VERSION, "product": _PRODUCT}
    has_cloud = any("cloud" in event for event in events)
    return metadata | ({"profiles": ["cloud"]} if has_cloud else {})


def _information(
    finding: Mapping[str, object],
    rows: Sequence[Mapping[str, object]],
    events: Sequence[Mapping[str, object]],
) -> dict[str, object]:
    information: dict[str, object] = {
        "uid": finding["uid"],
        "title": finding["title"],
        "desc": finding["description"],
        "types": [_text(finding["rule_type"])],
        "data_sources": [_text(finding["source"])],
        "analytic": {
            "uid": finding["rule_uid"],
            "name": finding["rule_title"],
            "type": "Rule",
            "type_id": _RULE,
        },
        "first_seen_time": _time(finding["first_time"]),
        "last_seen_time": _time(finding["last_time"]),
        "created_time": _time(finding["last_time"]),
        "related_events": _related(finding, rows, events),
        "related_events_count": _number(finding["match_count"]),
        "attacks": _attacks(_texts(finding["tactics"]), _texts(finding["techniques"])),
    }
    return {name: value for name, value in information.items() if value not in ("", [])}


def _related(
    finding: Mapping[str, object],
    rows: Sequence[Mapping[str, object]],
    events: Sequence[Mapping[str, object]],
) -> list[dict[str, object]]:
    """Return the events at hand, then the others by their identifiers."""
    related = [_related_event(row, event) for row, event in zip(rows, events, strict=True)]
    known = {row.get("event_uid") for row in rows}
    related += [{"uid": uid} for uid in _texts(finding["event_uids"]) if uid not in known]
    return related


def _related_event(row: Mapping[str, object], event: Mapping[str, object]) -> dict[str, object]:
    metadata = _mapping(row.get("metadata"))
    uid = metadata.get("original_event_uid") or row["event_uid"]
    told = ("type_uid", "type_name", "severity_id", "severity")
    related = {"uid": uid, **{name: event[name] for name in told if name in event}}
    if "time" in event:
        related["first_seen_time"] = event["time"]
    return related


def tactic_name(tactic: str) -> str:
    """Return a tactic as ATT&CK writes it: `Credential Access`; one that it does not know as is."""
    if tactic not in TACTIC_UIDS:
        return tactic
    words = tactic.split("-")
    return " ".join(word if word in _SMALL_WORDS else word.title() for word in words)


def _attacks(tactics: Iterable[str], techniques: Iterable[str]) -> list[dict[str, object]]:
    """Return one element for each tactic and technique; which belongs to which is not known."""
    named: list[dict[str, object]] = [
        {"tactic": {"uid": TACTIC_UIDS[tactic], "name": tactic_name(tactic)}}
        for tactic in tactics
        if tactic in TACTIC_UIDS
    ]
    return [*named, *map(_technique, techniques)]


def _technique(uid: str) -> dict[str, object]:
    parent, dot, _ = uid.partition(".")
    technique: dict[str, object] = {"technique": {"uid": parent}}
    return technique | ({"sub_technique": {"uid": uid}} if dot else {})


def _from_events(events: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return what the events themselves tell: the cloud, the resources, the evidence."""
    told: dict[str, object] = {}
    evidences = [
        {name: event[name] for name in _EVIDENCE if name in event}
        for event in events[:_MAX_EVIDENCE]
    ]
    evidences = [each for each in evidences if any(name in each for name in _TELLING)]
    # An event that is a finding of another tool brings evidence of its own.
    brought = (_list(event.get("evidences")) for event in events[:_MAX_EVIDENCE])
    evidences += [_object(each) for some in brought for each in some][:_MAX_EVIDENCE]
    if evidences:
        told["evidences"] = evidences
    resources = _distinct(
        resource for event in events for resource in _list(event.get("resources"))
    )
    if resources:
        told["resources"] = resources
    cloud = next((event["cloud"] for event in events if "cloud" in event), None)
    if cloud:
        told["cloud"] = cloud
    return told


def _distinct(values: Iterable[object]) -> list[object]:
    by_text = {json.dumps(value, sort_keys=True, default=str): value for value in values}
    return list(by_text.values())


def _unmapped(finding: Mapping[str, object]) -> dict[str, object]:
    return {
        "entity": finding["entity"],
        "links": finding["links"],
        "account": finding["account"],
        "dedup_key": finding["dedup_key"],
        "context": _context(finding["context"]),
    }


def _context(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}


def _time(moment: object) -> int:
    if not isinstance(moment, datetime):
        raise TypeError("times of a finding are timestamps")
    return milliseconds(moment)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [_text(element) for element in _list(value)]


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _object(value: object) -> dict[str, object]:
    return dict(_mapping(value))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
