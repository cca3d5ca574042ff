"""Reports of scanners and alerts of other tools: recorded ones, whom they concern, odd ones."""

import json
from collections import Counter

import pytest

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, normalized, shipped
from tests.normalize.test_conservation import ODD, confused, paths
from tocsin.normalize import apply, overlay, unwrap
from tocsin.ocsf.findings import finding_json
from tocsin.ocsf.output import event_json

STATES = ("trivy.report", "sarif.report", "grype.report", "cyclonedx.bom", "checkov.report",
          "kube_bench.report", "custodian.resources", "prowler.check")  # fmt: skip
ALERTS = ("elastic.alert", "securityonion.alert", "graylog.alert", "panther.alert",
          "exabeam.alert", "crowdstrike.alert", "sentinelone.threat",
          "microsoft.defender_endpoint", "ocsf.finding")  # fmt: skip
# Records of each report, the events' classes, and how many of them are findings.
REPORTS = {
    ("trivy.report", "trivy/issue_9333.json"): ({2002: 13}, 13),
    ("trivy.report", "trivy/kubernetes.json"): ({2002: 10, 2003: 10}, 20),
    ("trivy.report", "trivy/license_scheme.json"): ({2003: 19}, 19),
    ("trivy.report", "trivy/scheme_2_no_vuln.json"): ({}, 0),
    ("grype.report", "anchore_grype/issue_9618.json"): ({2002: 35}, 35),
    ("grype.report", "anchore_grype/no_vuln.json"): ({}, 0),
    ("checkov.report", "checkov/checkov-report-many-vuln.json"): ({2003: 3}, 3),
    ("kube_bench.report", "kubebench/kube-bench-controls.json"): ({2003: 122}, 85),
    ("kube_bench.report", "kubebench/kube-bench-report-zero-vuln.json"): ({2003: 23}, 0),
    ("cyclonedx.bom", "cyclonedx/nested-component-log4j.json"): ({2002: 8, 5020: 2}, 8),
    ("prowler.check", "aws_prowler_v3plus/one_vuln.json"): ({2003: 1}, 1),
    ("ocsf.finding", "aws_prowler_v3plus/one_vuln.ocsf.json"): ({2003: 1}, 1),
    ("ocsf.finding", "prowler/example_output_aws.ocsf.json"): ({2003: 3}, 3),
    ("ocsf.finding", "prowler/example_output_kubernetes.ocsf.json"): ({2003: 4}, 4),
}


@pytest.fixture(scope="module", params=(*STATES, *ALERTS))
def mapping(request):
    return shipped(request.param)


def samples(mapping):
    return [overlay(mapping.example, each.record) for each in mapping.samples]


@pytest.mark.corpora
@pytest.mark.parametrize(("source", "name"), REPORTS)
def test_recorded_reports_become_valid_findings(corpora, source, name):
    path = corpora / "defectdojo-scans" / "unittests" / "scans" / name
    cut, mapping = unwrap(path.read_bytes(), shipped(source).unwrap), shipped(source)

    made = apply(mapping, batch(source, [raw for _, raw in cut.records]))

    assert (cut.broken, made.rejects.num_rows) == ([], 0)
    classes, findings = REPORTS[source, name]
    assert Counter(made.events.column("class_uid").to_pylist()) == Counter(classes)
    assert made.findings.num_rows == findings
    assert [problems(event_json(row)) for row in made.events.to_pylist()] == (
        [[]] * made.events.num_rows
    )


def test_every_sample_is_valid_as_event_and_as_finding(mapping):
    made = normalized(mapping, *samples(mapping))
    events = {row["event_uid"]: row for row in made.events.to_pylist()}
    findings = made.findings.to_pylist()

    assert made.rejects.num_rows == 0
    assert [problems(event_json(row)) for row in events.values()] == [[]] * len(events)
    told = [finding_json(row, [events[row["event_uids"][0]]]) for row in findings]
    assert findings
    assert [problems(each) for each in told] == [[]] * len(findings)


def test_confusion_of_types_anywhere_loses_no_record(mapping):
    base = json.loads(json.dumps(mapping.example))
    records = [confused(base, path, odd) for path in paths(base) for odd in ODD]

    made = normalized(mapping, *records)

    assert made.events.num_rows + made.rejects.num_rows == len(records)
    codes = {reason.split(":")[0] for reason in made.rejects.column("reason").to_pylist()}
    assert codes <= {"bad_time", "unrecognized"}
    wrong = [problems(event_json(row)) for row in made.events.to_pylist()]
    assert [problem for problem in wrong if problem] == []


def test_scanning_again_tells_the_same_findings(mapping):
    once, again = (
        normalized(mapping, *samples(mapping)).findings.column("uid").to_pylist() for _ in range(2)
    )

    assert once == again


@pytest.mark.parametrize("source", STATES)
def test_how_things_are_raises_no_alarm(source):
    found = shipped(source)

    alarms = normalized(found, *samples(found)).findings.column("is_alert").to_pylist()

    assert not any(alarms)


@pytest.mark.parametrize("source", ALERTS)
def test_what_other_tools_have_detected_raises_one(source):
    found = shipped(source)

    (row,) = normalized(found, dict(found.example)).findings.to_pylist()

    assert row["is_alert"] is True


CONCERNED = {
    ("trivy.report", "a package of an image"): "image registry.example.org/shop/web:1.4",
    ("trivy.report", "a workload of a cluster that may do too much"): (
        "workload shop/Deployment/web"
    ),
    ("sarif.report", "a weakness of the code"): "repository https://git.example.org/shop",
    ("custodian.resources", "a bucket"): "bucket logs",
    ("prowler.check", "a check that failed"): "bucket logs",
    ("ocsf.finding", "a detection"): "user arn:aws:iam::111122223333:user/alice",
    ("crowdstrike.alert", "an alert"): "user alice",
    ("securityonion.alert", "a sensor of the network"): "address 192.0.2.10",
}


@pytest.mark.parametrize(("source", "name"), CONCERNED)
def test_a_finding_concerns_whom_its_source_names(source, name):
    found = shipped(source)
    (sample,) = [each for each in found.samples if each.name == name]

    (row,) = normalized(found, overlay(found.example, sample.record)).findings.to_pylist()

    assert f"{row['entity']['type']} {row['entity']['uid']}" == CONCERNED[source, name]


def test_what_vex_says_does_not_matter_is_no_finding():
    found = shipped("cyclonedx.bom")
    states = ("not_affected", "false_positive", "resolved", "exploitable", "in_triage", None)
    records = [
        overlay(found.example, {"vulnerabilities": {"analysis": {"state": state}}})
        for state in states
    ]

    made = normalized(found, *records)

    assert (made.events.num_rows, made.findings.num_rows) == (len(states), 3)


def test_components_of_a_bill_are_things_of_the_inventory():
    found = shipped("cyclonedx.bom")
    component = {"name": "libexample", "version": "1.2.3", "purl": "pkg:generic/libexample@1.2.3"}
    bill = {**found.example, "vulnerabilities": [], "components": [component]}

    cut = unwrap(json.dumps(bill).encode(), found.unwrap)
    made = apply(found, batch(found.source, [raw for _, raw in cut.records]))

    assert [row["uid"] for row in made.resources.to_pylist()] == ["pkg:generic/libexample@1.2.3"]
    assert json.loads(made.resources.column("configuration")[0].as_py())["version"] == "1.2.3"
