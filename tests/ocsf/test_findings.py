"""A finding is a valid Detection Finding of OCSF 1.8 and names its rule and its events."""

from datetime import datetime, timedelta

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tocsin.ocsf.findings import TACTIC_UIDS, finding_json, tactic_name

NOON = datetime(2026, 11, 23, 12, 0)
NOON_MS = 1_795_435_200_000


@pytest.fixture(scope="module")
def validate():
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0"))

    def check(value):
        profiles = value["metadata"].get("profiles", [])
        described = schema.get_class_schema("detection_finding", profiles)
        jsonschema.Draft202012Validator(described).validate(value)

    return check


def finding(**changes):
    values = {
        "uid": "fnd_1",
        "class_uid": 2004,
        "rule_uid": "rule-1",
        "rule_title": "Logging is stopped",
        "rule_type": "Sigma",
        "source": "aws.cloudtrail",
        "severity_id": 4,
        "is_alert": True,
        "title": "Logging is stopped",
        "description": "Somebody stopped a trail.",
        "dedup_key": "user:alice",
        "period_start": NOON,
        "first_time": NOON,
        "last_time": NOON + timedelta(minutes=5),
        "match_count": 2,
        "entity": {"type": "user", "uid": "alice", "name": "alice"},
        "links": [{"type": "access_key", "uid": "AKIAIOSFODNN7EXAMPLE", "name": ""}],
        "account": "111122223333",
        "tactics": ["defense-evasion"],
        "techniques": ["T1562.008"],
        "event_uids": ["evt_1", "evt_2"],
        "context": '{"trail": "main"}',
    }
    return values | changes


def event(**changes):
    values = {
        "event_uid": "evt_1",
        "source": "aws.cloudtrail",
        "time": NOON,
        "class_uid": 6003,
        "category_uid": 6,
        "activity_id": 3,
        "type_uid": 600303,
        "severity_id": 1,
        "raw_data": "{}",
        "actor": {"user": {"uid": "alice", "name": "alice", "email_addr": None}},
        "api": {"operation": "StopLogging", "service": {"name": "cloudtrail.amazonaws.com"}},
        "src_endpoint": {"ip": "192.0.2.1"},
        "cloud": {"provider": "AWS", "account": {"uid": "111122223333"}},
        "resources": [{"uid": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}],
        "metadata": {
            "original_event_uid": "11111111-2222-3333-4444-555555555555",
            "product": {"name": "CloudTrail", "vendor_name": "AWS"},
            "profiles": ["cloud"],
        },
    }
    return values | changes


@pytest.mark.parametrize("events", [[], [event()], [event(), event(event_uid="evt_2")]])
def test_a_finding_is_valid_ocsf(validate, events):
    validate(finding_json(finding(), events))


def test_a_bare_finding_is_valid_ocsf(validate):
    bare = finding(
        tactics=[], techniques=[], description="", links=[], account=None, context="not json"
    )
    event_without_actor = event(actor=None, api=None, src_endpoint=None, cloud=None, resources=None)

    validate(finding_json(bare, [event_without_actor]))


def test_the_rule_is_the_analytic():
    information = finding_json(finding(), [event()])["finding_info"]

    assert information["analytic"]["uid"] == "rule-1"
    assert information["analytic"]["type_id"] == 1


def test_an_event_is_named_as_its_source_names_it():
    related = finding_json(finding(), [event()])["finding_info"]["related_events"]

    assert related[0]["uid"] == "11111111-2222-3333-4444-555555555555"


def test_an_event_without_an_identifier_of_its_own_is_named_as_tocsin_names_it():
    related = finding_json(finding(), [event(metadata=None)])["finding_info"]["related_events"]

    assert related[0]["uid"] == "evt_1"


def test_events_that_are_not_at_hand_are_named_too():
    related = finding_json(finding(), [event()])["finding_info"]["related_events"]

    assert [each["uid"] for each in related[1:]] == ["evt_2"]


def test_tactics_and_techniques_are_told_with_their_identifiers():
    attacks = finding_json(finding(), [])["finding_info"]["attacks"]

    assert attacks == [
        {"tactic": {"uid": "TA0005", "name": "Defense Evasion"}},
        {"technique": {"uid": "T1562"}, "sub_technique": {"uid": "T1562.008"}},
    ]


def test_times_are_milliseconds_and_severity_has_its_caption():
    told = finding_json(finding(), [])

    assert (told["start_time"], told["end_time"]) == (NOON_MS, NOON_MS + 300_000)
    assert told["severity"] == "High"


def test_evidence_and_resources_come_from_the_events():
    told = finding_json(finding(), [event()])

    assert told["evidences"][0]["api"]["operation"] == "StopLogging"
    assert told["resources"][0]["uid"].endswith("trail/main")
    assert told["cloud"]["account"] == {"uid": "111122223333"}


def test_the_same_resource_of_two_events_is_told_once():
    told = finding_json(finding(), [event(), event(event_uid="evt_2")])

    assert len(told["resources"]) == 1


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("credential-access", "Credential Access"),
        ("command-and-control", "Command and Control"),
        ("TA0003", "TA0003"),
        ("of-our-own", "of-our-own"),
    ],
)
def test_a_tactic_is_named_as_attack_writes_it(short, name):
    assert tactic_name(short) == name


@pytest.mark.corpora
def test_tactic_names_are_those_of_attack(corpora):
    text = (corpora / "attack-index" / "enterprise-techniques.json").read_text()

    assert all(f'"{name}"' in text for name in TACTIC_UIDS)
