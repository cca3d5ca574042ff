"""Falco, GuardDuty and KubeArmor: whom their findings concern, recorded ones, and odd ones."""

import json

import pytest

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import MACROS, normalized, reasons, shipped, small
from tests.normalize.test_conservation import ODD, confused, full, paths
from tocsin.detect.entities import actor_of
from tocsin.normalize import overlay, unwrap
from tocsin.ocsf.findings import finding_json
from tocsin.ocsf.output import event_json

NAMES = ("aws.guardduty", "falco.alert", "kubearmor.alert")


@pytest.fixture(scope="module", params=NAMES)
def mapping(request):
    return shipped(request.param)


def sample(mapping, name):
    (found,) = [each for each in mapping.samples if each.name == name]
    return overlay(mapping.example, found.record)


def findings(mapping, *records):
    return normalized(mapping, *records).findings.to_pylist()


def test_every_sample_is_a_valid_event_and_a_finding(mapping):
    records = [overlay(mapping.example, each.record) for each in mapping.samples]
    made = normalized(mapping, *records)

    assert [problems(event_json(row)) for row in made.events.to_pylist()] == [[]] * len(records)
    assert made.findings.num_rows == len(records)
    assert all(row["description"] and row["title"] for row in made.findings.to_pylist())


def test_as_detection_finding_it_is_valid_and_brings_its_evidence(mapping):
    records = [overlay(mapping.example, each.record) for each in mapping.samples]
    made = normalized(mapping, *records)
    pairs = zip(made.findings.to_pylist(), made.events.to_pylist(), strict=True)

    told = [finding_json(finding, [event]) for finding, event in pairs]

    assert [problems(each) for each in told] == [[]] * len(records)
    evidences = [event_json(row).get("evidences") for row in made.events.to_pylist()]
    assert [each.get("evidences") for each in told] == evidences
    assert any(evidences)


@pytest.mark.parametrize("complete", [False, True])
def test_confusion_of_types_anywhere_loses_no_record(mapping, complete):
    base = full(mapping) if complete else json.loads(json.dumps(mapping.example))
    records = [confused(base, path, odd) for path in paths(base) for odd in ODD]

    made = normalized(mapping, *records)

    assert made.events.num_rows + made.rejects.num_rows == len(records)
    codes = {reason.split(":")[0] for reason in made.rejects.column("reason").to_pylist()}
    assert codes <= {"bad_time", "unrecognized"}
    wrong = [problems(event_json(row)) for row in made.events.to_pylist()]
    assert [problem for problem in wrong if problem] == []
    uids = set(made.events.column("event_uid").to_pylist())
    assert all(set(row["event_uids"]) <= uids for row in made.findings.to_pylist())


CONCERNED = {
    ("falco.alert", "a shell in a pod"): ["pod shop/web-0"],
    ("falco.alert", "a host without containers, without uuid"): ["host node-1"],
    ("falco.alert", "the Kubernetes audit plugin"): [
        "service_account system:serviceaccount:ci:deployer",
        "pod shop/web-0",
    ],
    ("falco.alert", "the CloudTrail plugin"): [
        "user arn:aws:iam::111122223333:user/alice",
        "address 198.51.100.24",
    ],
    ("aws.guardduty", "a key of a user"): [
        "user arn:aws:iam::111122223333:user/alice",
        "access_key AKIAIOSFODNN7EXAMPLE",
        "address 198.51.100.24",
    ],
    ("aws.guardduty", "the same again, inside an event of EventBridge"): [
        "role arn:aws:iam::111122223333:role/web",
        "bucket example-payroll",
        "access_key ASIAIOSFODNN7EXAMPLE",
        "session arn:aws:iam::111122223333:role/web/i-0123456789abcdef0",
    ],
    ("aws.guardduty", "an instance that talks to a mine"): ["instance i-0123456789abcdef0"],
    ("aws.guardduty", "a service account of a cluster"): [
        "service_account system:serviceaccount:ci:deployer",
        "pod shop/web-0",
        "cluster arn:aws:eks:eu-central-1:111122223333:cluster/shop",
        "address 203.0.113.7",
    ],
    ("aws.guardduty", "a function"): [
        "function arn:aws:lambda:eu-central-1:111122223333:function:resize",
        "role arn:aws:iam::111122223333:role/resize",
        "address 203.0.113.7",
    ],
    ("aws.guardduty", "a database, settled already"): [
        "database arn:aws:rds:eu-central-1:111122223333:db:orders",
        "database_user arn:aws:rds:eu-central-1:111122223333:db:orders/billing",
        "address 203.0.113.7",
    ],
    ("kubearmor.alert", "a process in a pod is blocked"): [
        "pod shop/web-0",
        "workload shop/StatefulSet/web",
    ],
    ("kubearmor.alert", "a connection to a host"): ["host node-1", "address 198.51.100.24"],
}


@pytest.mark.parametrize(("source", "name"), CONCERNED)
def test_a_finding_concerns_whom_its_source_names(source, name):
    mapping = shipped(source)

    (row,) = findings(mapping, sample(mapping, name))

    concerned = [f"{each['type']} {each['uid']}" for each in (row["entity"], *row["links"])]
    assert concerned == CONCERNED[source, name]


def test_guardduty_tells_the_same_finding_again():
    mapping = shipped("aws.guardduty")

    first, again = findings(
        mapping,
        dict(mapping.example),
        sample(mapping, "the same again, inside an event of EventBridge"),
    )

    assert first["uid"] == again["uid"]
    assert (first["match_count"], again["match_count"]) == (1, 7)


@pytest.mark.parametrize(
    ("score", "severity_id"),
    [(0.5, 1), (1, 2), (3.9, 2), (4, 3), (6.9, 3), (7, 4), (8.9, 4), (9, 5), (10, 5)],
)
def test_scores_of_guardduty_are_severities(score, severity_id):
    mapping = shipped("aws.guardduty")

    assert (
        findings(mapping, {**mapping.example, "severity": score})[0]["severity_id"] == severity_id
    )


@pytest.mark.parametrize(
    ("kind", "tactics"),
    [
        ("Stealth:IAMUser/CloudTrailLoggingDisabled", ["defense-evasion"]),
        ("PrivilegeEscalation:Runtime/DockerSocketAccessed", ["privilege-escalation"]),
        ("Policy:S3/BucketPublicAccessGranted", []),
        ("Exfiltration:S3/AnomalousBehavior", ["exfiltration"]),
        ("Recon:EC2/Portscan", ["reconnaissance"]),
        ("odd", []),
    ],
)
def test_the_purpose_in_a_type_is_the_tactic(kind, tactics):
    mapping = shipped("aws.guardduty")

    assert findings(mapping, {**mapping.example, "type": kind})[0]["tactics"] == tactics


def test_alerts_of_falco_about_one_pod_are_one_finding_an_hour():
    mapping = shipped("falco.alert")
    times = ("2026-11-23T08:00:00Z", "2026-11-23T08:59:59Z", "2026-11-23T09:00:00Z")

    rows = findings(mapping, *({**mapping.example, "uuid": f"{at}", "time": at} for at in times))

    assert rows[0]["uid"] == rows[1]["uid"] != rows[2]["uid"]


@pytest.mark.parametrize("type_", ["ContainerLog", "HostLog", None])
def test_what_kubearmor_only_sees_is_no_alert(type_):
    mapping = shipped("kubearmor.alert")

    assert reasons(mapping, {**mapping.example, "Type": type_}) == ["unrecognized"]


ARNS = [
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:user/teams/red/alice",
    "arn:aws-cn:iam::111122223333:role/service-role/web",
    "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0",
    "arn:aws:sts::111122223333:assumed-role/web",
    "system:serviceaccount:ci:deployer",
    "system:node:node-1",
    "alice",
]
SPELLED = """
source: test.spelled
product: {vendor_name: Tests, name: Spelled}
record: {who: text, seen: timestamp}
uid: who
time: seen
event: {finding_info.uid: who}
classes: [{class: detection_finding, activity: create}]
finding: {entities: "[cluster_entity(who)]"}
example: {who: alice, seen: "2026-11-03T11:00:00Z"}
"""


@pytest.mark.parametrize("who", ARNS)
def test_people_are_spelled_as_findings_on_calls_spell_them(who):
    mapping = small(SPELLED, MACROS)
    row = {"actor": {"user": {"uid": who, "name": who.rsplit("/", 1)[-1]}}}

    (found,) = findings(mapping, {**mapping.example, "who": who})

    spelled = actor_of(row)
    assert spelled is not None
    expected = (spelled.type, spelled.uid, spelled.name)
    assert tuple(found["entity"][name] for name in ("type", "uid", "name")) == expected


@pytest.mark.parametrize("who", ["", "system:anonymous", "unknown"])
def test_nobody_in_particular_is_no_entity(who):
    mapping = small(SPELLED.replace("finding_info.uid: who", "finding_info.uid: \"'one'\""), MACROS)

    assert findings(mapping, {**mapping.example, "who": who})[0]["entity"]["type"] == "source"


@pytest.mark.corpora
def test_recorded_alerts_of_kubearmor(corpora):
    mapping = shipped("kubearmor.alert")
    lines = (corpora / "kubearmor" / "events.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line)["event"] for line in lines]
    alerts = [each for each in records if str(each.get("Type")).startswith("Matched")]

    made = normalized(mapping, *records)

    assert len(alerts) > 8
    assert made.events.num_rows == made.findings.num_rows == len(alerts)
    assert {reason.split(":")[0] for reason in made.rejects["reason"].to_pylist()} == {
        "unrecognized"
    }
    assert [found for row in made.events.to_pylist() if (found := problems(event_json(row)))] == []
    kinds = {row["entity"]["type"] for row in made.findings.to_pylist()}
    assert kinds <= {"pod", "host", "container", "workload"}


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("name", "entity", "tactic"),
    [
        ("ec2-duty-event", "instance i-99999999", "command-and-control"),
        (
            "iam-duty-event",
            "user arn:aws:iam::883606788610:user/GeneratedFindingUserName",
            "initial-access",
        ),
    ],
)
def test_recorded_findings_of_guardduty(corpora, name, entity, tactic):
    mapping = shipped("aws.guardduty")
    path = corpora / "custodian-aws" / "tests" / "data" / "cwe" / f"{name}.json"
    raws = [raw for _, raw in unwrap(path.read_bytes(), mapping.unwrap).records]

    made = normalized(mapping, *raws)
    (row,) = made.findings.to_pylist()

    assert problems(event_json(made.events.to_pylist()[0])) == []
    assert f"{row['entity']['type']} {row['entity']['uid']}" == entity
    assert row["tactics"] == [tactic]
    assert row["severity_id"] == 3
