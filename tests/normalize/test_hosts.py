"""Wazuh, osquery, trivy-operator, policy reports and KubeArmor's logs: recorded ones, odd ones."""

import json
from collections import Counter

import pytest
import yaml

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, normalized, shipped
from tests.normalize.test_conservation import ODD, confused, paths
from tocsin.normalize import apply, overlay, unwrap
from tocsin.ocsf.findings import finding_json
from tocsin.ocsf.output import event_json

NAMES = ("kubearmor.log", "kubernetes.policy_report", "osquery.result", "trivy_operator.report",
         "wazuh.alert")  # fmt: skip


@pytest.fixture(scope="module", params=NAMES)
def mapping(request):
    return shipped(request.param)


def raws(mapping):
    for sample in mapping.samples:
        whole = overlay(mapping.example, sample.record)
        yield json.dumps(whole).encode() if sample.raw is None else sample.raw.rstrip().encode()


def made(mapping, payloads):
    cut = [unwrap(payload, mapping.unwrap) for payload in payloads]
    assert [each.broken for each in cut if each.broken] == []
    records = [raw for each in cut for _, raw in each.records]
    found = apply(mapping, batch(mapping.source, records))
    assert found.rejects.column("reason").to_pylist() == []
    assert found.events.num_rows == len(records)
    return found


def invalid(found):
    return [wrong for row in found.events.to_pylist() if (wrong := problems(event_json(row)))]


def classes(found):
    return Counter(found.events.column("class_uid").to_pylist())


def test_every_sample_is_valid_as_event_and_as_finding(mapping):
    found = normalized(mapping, *raws(mapping))
    events = {row["event_uid"]: row for row in found.events.to_pylist()}

    assert found.rejects.num_rows == 0
    assert invalid(found) == []
    told = [finding_json(row, [events[row["event_uids"][0]]]) for row in found.findings.to_pylist()]
    assert [problems(each) for each in told] == [[]] * len(told)


def test_confusion_of_types_anywhere_loses_no_record(mapping):
    base = json.loads(json.dumps(mapping.example))
    records = [confused(base, path, odd) for path in paths(base) for odd in ODD]

    found = normalized(mapping, *records)

    assert found.events.num_rows + found.rejects.num_rows == len(records)
    assert {reason.split(":")[0] for reason in found.rejects.column("reason").to_pylist()} <= {
        "unrecognized"
    }
    assert invalid(found) == []


@pytest.mark.corpora
def test_recorded_alerts_and_logs_of_kubearmor(corpora):
    lines = (corpora / "kubearmor" / "events.jsonl").read_bytes().splitlines()
    records = [json.loads(line)["event"] for line in lines]
    alerts = [json.dumps(each).encode() for each in records if each["Type"][:7] == "Matched"]
    logs = [json.dumps(each).encode() for each in records if each["Type"][:7] != "Matched"]

    alert, log = made(shipped("kubearmor.alert"), alerts), made(shipped("kubearmor.log"), logs)

    assert (alert.findings.num_rows, classes(alert)) == (18, {2004: 18})
    assert classes(log) == {4003: 4, 4001: 1, 1001: 1, 1007: 1}
    assert invalid(alert) + invalid(log) == []


@pytest.mark.corpora
def test_recorded_results_of_osquery(corpora):
    folder = corpora / "msticpy" / "tests" / "testdata" / "osquery"
    lines = [
        line for path in sorted(folder.glob("*.log")) for line in path.read_bytes().splitlines()
    ]
    cases = json.loads(
        (corpora / "streamalert/rules/community/osquery/ssh_login_activity.json").read_text()
    )

    found = made(shipped("osquery.result"), lines)
    logins = made(shipped("osquery.result"), [json.dumps(case["data"]).encode() for case in cases])

    assert found.events.num_rows == 309
    assert len(classes(found)) >= 7
    assert classes(logins) == {3002: 3}
    assert invalid(found) + invalid(logins) == []


@pytest.mark.corpora
def test_recorded_reports_of_trivy_operator(corpora):
    scans = corpora / "defectdojo-scans" / "unittests" / "scans" / "trivy_operator"
    fixture = corpora / "trivy-operator" / "tests" / "envtest" / "testdata" / "fixture"
    documents = [path.read_bytes() for path in sorted(scans.glob("*.json"))]
    written = [
        json.dumps(each, default=str).encode()
        for path in sorted(fixture.glob("*.yaml"))
        for each in yaml.safe_load_all(path.read_text())
        if str((each or {}).get("kind", "")).endswith("Report")
    ]

    found = made(shipped("trivy_operator.report"), [*documents, *written])

    assert len(documents) + len(written) == 20
    assert classes(found) == {2002: 6, 2003: 99, 2006: 3}
    assert invalid(found) == []


ALERT = {"timestamp": "2026-11-23T08:30:00.000+0000", "agent": {"id": "001", "name": "web-1"},
         "rule": {"id": "1", "level": 3, "description": "x", "groups": []}, "id": "1.1",
         "location": "x"}  # fmt: skip


@pytest.mark.parametrize(
    "payload",
    [
        ALERT,
        {"hits": {"hits": [{"_index": "wazuh-alerts-4.x", "_id": "a", "_source": ALERT}]}},
        {"_index": "wazuh-alerts-4.x", "_source": ALERT},
        {"severity": 1, "title": "x", "all_fields": ALERT},
    ],
    ids=["file", "search", "document", "integration"],
)
def test_an_alert_of_wazuh_is_the_same_whatever_is_around_it(payload):
    found = made(shipped("wazuh.alert"), [json.dumps(payload).encode()])

    (event,) = found.events.to_pylist()
    assert event["metadata"]["original_event_uid"] == "1.1"
    assert event["device"]["hostname"] == "web-1"


@pytest.mark.parametrize(
    ("level", "severity_id"), [(0, 1), (3, 1), (4, 2), (7, 3), (11, 3), (12, 4), (15, 5)]
)
def test_levels_of_wazuh_are_severities(level, severity_id):
    mapping = shipped("wazuh.alert")
    record = overlay(mapping.example, {"rule": {"level": level, "groups": ["syslog"]}})

    found = normalized(mapping, record)

    assert found.events.column("severity_id").to_pylist() == [severity_id]
    assert found.findings.num_rows == (1 if level >= 10 else 0)


def test_agents_and_packages_of_wazuh_are_things_of_the_inventory():
    mapping = shipped("wazuh.alert")

    found = normalized(mapping, *raws(mapping))

    things = {(row["type"], row["uid"]) for row in found.resources.to_pylist()}
    assert ("host", "web-1") in things
    assert ("package", "web-1|libexample|amd64") in things


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"<132>Nov 23 08:30:00 w ossec: hello", "no alert"),
        (b'<132>Nov 23 08:30:00 w ossec: {"rule":{"id"', "cut off"),
    ],
)
def test_what_is_no_alert_of_wazuh_is_a_reject_that_says_so(line, reason):
    found = normalized(shipped("wazuh.alert"), line)

    assert found.events.num_rows == 0
    assert reason in found.rejects.column("reason")[0].as_py()


@pytest.mark.parametrize(
    ("priority", "severity_id"),
    [("Emergency", 5), ("Alert", 5), ("Critical", 5), ("Error", 4), ("Warning", 3),
     ("Notice", 2), ("Informational", 1), ("Debug", 1)],
)  # fmt: skip
def test_an_alert_of_falco_comes_alone_or_in_cloudevents(priority, severity_id):
    mapping = shipped("falco.alert")
    alert = {**mapping.example, "priority": priority}
    around = {"specversion": "1.0", "type": "falco.rule.output.v1", "source": "x", "data": alert}

    alone, inside = (
        made(mapping, [json.dumps(each).encode()]).events.to_pylist() for each in (alert, around)
    )

    assert alone[0]["severity_id"] == inside[0]["severity_id"] == severity_id
    assert alone[0]["event_uid"] == inside[0]["event_uid"]


def test_a_list_of_reports_becomes_a_finding_for_each_element():
    mapping = shipped("trivy_operator.report")
    whole = json.loads(json.dumps(mapping.example))
    hole = whole["report"]["vulnerabilities"]
    whole["report"]["vulnerabilities"] = [hole, {**hole, "resource": "libother"}]
    payload = {"kind": "VulnerabilityReportList", "items": [whole]}

    found = made(mapping, [json.dumps(payload).encode()])

    assert classes(found) == {2002: 2}
    rows = found.findings.to_pylist()
    assert {row["entity"]["uid"] for row in rows} == {"shop/ReplicaSet/web-5d8f"}
    assert len({row["uid"] for row in rows}) == 2


@pytest.mark.parametrize(("verb", "activity", "findings"), [("update", 1, 2), ("delete", 3, 0)])
def test_a_report_that_was_deleted_is_no_finding(verb, activity, findings):
    mapping = shipped("trivy_operator.report")
    whole = json.loads(json.dumps(mapping.example))
    hole = whole["report"]["vulnerabilities"]
    whole["report"]["vulnerabilities"] = [hole, {**hole, "resource": "libother"}]
    alone = made(mapping, [json.dumps(whole).encode()]).findings.column("uid").to_pylist()

    found = made(mapping, [json.dumps({"verb": verb, "operatorObject": whole}).encode()])

    assert (found.rejects.num_rows, classes(found)) == (0, {2002: 2})
    assert found.events.column("activity_id").to_pylist() == [activity] * 2
    # Those that stand are the same ones that the reports themselves tell of.
    assert found.findings.column("uid").to_pylist() == alone[:findings]
