"""Logs and findings of AWS: samples of every kind are valid, and recorded ones are read."""

import json

import pytest

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import normalized, shipped
from tests.normalize.test_conservation import confused, paths
from tocsin.normalize import overlay, unwrap
from tocsin.ocsf.output import event_json

FINDERS = (
    "aws.access_analyzer",
    "aws.config",
    "aws.inspector",
    "aws.macie",
    "aws.network_firewall",
    "aws.security_hub",
    "aws.ssm_patch",
)
LOGS = ("aws.elb", "aws.route53_resolver", "aws.s3_access", "aws.security_lake", "aws.waf")
ODD = [None, -1.5, "odd: \u0000 \u202e {}", ["x", 7, None], {"a": {"b": 1}}]


@pytest.fixture(scope="module", params=(*FINDERS, *LOGS))
def mapping(request):
    return shipped(request.param)


def records(mapping):
    return [
        each.raw.encode() if each.raw else overlay(mapping.example, each.record)
        for each in mapping.samples
    ]


def test_samples_are_valid_and_show_every_class(mapping):
    made = normalized(mapping, *records(mapping))

    rows = made.events.to_pylist()
    assert made.rejects.to_pylist() == []
    assert [problems(event_json(row)) for row in rows] == [[]] * len(mapping.samples)
    assert {row["class_uid"] for row in rows} == {each.uid for each in mapping.classes}
    assert 0 not in {row["class_uid"] for row in rows}


def test_confusion_of_types_anywhere_loses_no_record(mapping):
    base = json.loads(json.dumps(mapping.example))
    odd = [confused(base, path, value) for path in paths(base) for value in ODD]

    made = normalized(mapping, *odd)

    assert made.events.num_rows + made.rejects.num_rows == len(odd)
    codes = {reason.split(":")[0] for reason in made.rejects.column("reason").to_pylist()}
    assert codes <= {"bad_time", "unrecognized"}
    wrong = [problems(event_json(row)) for row in made.events.to_pylist()[::3]]
    assert [problem for problem in wrong if problem] == []


@pytest.mark.parametrize("name", FINDERS)
def test_findings_name_whom_they_concern(name):
    mapping = shipped(name)

    made = normalized(mapping, *records(mapping))

    findings = made.findings.to_pylist()
    assert findings
    assert {row["entity"]["type"] for row in findings} & {"source", ""} == set()


CONCERNED = [
    ("aws.security_hub", "a control fails", "bucket example-payroll"),
    (
        "aws.security_hub",
        "a finding of GuardDuty in this form",
        "user arn:aws:iam::111122223333:user/alice",
    ),
    ("aws.security_hub", "a flaw that Inspector found", "instance i-0123456789abcdef0"),
    ("aws.inspector", "a package of an instance", "instance i-0123456789abcdef0"),
    ("aws.macie", "a user makes a bucket public", "bucket example-payroll"),
    (
        "aws.access_analyzer",
        "a role may more than it does",
        "role arn:aws:iam::111122223333:role/web",
    ),
    ("aws.config", "a thing no longer complies with a rule", "bucket example-payroll"),
    ("aws.network_firewall", "a rule blocks", "address 10.20.0.15"),
    ("aws.ssm_patch", "an instance lacks a critical patch", "instance i-0123456789abcdef0"),
    (
        "aws.cloudtrail",
        "Insights sees a rate of calls that is unusual",
        "role arn:aws:iam::111122223333:role/web",
    ),
]


@pytest.mark.parametrize(("name", "sample", "entity"), CONCERNED)
def test_a_finding_concerns_whom_other_sources_name_alike(name, sample, entity):
    mapping = shipped(name)
    (found,) = [each for each in mapping.samples if each.name == sample]

    (row,) = normalized(mapping, overlay(mapping.example, found.record)).findings.to_pylist()

    assert f"{row['entity']['type']} {row['entity']['uid']}" == entity


def test_config_observes_things_and_that_they_are_gone():
    mapping = shipped("aws.config")

    rows = normalized(mapping, *records(mapping)).resources.to_pylist()

    arn = "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-0a1b2c3d"
    assert [row["uid"] for row in rows] == [arn, arn, "example-payroll"]
    assert json.loads(rows[0]["configuration"])["groupName"] == "web"
    assert rows[1]["configuration"] == "null"
    assert (rows[2]["type"], rows[2]["region"]) == ("AWS::S3::Bucket", "eu-central-1")


ENVELOPES = [
    ("aws.cloudtrail", {"detail-type": "AWS API Call via CloudTrail", "detail": {}}),
    ("aws.cloudtrail", {"Events": [{"EventName": "x", "CloudTrailEvent": ""}]}),
    ("aws.cloudtrail", {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": ""}]}),
    ("kubernetes.audit", {"messageType": "DATA_MESSAGE", "logEvents": [{"message": ""}]}),
    ("aws.inspector", {"detail-type": "Inspector2 Finding", "detail": {}}),
    ("aws.macie", {"detail-type": "Macie Finding", "detail": {}}),
    ("aws.config", {"detail-type": "Config Configuration Item Change", "detail": {}}),
    ("aws.security_hub", {"detail": {"findings": [{}]}}),
    ("aws.security_hub", {"Findings": [{}]}),
]


def filled(value, record):
    """Put a record where an envelope is empty."""
    if isinstance(value, dict):
        return {key: filled(inner, record) for key, inner in value.items()} or record
    if isinstance(value, list):
        return [filled(inner, record) for inner in value]
    return json.dumps(record) if value == "" else value


@pytest.mark.parametrize(("name", "envelope"), ENVELOPES)
def test_an_envelope_is_opened(name, envelope):
    mapping = shipped(name)
    payload = json.dumps(filled(envelope, dict(mapping.example))).encode()

    raws = [raw for _, raw in unwrap(payload, mapping.unwrap).records]
    made = normalized(mapping, *raws)

    (row,) = made.events.to_pylist()
    (bare,) = normalized(mapping, dict(mapping.example)).events.to_pylist()
    assert (row["class_uid"], row["time"]) == (bare["class_uid"], bare["time"])


def recorded(corpora, name):
    scans = corpora / "defectdojo-scans" / "unittests" / "scans"
    events = corpora / "custodian-aws" / "tests" / "data" / "cwe"
    files = {
        "aws.security_hub": [
            *(scans / "awssecurityhub").rglob("*.json"),
            *(scans / "asff").rglob("*.json"),
            *events.glob("event-securityhub-*finding*.json"),
        ],
        "aws.inspector": [*(scans / "aws_inspector2").glob("*.json")],
        "aws.cloudtrail": [*events.glob("*cloud-trail*.json")],
    }
    kinds = {
        "aws.security_hub": "AWS.SecurityFindingFormat",
        "aws.waf": "AWS.WAFWebACL",
        "aws.s3_access": "AWS.S3ServerAccess",
    }
    payloads = [path.read_bytes() for path in sorted(files.get(name, ()))]
    lines = (corpora / "panther" / "labelled_logs.jsonl").read_text("utf-8").splitlines()
    told = [entry for entry in map(json.loads, lines) if kinds.get(name) in entry["log_types"]]
    return payloads + [json.dumps(entry["log"]).encode() for entry in told]


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("name", "fewest"),
    [
        ("aws.security_hub", 18),
        ("aws.inspector", 37),
        ("aws.cloudtrail", 14),
        ("aws.waf", 15),
        ("aws.s3_access", 7),
    ],
)
def test_what_others_recorded_is_read(corpora, name, fewest):
    mapping = shipped(name)
    raws = [
        raw
        for payload in recorded(corpora, name)
        for _, raw in unwrap(payload, mapping.unwrap).records
    ]

    made = normalized(mapping, *raws)

    rows = made.events.to_pylist()
    valid = sum(not problems(event_json(row)) for row in rows)
    print(f"{name}: {len(rows)} of {len(raws)} records map, {valid} validate")  # noqa: T201 - the figures that are asked for
    assert len(raws) >= fewest
    assert len(rows) >= 0.99 * len(raws)
    assert valid >= 0.98 * len(rows)
    assert 0 not in {row["class_uid"] for row in rows}
