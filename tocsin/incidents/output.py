"""Write an incident as OCSF Incident Finding (2005), version 1.8.

Source: https://schema.ocsf.io/1.8.0/classes/incident_finding
"""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from tocsin.incidents.incident import Incident, Status, Verdict
from tocsin.incidents.risk import SEVERITIES
from tocsin.ocsf import Entity
from tocsin.ocsf.findings import TACTIC_UIDS, tactic_name

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CATEGORY_UID = 2
CLASS_UID = 2005
STATUS_IDS: dict[Status, int] = {
    "New": 1,
    "In Progress": 2,
    "On Hold": 3,
    "Resolved": 4,
    "Closed": 5,
}
VERDICT_IDS: dict[Verdict, int] = {
    "False Positive": 1,
    "True Positive": 2,
    "Disregard": 3,
    "Suspicious": 4,
    "Benign": 5,
    "Test": 6,
    "Insufficient Data": 7,
    "Security Risk": 8,
    "Managed Externally": 9,
    "Duplicate": 10,
}
CREATE, UPDATE, CLOSE = 1, 2, 3
ACTIVITIES = {CREATE: "Create", UPDATE: "Update", CLOSE: "Close"}

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


def incident_json(incident: Incident) -> dict[str, Json]:
    """Return the incident as a JSON object that is valid by OCSF, times in milliseconds.

    What the class has no attribute for (risk, entities, rules) is under `unmapped`.
    """
    activity = _activity(incident)
    values: dict[str, Json] = {
        "activity_id": activity,
        "activity_name": ACTIVITIES[activity],
        "category_uid": CATEGORY_UID,
        "category_name": "Findings",
        "class_uid": CLASS_UID,
        "class_name": "Incident Finding",
        "type_uid": CLASS_UID * 100 + activity,
        "type_name": f"Incident Finding: {ACTIVITIES[activity]}",
        "time": milliseconds(incident.updated_time),
        "start_time": milliseconds(incident.first_time),
        "end_time": milliseconds(incident.last_time),
        "count": incident.finding_count,
        "message": incident.title,
        "severity_id": incident.severity_id,
        "severity": SEVERITIES.get(incident.severity_id, "Unknown"),
        "status_id": STATUS_IDS[incident.status],
        "status": incident.status,
        "finding_info_list": [{"uid": uid} for uid in incident.finding_uids],
        "attacks": _attacks(incident),
        "metadata": {
            "uid": incident.uid,
            "version": "1.8.0",
            "sequence": incident.version,
            "product": {"name": "Tocsin", "vendor_name": "Tocsin"},
        },
        "unmapped": _unmapped(incident),
    }
    return values | _people(incident)


def milliseconds(moment: datetime) -> int:
    """Return OCSF's time: milliseconds since 1970, rounded down."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _activity(incident: Incident) -> int:
    if incident.status == "Closed":
        return CLOSE
    return CREATE if incident.version == 1 else UPDATE


def _people(incident: Incident) -> dict[str, Json]:
    # The class wants an assignee or a group (constraint `at_least_one`), even while nobody has it.
    values: dict[str, Json] = (
        {"assignee": {"name": incident.assignee}}
        if incident.assignee
        else {"assignee_group": {"name": "Unassigned"}}
    )
    if incident.verdict:
        values["verdict"] = incident.verdict
        values["verdict_id"] = VERDICT_IDS[incident.verdict]
        values["status_detail"] = incident.verdict_reason
    return values


def _attacks(incident: Incident) -> list[Json]:
    tactics: list[Json] = [{"tactic": _tactic(tactic)} for tactic in incident.tactics]
    techniques: list[Json] = [
        {"sub_technique" if "." in technique else "technique": _technique(technique)}
        for technique in incident.techniques
    ]
    return tactics + techniques


def _tactic(text: str) -> Json:
    if text in TACTIC_UIDS:
        return {"uid": TACTIC_UIDS[text], "name": tactic_name(text)}
    return _numbered(text, "TA")


def _technique(text: str) -> Json:
    return _numbered(text, "T")


def _numbered(text: str, prefix: str) -> Json:
    number = text.upper().removeprefix(prefix)
    return {"uid": text.upper()} if number[:1].isdigit() else {"name": text}


def _unmapped(incident: Incident) -> Json:
    return {
        "risk_score": incident.risk_score,
        "risk_reasons": list(incident.risk_reasons),
        "entities": [_entity(entity) for entity in incident.entities],
        "accounts": list(incident.accounts),
        "rule_uids": list(incident.rule_uids),
        "match_count": incident.match_count,
        "merged_into": incident.merged_into,
        "opened_time": milliseconds(incident.opened_time),
    }


def _entity(entity: Entity) -> Json:
    return {"type": entity.type, "uid": entity.uid, "name": entity.name}
