"""Conditions of suppressions, over findings and their events, read as rules read them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.detect.rules import UID, parsed, rule_set
from tests.detect.tables import CLOUDTRAIL, event_table
from tocsin.conditions import tree
from tocsin.detect import RuleSet
from tocsin.errors import ContentError

FINDING = {
    "uid": "fnd_1",
    "rule_uid": UID,
    "source": CLOUDTRAIL,
    "title": "A trail is stopped",
    "severity_id": 4,
    "entity": {"type": "user", "uid": "eve", "name": "eve"},
    "tactics": ["defense-evasion"],
    "first_time": datetime(2026, 11, 23, 12),
    "context": '{"bucket": {"name": "reports"}}',
}
RECORD = {"eventName": "StopLogging", "resources": {"kind": "trail"}, "userAgent": "aws-cli"}
BY_BUCKET = "tocsin:\n  entity: [{type: bucket, path: bucketName}]\n"
SELECTION = "selection: {eventName: StopLogging}\ncondition: selection"


def rules(tail=""):
    return rule_set(parsed(SELECTION, tail=tail))


PLAIN = rules()


def nothing(uids):
    return event_table()


def evidence_of(*records, rules=PLAIN, fetch=nothing, wanted=None):
    events = event_table(*records)
    uids = events.column("event_uid").to_pylist()
    return rules.evidence((events,), uids if wanted is None else wanted, fetch), uids


def holds(condition, record=RECORD, finding=FINDING, rules=PLAIN):
    """Return whether the condition holds for one event, or without any for `None`."""
    evidence, uids = evidence_of(*([] if record is None else [record]), rules=rules)
    return evidence(finding, uids[0] if uids else None).holds(condition)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("eventName: StopLogging", True),
        ("eventName: stoplogging\nuserAgent|startswith: aws", True),
        ("eventName: StopLogging\nuserAgent|startswith: boto", False),
        ("- eventName: Other\n- userAgent: aws-cli", True),
        ("a: {eventName: StopLogging}\nb: {userAgent: boto}\ncondition: a and not b", True),
        ("ocsf.class_uid: 6003", True),
        ("class_uid: 6003", True),
        # A word of OCSF that this source claims for its own records.
        ("resources.kind: trail", True),
        ("ocsf.resources.kind: trail", False),
        ("finding.title|contains: trail", True),
        ("finding.severity_id|gte: 4", True),
        ("finding.severity_id|gt: 4", False),
        ("finding.entity.name: eve", True),
        ("finding.tactics: defense-evasion", True),
        ("finding.context.bucket.name: reports", True),
        ("finding.first_time|day: 23", True),
        ("finding.account: null", True),
        ("eventName|fieldref: finding.title", False),
        ("title: A trail is stopped", False),
    ],
)
def test_a_condition_reads_the_event_and_the_finding(condition, expected):
    assert holds(condition) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("finding.severity_id: 4", True),
        ("eventName: StopLogging", False),
        ("eventName|exists: false", False),
        ("a: {eventName: Other}\ncondition: not a", False),
        ("a: [StopLogging]\ncondition: not a", False),
        ("finding.title|fieldref: eventName", False),
        ("a: {finding.title: Other}\ncondition: not a", True),
    ],
)
def test_without_an_event_what_asks_for_one_does_not_hold(condition, expected):
    assert holds(condition, record=None) is expected


def test_a_condition_that_cannot_be_read_does_not_hold():
    assert holds("a|bends: b") is False


def test_a_rule_over_ocsf_paths_is_followed():
    head = f"title: T\nid: {UID}\nlogsource: {{category: ocsf}}\n"
    of_ocsf = rule_set(parsed("a: {class_uid: 6003}\ncondition: a", head=head))

    assert holds("eventName: StopLogging", rules=of_ocsf) is False
    assert holds("event_uid|startswith: evt", rules=of_ocsf) is True


def test_the_entity_is_the_one_that_the_rule_names():
    record = RECORD | {"bucketName": "reports"}
    evidence, (uid,) = evidence_of(record, rules=rules(BY_BUCKET))

    found = evidence(FINDING, uid)

    assert found.entity is not None
    assert (found.entity.type, found.entity.uid) == ("bucket", "reports")


def test_of_a_rule_that_is_gone_the_entity_is_the_findings():
    evidence, (uid,) = evidence_of(RECORD)

    found = evidence(FINDING | {"rule_uid": "gone"}, uid)

    assert found.entity is None
    assert found.holds("eventName: StopLogging")


def test_what_is_not_at_hand_is_fetched_once():
    events = event_table(RECORD, RECORD | {"userAgent": "boto"})
    uids = events.column("event_uid").to_pylist()
    asked = []

    def fetch(missing):
        asked.append(missing)
        return events.slice(1)

    evidence = rules().evidence((events.slice(0, 1),), [*uids, "evt_gone"], fetch)

    assert evidence(FINDING, uids[0]).holds("userAgent: aws-cli")
    assert asked == []
    assert evidence(FINDING, uids[1]).holds("userAgent: boto")
    assert not evidence(FINDING, "evt_gone").holds("userAgent|exists: true")
    assert asked == [tuple(sorted([uids[1], "evt_gone"]))]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", 1, "write fields with values"),
        ("just words", 1, "write fields with values"),
        ("a: b\nc|bends: d", 2, "unknown modifier 'bends'"),
        ("- a: b\n- c|re: '(?=x)'", 2, "look-around"),
        ("a: {b: c}\ncondition: a and d", 2, "d"),
        ("a: {b: c}\ncondition: ''", 2, "the condition is empty"),
        ("a: &x b\nc: *x", 1, "anchors"),
        ("a: b\na: c", 2, "stands here twice"),
        ("finding.entity_uid: a", 0, "findings have no field 'entity_uid'; did you mean 'entity'"),
        ("a: '%nobody%'\nb|expand: '%nobody%'", 2, "has no values"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, place, said):
    with pytest.raises(ContentError) as refused:
        RuleSet.read_condition(text, "here")

    assert said in refused.value.message
    assert refused.value.location.line == place


def test_every_mistake_is_said_at_once():
    with pytest.raises(ContentError) as refused:
        RuleSet.read_condition("a|bends: b\nc|twists: d")

    assert "bends" in refused.value.message and "twists" in refused.value.message


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        condition = RuleSet.read_condition(text)
    except ContentError:
        return
    assert isinstance(
        condition,
        tree.Field | tree.AllOf | tree.AnyOf | tree.Not | tree.Exists | tree.SameAs | tree.Keyword,
    )
