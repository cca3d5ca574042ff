"""The demo's story: whole records, the same each time, and an attack that becomes incidents."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from tests.content.detection import LATER, MORNING
from tocsin import incidents
from tocsin.collect.demo_story import load_story
from tocsin.ocsf import concat, schemas
from tocsin.run import content

FEWEST_PRINCIPALS = 8
SOURCES = ("aws.cloudtrail", "kubernetes.audit")
ATTACK = {
    "An IAM user signs in to the console without a second factor",
    "A user makes an access key for another user",
    "CloudTrail logging is stopped or its trail deleted",
    "A long-lived key reads one secret after the other",
    "A disk snapshot is shared with an account outside",
    "Somebody is made administrator of the cluster",
    "A person lists the secrets of all namespaces",
    "A privileged pod is started",
    "A pod mounts its host's own folders",
    "A shell is opened in a pod of the cluster's own components",
    "A person requests a token of a kube-system account",
    "A role trusts another account without a condition",
    "A policy is written that allows everything",
}


@pytest.fixture(scope="module")
def story():
    return load_story(content.story_text("story"), "story.yaml")


@pytest.fixture(scope="module")
def told(story):
    return {source: list(story.told(source, MORNING)) for source in SOURCES}


@pytest.fixture(scope="module")
def findings(shipped, told):
    tables = [shipped.finding_table(source, told[source]) for source in SOURCES]
    return concat(tables, schemas.FINDINGS)


def test_hours_of_work_are_told_in_some_thousand_records(story, told):
    assert story.span >= timedelta(hours=2)
    assert 3_000 <= sum(map(len, told.values())) <= 6_000


def test_the_same_story_is_told_in_the_same_words(told):
    again = load_story(content.story_text("story"), "story.yaml")

    for source in SOURCES:
        assert list(again.told(source, MORNING)) == told[source]


def test_many_principals_act(told):
    cloud = {
        record["userIdentity"].get("arn") or record["userIdentity"].get("invokedBy")
        for record in told["aws.cloudtrail"]
    }
    cluster = {record["user"]["username"] for record in told["kubernetes.audit"]}

    assert len(cloud | cluster) >= FEWEST_PRINCIPALS


def test_every_record_is_whole_and_filled(told):
    for source, names in {
        "aws.cloudtrail": ("eventID", "eventName", "eventSource", "sourceIPAddress", "userAgent"),
        "kubernetes.audit": ("auditID", "verb", "requestURI", "userAgent"),
    }.items():
        for record in told[source]:
            assert all(record[name] for name in names)
    assert "{none}" not in json.dumps(told)


def test_no_placeholder_is_left(story, told):
    words = [*story.values, "time", "micros", "hour", "uuid", "hex", "digits", "is_read", "path"]
    text = json.dumps(told)

    assert [word for word in words if f"{{{word}}}" in text or f"{{{word}:" in text] == []


def test_records_have_identifiers_of_their_own(told):
    identifiers = [record["eventID"] for record in told["aws.cloudtrail"]]
    identifiers += [record["auditID"] for record in told["kubernetes.audit"]]

    assert len(set(identifiers)) == len(identifiers)


def test_records_are_told_in_order_of_time(told):
    times = [record["eventTime"] for record in told["aws.cloudtrail"]]

    assert times == sorted(times)


def test_what_happens_in_a_row_is_about_the_same_things(told):
    roles = Counter(
        record["requestParameters"]["roleName"]
        for record in told["aws.cloudtrail"]
        if record["eventName"] in ("CreateRole", "AttachRolePolicy")
    )

    assert set(roles.values()) == {2}


def test_the_attack_is_found_by_these_rules(shipped, findings):
    titles = {rule.uid: rule.title for rule in shipped.rules}

    found = {titles[uid] for uid in findings.column("rule_uid").to_pylist()}

    assert ATTACK - found == set()


def test_the_attack_is_one_incident_over_both_sources(findings):
    grouped = incidents.group((), findings, LATER, gap=timedelta(hours=1), threshold=3)

    by_size = sorted(grouped.changed, key=lambda incident: -incident.finding_count)
    entities = {entity.uid.rpartition("/")[2] for entity in by_size[0].entities}
    assert len(grouped.changed) == 3
    assert {"tomas", "svc-reports"} <= entities
    assert by_size[0].finding_count >= len(ATTACK)
