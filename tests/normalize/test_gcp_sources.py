"""Logs and findings of Google Cloud arrive bare, in lists and by Pub/Sub, as the same events."""

import base64
import json

import pytest

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, event, events, rows, shipped
from tocsin.normalize import apply, unwrap
from tocsin.ocsf.output import event_json

LOGS = ("gcp.audit", "gcp.dns", "gcp.firewall", "gcp.vpc_flow")
FINDINGS = ("gcp.scc",)


@pytest.mark.parametrize("source", LOGS + FINDINGS)
def test_a_record_that_pub_sub_pushes_is_the_record(source):
    mapping = shipped(source)
    inner = json.dumps(mapping.example).encode()
    pushed = {"message": {"data": base64.b64encode(inner).decode(), "messageId": "1"}}

    records = [raw for _, raw in unwrap(json.dumps(pushed).encode(), mapping.unwrap).records]

    assert records == [inner]
    assert rows(mapping, *records) == rows(mapping, mapping.example)


def test_entries_of_a_list_are_records():
    mapping = shipped("gcp.audit")
    listed = json.dumps({"entries": [mapping.example, mapping.example]}).encode()

    assert len(unwrap(listed, mapping.unwrap).records) == 2


def test_a_report_of_vulnerabilities_is_a_record_for_each():
    mapping = shipped("gcp.vm_manager")
    flaw = mapping.example["vulnerabilities"]
    other = {**flaw, "details": {**flaw["details"], "cve": "CVE-2026-0002"}}
    report = {**mapping.example, "vulnerabilities": [flaw, other]}
    payload = json.dumps({"vulnerabilityReports": [report]}).encode()

    found = events(mapping, *(raw for _, raw in unwrap(payload, mapping.unwrap).records))

    assert [each["vulnerabilities"][0]["cve"]["uid"] for each in found] == [
        "CVE-2026-0001",
        "CVE-2026-0002",
    ]
    assert {each["device"]["name"] for each in found} == {"web-0"}


@pytest.mark.parametrize(
    ("kind", "class_name"),
    [
        ("THREAT", "Detection Finding"),
        ("MISCONFIGURATION", "Compliance Finding"),
        ("VULNERABILITY", "Compliance Finding"),
        ("POSTURE_VIOLATION", "Compliance Finding"),
        ("OBSERVATION", "Detection Finding"),
        ("TOXIC_COMBINATION", "Detection Finding"),
        ("SENSITIVE_DATA_RISK", "Data Security Finding"),
    ],
)
def test_a_finding_has_the_class_of_its_kind(kind, class_name):
    found = event(shipped("gcp.scc"), finding={"findingClass": kind})

    assert found["class_name"] == class_name
    assert problems(found) == []


def test_a_muted_or_settled_finding_is_no_finding_of_ours():
    mapping = shipped("gcp.scc")
    records = [
        {**mapping.example, "finding": {**mapping.example["finding"], **change}}
        for change in ({}, {"mute": "MUTED"}, {"state": "INACTIVE"})
    ]

    assert apply(mapping, batch("gcp.scc", records)).findings.num_rows == 1


@pytest.mark.corpora
def test_recorded_audit_logs_map_and_are_valid(corpora):
    mapping = shipped("gcp.audit")
    lines = (corpora / "panther" / "labelled_logs.jsonl").read_text().splitlines()
    told = [each for each in map(json.loads, lines) if "GCP.AuditLog" in each["log_types"]]
    logs = [each["log"] for each in told if "protoPayload" in each["log"]]

    found = apply(mapping, batch("gcp.audit", logs))

    valid = [row for row in found.events.to_pylist() if not problems(event_json(row))]
    assert len(logs) >= 20
    assert found.events.num_rows >= 0.99 * len(logs)
    assert len(valid) >= 0.98 * found.events.num_rows
    assert "Base Event" not in {row["class_name"] for row in found.events.to_pylist()}
