"""Rules over events give matches, findings and failures, the same on every replay."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.detect.rules import HEAD, UID, detected, parsed, rule_set, sigma
from tests.detect.tables import NOON, event_table
from tocsin.detect import Windows, parse_rules
from tocsin.detect.rules import LogSource, Rule
from tocsin.detect.run_python import Verdict
from tocsin.errors import Location
from tocsin.ocsf import schemas
from tocsin.ocsf.identifiers import derive

STOP = "s: {eventName: StopLogging}\ncondition: s"


def stopped(user="alice", **values):
    arn = f"arn:aws:iam::111122223333:user/{user}"
    identity = {"arn": arn, "userName": user, "accessKeyId": f"AKIA{user.upper()}"}
    return {"eventName": "StopLogging", "userIdentity": identity, **values}


def findings(*arguments, **changes):
    return detected(*arguments, **changes).findings.to_pylist()


def test_tables_have_their_schemas():
    found = detected([parsed(STOP)], event_table(stopped(), "broken"))

    assert found.matches.schema.equals(schemas.MATCHES)
    assert found.findings.schema.equals(schemas.FINDINGS)
    assert found.failures.schema.equals(schemas.FAILURES)


def test_a_finding_tells_its_rule_its_entity_and_its_events():
    rule = parsed(STOP, tail="tags: [attack.defense-evasion, attack.t1562.008]\n")
    (found,) = findings([rule], event_table(stopped(recipientAccountId="111122223333")))

    naive_noon = NOON.replace(tzinfo=None)
    assert found == {
        "uid": derive("fnd", UID, found["dedup_key"], NOON.isoformat()),
        "class_uid": 2004,
        "rule_uid": UID,
        "rule_title": "T",
        "rule_type": "Sigma",
        "source": "aws.cloudtrail",
        "severity_id": 4,
        "is_alert": True,
        "title": "T",
        "description": "",
        "dedup_key": "user:arn:aws:iam::111122223333:user/alice",
        "period_start": naive_noon,
        "first_time": naive_noon,
        "last_time": naive_noon,
        "match_count": 1,
        "entity": {
            "type": "user",
            "uid": "arn:aws:iam::111122223333:user/alice",
            "name": "alice",
        },
        "links": [{"type": "access_key", "uid": "AKIAALICE", "name": "AKIAALICE"}],
        "account": "111122223333",
        "tactics": ["defense-evasion"],
        "techniques": ["T1562.008"],
        "event_uids": ["evt_0"],
        "context": "{}",
    }


def test_matches_name_their_finding():
    found = detected([parsed(STOP)], event_table(stopped()))

    assert found.matches.to_pylist() == [
        {
            "finding_uid": found.findings.column("uid")[0].as_py(),
            "rule_uid": UID,
            "event_uid": "evt_0",
            "event_time": NOON.replace(tzinfo=None),
        }
    ]


def test_matches_of_one_entity_and_period_are_one_finding():
    (found,) = findings([parsed(STOP)], event_table(stopped(), stopped(), minutes=[0, 59]))

    assert found["match_count"] == 2
    assert found["last_time"] - found["first_time"] == timedelta(minutes=59)


def test_another_entity_or_period_is_another_finding():
    events = event_table(stopped(), stopped("bob"), stopped(), minutes=[0, 1, 60])

    assert len(findings([parsed(STOP)], events)) == 3


def test_dedup_paths_make_the_key():
    rule = parsed(STOP, tail="tocsin: {dedup: [recipientAccountId, missing]}\n")
    events = event_table(
        stopped(recipientAccountId="1"), stopped("bob", recipientAccountId="1"), stopped()
    )

    assert sorted(found["dedup_key"] for found in findings([rule], events)) == ["1|", "|"]


def test_entities_of_later_matches_are_linked():
    rule = parsed(STOP, tail="tocsin: {dedup: [eventName]}\n")
    (found,) = findings([rule], event_table(stopped(), stopped("bob")))

    assert found["entity"]["name"] == "alice"
    assert "bob" in [link["name"] for link in found["links"]]


def test_a_long_dedup_key_is_cut_and_stays_distinct():
    rule = parsed(STOP, tail="tocsin: {dedup: [text]}\n")
    events = event_table(stopped(text="x" * 5_000 + "1"), stopped(text="x" * 5_000 + "2"))

    keys = [found["dedup_key"] for found in findings([rule], events)]

    assert len(set(keys)) == 2
    assert max(map(len, keys)) < 1_100


@pytest.mark.parametrize(("hours", "is_alert"), [(0, True), (24, True), (25, False)])
def test_findings_on_old_events_are_no_alerts(hours, is_alert):
    (found,) = findings([parsed(STOP)], event_table(stopped()), now=NOON + timedelta(hours=hours))

    assert found["is_alert"] is is_alert


def test_the_age_of_alerts_can_be_set():
    rules = rule_set(parsed(STOP), alert_age=timedelta(minutes=1))
    (found,) = findings(rules, event_table(stopped()), now=NOON + timedelta(hours=1))

    assert found["is_alert"] is False


def test_a_replay_gives_the_same_tables():
    events = event_table(stopped(), stopped("bob"))

    first, second = (detected([parsed(STOP)], events) for _ in range(2))

    assert first.findings.equals(second.findings)
    assert first.matches.equals(second.matches)


@given(st.permutations(range(6)))
def test_the_order_of_events_makes_no_difference(order):
    events = event_table(*(stopped("alice" if number % 2 else "bob") for number in range(6)))
    rule = parsed(STOP, tail="tocsin: {dedup: [eventName]}\n")

    assert detected([rule], events.take(list(order))).findings.equals(
        detected([rule], events).findings
    )


def test_batches_speak_of_the_same_finding():
    rules = rule_set(parsed(STOP))
    events = event_table(stopped(), stopped())

    uids = {findings(rules, events.slice(at, 1))[0]["uid"] for at in range(2)}

    assert len(uids) == 1


def test_a_rule_reads_only_its_source():
    text = HEAD + "logsource: {product: kubernetes, service: audit}\n"
    rule = parsed("s: {verb: get}\ncondition: s", head=text)
    record = {"verb": "get", "user": {"username": "alice"}}

    assert findings([rule], event_table(record)) == []
    assert len(findings([rule], event_table(record, source="kubernetes.audit"))) == 1


def test_a_table_may_hold_several_sources():
    rule = parsed(
        "s: {actor.user.name: alice}\ncondition: s", head=f"{HEAD}logsource: {{category: ocsf}}\n"
    )
    record = {"verb": "get", "user": {"username": "alice"}}
    events = pa.concat_tables(
        [event_table(stopped()), event_table(record, source="kubernetes.audit")]
    )

    assert [found["match_count"] for found in findings([rule], events)] == [1, 1]


def test_disabled_rules_are_silent():
    assert findings([replace(parsed(STOP), is_enabled=False)], event_table(stopped())) == []


def test_rules_without_a_source_are_told_apart():
    head = HEAD + "logsource: {product: windows, category: process_creation}\n"
    rules = rule_set(parsed(STOP, head=head), parsed(STOP))

    assert [rule.log_source.product for rule in rules.unbound] == ["windows"]


@pytest.mark.parametrize("text", ["broken", "[1]", '"x"', "[" * 100_000, '{"a":' * 5_000, ""])
def test_a_record_that_cannot_be_read_is_a_failure(text):
    found = detected([parsed(STOP)], event_table(text, stopped()))

    assert found.failures.to_pylist() == [
        {
            "rule_uid": "*",
            "reason": "record_unreadable: no JSON object",
            "event_uid": "evt_0",
            "count": 1,
        }
    ]
    assert found.findings.num_rows == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"eventName": "StopLogging", "n": ' + "9" * 5_000 + "}",
        '{"eventName": "StopLogging", "n": 1e999}',
        '{"eventName": "StopLogging", "n": NaN}',
        '{"eventName": "x", "eventName": "StopLogging"}',
        '{"eventName": "StopLogging", "n": "\\ud800"}',
    ],
)
def test_odd_records_are_judged_by_what_can_be_read(text):
    found = detected([parsed(STOP)], event_table(text))

    assert found.findings.num_rows == 1
    assert found.failures.num_rows == 0


def test_no_events_give_no_rows():
    found = detected([parsed(STOP)], event_table())

    assert (found.matches.num_rows, found.findings.num_rows) == (0, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["eventName", "userIdentity", "arn", "x"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(st.lists(JSON, max_size=4))
def test_any_json_is_judged_or_a_failure(records):
    texts = [json.dumps(record) for record in records]
    detection = (
        "s: {eventName|contains: x}\nt: {userIdentity.arn|re: y, x: null}\ncondition: s or t"
    )

    found = detected([parsed(detection)], event_table(*texts))

    unreadable = sum(not isinstance(record, dict) for record in records)
    assert sum(found.failures.column("count").to_pylist()) == unreadable


def python_rule(**changes):
    values = {
        "uid": "Example.Python",
        "title": "P",
        "description": "D",
        "severity_id": 2,
        "kind": "Python",
        "log_source": LogSource(log_types=("AWS.CloudTrail",)),
        "location": Location("p.yml", 1),
        "version": "v",
        "source": "def rule(event): return True",
    }
    return Rule(**(values | changes))


def saying(*verdicts):
    """Return a place where rules say these things, and see what they are asked."""

    def run(rules: Mapping[str, str], records, mocks=()):
        assert all(isinstance(json.loads(record), dict) for record in records)
        return [
            verdict
            for verdict in verdicts
            if verdict.record is None or verdict.record < len(records)
        ]

    return run


def said(record=0, **changes):
    return Verdict("Example.Python", record, **({"matched": True} | changes))


def test_a_python_rule_words_its_finding():
    verdict = said(
        title="Title", severity="HIGH", dedup="key", description="Why", context='{"a":1}'
    )
    (found,) = findings([python_rule()], event_table(stopped()), run_python=saying(verdict))

    assert (found["title"], found["description"], found["dedup_key"]) == ("Title", "Why", "key")
    assert (found["severity_id"], found["context"], found["rule_title"]) == (4, '{"a":1}', "P")
    assert found["rule_type"] == "Python"


def test_a_python_rule_that_says_nothing_more_has_the_words_of_its_file():
    (found,) = findings([python_rule()], event_table(stopped()), run_python=saying(said()))

    assert (found["title"], found["description"], found["severity_id"]) == ("P", "D", 2)
    assert found["dedup_key"].startswith("user:")


def test_the_highest_severity_of_a_group_counts_and_odd_words_are_the_rules():
    verdicts = [said(0, severity="LOW"), said(1, severity="CRITICAL"), said(2, severity="DEFAULT")]
    (found,) = findings(
        [python_rule()], event_table(*[stopped()] * 3), run_python=saying(*verdicts)
    )

    assert found["severity_id"] == 5


def test_failures_of_one_kind_are_one_row_with_their_count():
    verdicts = [said(at, matched=False, failure="raised KeyError") for at in range(2)]
    verdicts.append(said(None, matched=False, failure="switched_off: …", count=7))
    found = detected(
        [python_rule()], event_table(stopped(), stopped()), run_python=saying(*verdicts)
    )

    assert [
        (row["reason"], row["event_uid"], row["count"]) for row in found.failures.to_pylist()
    ] == [
        ("raised KeyError", "evt_0", 2),
        ("switched_off: …", None, 7),
    ]


def test_a_failure_beside_a_match_leaves_the_match():
    found = detected(
        [python_rule()],
        event_table(stopped()),
        run_python=saying(said(failure="title: raised KeyError")),
    )

    assert (found.findings.num_rows, found.failures.num_rows) == (1, 1)


def test_unreadable_records_are_not_shown_to_python_rules():
    found = detected([python_rule()], event_table("broken", stopped()), run_python=saying(said(0)))

    assert found.matches.column("event_uid").to_pylist() == ["evt_1"]


def test_commands_without_a_worker_report_python_rules_as_not_run():
    found = detected([python_rule()], event_table(stopped()))

    assert found.failures.to_pylist()[0]["reason"].startswith("not_run")


def three_times():
    return rule_set(python_rule(threshold=3))


def test_a_threshold_waits_for_its_matches_over_turns():
    events, windows, counts = event_table(*[stopped()] * 5), Windows(), []
    for at in range(5):
        found = detected(
            three_times(), events.slice(at, 1), windows=windows, run_python=saying(said())
        )
        windows = Windows.from_rows(found.windows.to_rows())
        counts.append([row["event_uids"] for row in found.findings.to_pylist()])

    assert counts == [[], [], [["evt_0", "evt_1", "evt_2"]], [["evt_3"]], [["evt_4"]]]


def test_a_threshold_counts_each_period_and_key_apart():
    events = event_table(
        *[stopped()] * 2, *[stopped("bob")] * 2, stopped(), minutes=[0, 1, 2, 3, 90]
    )
    verdicts = [said(at) for at in range(5)]

    found = detected(three_times(), events, run_python=saying(*verdicts))

    assert found.findings.num_rows == 0
    assert found.matches.num_rows == 0
    assert len(found.windows.to_rows()) == 3


def test_every_rule_of_one_file_set_is_evaluated():
    other = sigma("s: {eventName: Stop*}\ncondition: s").replace(UID, UID[:-1] + "2")
    rules = parse_rules({"a.yml": sigma(STOP), "b.yml": other}).rules

    assert len(findings(rules, event_table(stopped()))) == 2
