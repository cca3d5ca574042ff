"""Findings of correlations: their entity, links, period and context; what lateness means."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.detect.correlations.rules import UID, numbers, rows_of, rules_of, told, written
from tests.detect.rules import run_nothing
from tests.detect.tables import LOG_SOURCES, NOON, event_table
from tocsin.detect import RuleSet, Windows, evaluate, parse_rules
from tocsin.ocsf import schemas
from tocsin.ocsf.identifiers import derive

COUNT = "type: event_count\nrules: [a, b]\ngroup-by: user\ntimespan: 10m\ncondition: {gte: 2}\n"
ACCOUNT = "111122223333"


def who(name, **more):
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    identity = {"arn": arn, "userName": name, "accessKeyId": f"AKIA{name.upper()}"}
    return {"userIdentity": identity, "recipientAccountId": ACCOUNT, **more}


def test_a_finding_says_what_and_why():
    (row,) = told(
        COUNT,
        (0, "a", who("alice")),
        (1, "b", who("bob")),
        tail="level: critical\ntags: [attack.impact, attack.t1485]\ndescription: Why it matters.",
    )
    period = NOON.replace(tzinfo=None)
    assert row["uid"] == derive("fnd", UID, "u", NOON.isoformat())
    assert (row["rule_uid"], row["rule_type"], row["severity_id"]) == (UID, "Correlation", 5)
    assert (row["tactics"], row["techniques"]) == (["impact"], ["T1485"])
    assert (row["title"], row["description"]) == ("C", "Why it matters.")
    assert (row["dedup_key"], row["period_start"], row["account"]) == ("u", period, ACCOUNT)
    assert row["last_time"] - row["first_time"] == timedelta(minutes=1)
    assert json.loads(row["context"]) == {
        "correlation": "event_count",
        "group": {"user": "u"},
        "value": 2,
        "condition": "gte 2",
        "timespan": "10m",
        "rules": [
            {
                "title": f"Rule {name}",
                "uid": f"00000000-0000-4000-8000-00000000000{number}",
                "events": 1,
                "first": f"2026-11-23T12:0{number - 1}:00Z",
                "last": f"2026-11-23T12:0{number - 1}:00Z",
            }
            for number, name in enumerate("ab", 1)
        ],
    }


def test_the_entity_is_the_actor_of_the_closing_event_and_others_are_linked():
    (row,) = told(COUNT, (0, "a", who("alice")), (1, "b", who("bob")))
    links = {(link["type"], link["name"]) for link in row["links"]}

    assert row["entity"]["name"] == "bob"
    assert {("user", "alice"), ("access_key", "AKIAALICE"), ("access_key", "AKIABOB")} <= links


def test_the_rule_may_choose_the_entity():
    tail = "tocsin: {entity: {type: host, path: host}, links: [{type: address, path: from}]}"
    (row,) = told(
        COUNT,
        (0, "a", who("alice", host="h1")),
        (1, "b", who("bob", host="h2", **{"from": "192.0.2.1"})),
        tail=tail,
    )

    assert row["entity"] == {"type": "host", "uid": "h2", "name": "h2"}
    assert {"type": "address", "uid": "192.0.2.1", "name": "192.0.2.1"} in row["links"]


def test_an_outer_correlation_chooses_for_itself():
    text = written(
        "type: event_count\nrules: [inner]\ngroup-by: user\ntimespan: 1h\ncondition: {gte: 1}",
        tail="tocsin: {entity: {type: host, path: host}}",
        bases="title: I\nname: inner\nid: 00000000-0000-4000-8000-0000000000fe\n"
        "correlation: {type: event_count, rules: [a], timespan: 1h, condition: {gte: 2}}\n---\n"
        + written(COUNT).split("---\n", 1)[1],
    )
    rows = rows_of(rules_of(text), (0, "a", {"host": "h1"}), (1, "a", {"host": "h2"}))

    assert [row["entity"]["uid"] for row in rows] == ["h2"]


@pytest.mark.parametrize(
    ("period", "minutes", "expected"),
    [("1h", (50, 58, 62), 2), ("1d", (50, 58, 62), 1), ("10m", (0, 1, 9, 11), 2)],
)
def test_closings_of_one_period_are_one_finding(period, minutes, expected):
    rows = told(COUNT, *((at, "a") for at in minutes), tail=f"tocsin: {{period: {period}}}")

    assert len({row["uid"] for row in rows}) == expected


def test_each_event_is_told_once_to_a_finding():
    rows = told(COUNT, *((minute, "a") for minute in range(6)))

    assert [row["match_count"] for row in rows] == [2, 1, 1, 1, 1]
    assert len({row["uid"] for row in rows}) == 1
    assert numbers(rows) == list(range(6))


def test_tables_have_their_schemas():
    rules = rules_of(written(COUNT))
    events = event_table({"eventName": "a", "user": "u"}, {"eventName": "b", "user": "u"})
    found = evaluate(rules, events, Windows(), NOON, run_nothing)

    assert found.findings.schema.equals(schemas.FINDINGS)
    assert found.matches.schema.equals(schemas.MATCHES)
    assert found.matches.column("event_uid").to_pylist() == ["evt_0", "evt_1"]


def test_findings_on_old_events_are_no_alerts():
    parsed = parse_rules({"c.yml": written(COUNT)})
    rules = RuleSet.build(parsed.rules, LOG_SOURCES, alert_age=timedelta(days=1))
    events = event_table({"eventName": "a", "user": "u"}, {"eventName": "b", "user": "u"})
    found = evaluate(rules, events, Windows(), NOON + timedelta(days=3), run_nothing)

    assert found.findings.column("is_alert").to_pylist() == [False]


def test_a_correlation_that_is_switched_off_mutes_nobody():
    parsed = parse_rules({"c.yml": written(COUNT)})
    off = [replace(rule, is_enabled=rule.correlation is None) for rule in parsed.rules]
    rows = rows_of(RuleSet.build(off, LOG_SOURCES), (0, "a"), (1, "b"))

    assert {row["title"] for row in rows} == {"Rule a", "Rule b"}


def test_rules_of_several_sources_are_correlated():
    text = written(
        "type: temporal\nrules: [a, k]\ngroup-by: [tocsin.actor]\ntimespan: 1h",
        bases=written(COUNT).split("---\n", 1)[1]
        + "---\ntitle: K\nname: k\nid: 00000000-0000-4000-8000-0000000000aa\n"
        "logsource: {product: kubernetes, service: audit}\n"
        "detection: {s: {verb: create}, condition: s}\n",
    )
    rules = rules_of(text)
    cloud = event_table({"eventName": "a", **who("alice")})
    arn = f"arn:aws:iam::{ACCOUNT}:user/alice"
    cluster = event_table({"verb": "create", "user": {"username": arn}}, source="kubernetes.audit")
    cluster = cluster.set_column(0, "event_uid", [["evt_9"]])
    first = evaluate(rules, cloud, Windows(), NOON, run_nothing)
    second = evaluate(rules, cluster, first.windows, NOON, run_nothing)

    assert sorted(second.findings.column("event_uids")[0].as_py()) == ["evt_0", "evt_9"]


ABSENT = "type: absence\nrules: [a]\ngroup-by: user\ntimespan: 1h\n"


def absent_at(*hours, lateness="15m", arrived=0):
    """Return at which hours of the clock an absence is found after one event."""
    rules = rules_of(written(ABSENT, tail=f"tocsin: {{lateness: {lateness}}}"))
    events = event_table({"eventName": "a", "user": "u"})
    found = evaluate(rules, events, Windows(), NOON + timedelta(hours=arrived), run_nothing)
    windows, at = found.windows, []
    for hour in hours:
        now = NOON + timedelta(hours=hour)
        found = evaluate(rules, event_table(), windows, now, run_nothing)
        windows = found.windows
        at += [hour] if found.findings.num_rows else []
    return at


def test_an_absence_is_found_when_timespan_and_lateness_are_over():
    assert absent_at(0.5, 1, 1.2, 1.25, 1.3, 2) == [1.25]
    assert absent_at(0.5, 1, 1.2, 1.25, 1.3, 2, lateness="0s") == [1]


def test_the_clock_waits_while_events_arrive():
    # The event came hours late: more may be on its way, so the clock counts from there.
    assert absent_at(5.1, 5.2, 5.25, 5.3, arrived=5) == [5.25]


def test_events_move_the_time_of_history():
    rules = rules_of(written(ABSENT))
    now = NOON + timedelta(days=30)
    events = event_table({"eventName": "a", "user": "u"}, {"eventName": "c"}, minutes=[0, 74])
    first = evaluate(rules, events, Windows(), now, run_nothing)
    later = event_table({"eventName": "c"}, minutes=[76])
    second = evaluate(rules, later, first.windows, now, run_nothing)

    titles = [table.column("title").to_pylist() for table in (first.findings, second.findings)]
    assert [title.count("C") for title in titles] == [0, 1]


def test_what_comes_too_late_to_be_decided_is_counted():
    correlation = COUNT.replace("{gte: 2}", "{lt: 5}")
    rules = rules_of(written(correlation))
    first = evaluate(
        rules,
        event_table({"eventName": "a", "user": "u"}, {"eventName": "c"}, minutes=[5, 32]),
        Windows(),
        NOON + timedelta(hours=1),
        run_nothing,
    )
    late = event_table({"eventName": "b", "user": "u"}, minutes=[7])
    late = late.set_column(0, "event_uid", [["evt_late"]])
    found = evaluate(rules, late, first.windows, NOON + timedelta(hours=1), run_nothing)

    (failure,) = found.failures.to_pylist()
    assert (failure["rule_uid"], failure["count"]) == (UID, 1)
    assert failure["reason"].startswith("too_late: ")
