"""Events of finding classes are findings: which, whose, how many, and how they are told apart."""

from datetime import datetime

import pytest

from tests.normalize.records import normalized, small
from tocsin.errors import MappingError
from tocsin.ocsf.identifiers import derive

FOUND = """
source: test.found
product: {vendor_name: Tests, name: Found}
profiles: [cloud]
record:
  id: text
  kind: text
  rule: text
  seen: timestamp
  begun: timestamp
  total: integer
  quiet: boolean
  account: text
  key: text
  pod: text
  tactic: text
  technique: text
uid: id
time: seen
event:
  severity: high
  count: total
  cloud.provider: "'AWS'"
  cloud.account.uid: account
classes:
  - class: detection_finding
    when: kind = 'alarm'
    activity: create
    event:
      is_alert: not coalesce(quiet, false)
      finding_info.uid: id
      finding_info.title: "'Something about ' || pod"
      finding_info.desc: "'What it means.'"
      finding_info.analytic.uid: rule
      finding_info.analytic.name: "'The rule ' || rule"
      finding_info.analytic.type_id: 1
      finding_info.first_seen_time: begun
      finding_info.last_seen_time: seen
      finding_info.attacks: "[{tactic: {uid: tactic}, technique: {uid: technique}}]"
  - class: base_event_stand_in
    activity: other
finding:
  entities: >
    [{type: 'access_key', uid: key, name: null::varchar}, {type: 'pod', uid: pod, name: pod}]
example:
  id: one
  kind: alarm
  rule: r-7
  seen: "2026-11-03T11:00:00Z"
  begun: "2026-11-03T10:00:00Z"
  total: 3
  account: "111122223333"
  key: AKIAIOSFODNN7EXAMPLE
  pod: shop/web-0
  tactic: TA0006
  technique: T1552
""".replace("base_event_stand_in", "api_activity")
GROUPED = FOUND.replace("finding:\n", "finding:\n  group: rule || pod\n  period: 1h\n")


@pytest.fixture(scope="module")
def kept():
    return small(FOUND)


@pytest.fixture(scope="module")
def grouped():
    return small(GROUPED)


def found(mapping, *changes):
    records = [{**mapping.example, **change} for change in changes]
    return normalized(mapping, *records).findings.to_pylist()


def test_a_finding_says_what_its_event_says(kept):
    made = normalized(kept, dict(kept.example))
    row = made.findings.to_pylist()[0]

    assert row["event_uids"] == made.events.column("event_uid").to_pylist()
    assert row["uid"] == derive("fnd", "test.found", "111122223333", "one", "")
    told = {name: row[name] for name in ("title", "description", "severity_id", "account")}
    assert told == {
        "title": "Something about shop/web-0",
        "description": "What it means.",
        "severity_id": 4,
        "account": "111122223333",
    }
    assert (row["rule_uid"], row["rule_title"]) == ("test.found:r-7", "The rule r-7")
    assert (row["tactics"], row["techniques"]) == (["credential-access"], ["T1552"])
    assert row["entity"] == {
        "type": "access_key",
        "uid": "AKIAIOSFODNN7EXAMPLE",
        "name": "AKIAIOSFODNN7EXAMPLE",
    }
    assert row["links"] == [{"type": "pod", "uid": "shop/web-0", "name": "shop/web-0"}]
    assert (row["first_time"], row["last_time"]) == (
        datetime(2026, 11, 3, 10),
        datetime(2026, 11, 3, 11),
    )
    assert (row["match_count"], row["rule_type"], row["is_alert"]) == (3, "Finding", True)
    assert row["context"] == '{"reported_uid":"one"}'


def test_events_of_other_classes_are_no_findings(kept):
    made = normalized(kept, {**kept.example, "kind": "call"}, dict(kept.example))

    assert made.events.num_rows == 2
    assert made.findings.column("event_uids").to_pylist() == [[made.events["event_uid"][1].as_py()]]


def test_a_mapping_without_the_key_gives_events_only():
    text = FOUND.split("finding:\n")[0] + "example:" + FOUND.split("example:")[1]
    mapping = small(text)

    assert normalized(mapping, dict(mapping.example)).findings.num_rows == 0


def test_an_identifier_of_the_source_is_the_same_finding_whenever_it_is_told(kept):
    first, later, other = found(
        kept, {}, {"seen": "2026-11-05T11:00:00Z", "total": 9}, {"id": "two"}
    )

    assert first["uid"] == later["uid"] != other["uid"]
    assert later["match_count"] == 9


def test_the_same_identifier_in_another_account_is_another_finding(kept):
    here, there = found(kept, {}, {"account": "444455556666"})

    assert here["uid"] != there["uid"]


def test_alerts_of_one_group_and_period_are_one_finding(grouped):
    first, second, later, other = found(
        grouped,
        {"id": "a", "seen": "2026-11-03T11:00:00Z"},
        {"id": "b", "seen": "2026-11-03T11:59:59Z"},
        {"id": "c", "seen": "2026-11-03T12:00:00Z"},
        {"id": "d", "pod": "shop/web-1"},
    )

    assert first["uid"] == second["uid"]
    assert len({first["uid"], later["uid"], other["uid"]}) == 3
    assert first["rule_type"] == "Alert"
    assert second["period_start"] == datetime(2026, 11, 3, 11)


def test_the_first_entity_that_has_a_uid_is_whom_it_concerns(kept):
    (row,) = found(kept, {"key": None})

    assert row["entity"]["type"] == "pod"
    assert row["links"] == []


@pytest.mark.parametrize(
    ("account", "expected"),
    [("111122223333", ("account", "111122223333")), (None, ("source", "test.found"))],
)
def test_without_entities_it_concerns_the_account_or_the_source(kept, account, expected):
    (row,) = found(kept, {"key": "", "pod": None, "account": account})

    assert (row["entity"]["type"], row["entity"]["uid"]) == expected


def test_what_the_source_calls_quiet_is_no_alert(kept):
    (row,) = found(kept, {"quiet": True})

    assert row["is_alert"] is False


def test_what_is_not_wanted_is_an_event_only():
    mapping = small(FOUND.replace("finding:\n", "finding:\n  when: total > 1\n"))

    made = normalized(mapping, *({**mapping.example, "total": total} for total in (1, 2, None)))

    assert (made.events.num_rows, made.findings.num_rows) == (3, 1)


def test_how_things_are_opens_no_incident():
    text = FOUND.replace("class: detection_finding", "class: compliance_finding")
    text = text.replace("      is_alert: not coalesce(quiet, false)\n", "")

    (row,) = found(small(text), {})

    assert (row["class_uid"], row["is_alert"]) == (2003, False)


@pytest.mark.parametrize("total", [None, 0, -4, "many"])
def test_a_finding_counts_at_least_once(kept, total):
    (row,) = found(kept, {"total": total})

    assert row["match_count"] == 1


def test_times_that_are_turned_around_do_not_run_backwards(kept):
    (row,) = found(kept, {"begun": "2026-11-04T00:00:00Z"})

    assert row["first_time"] == row["last_time"] == datetime(2026, 11, 3, 11)


def test_endless_texts_are_cut_and_still_told_apart(grouped):
    one, two = found(grouped, {"pod": "x" * 5_000 + "1"}, {"pod": "x" * 5_000 + "2"})

    assert one["uid"] != two["uid"]
    assert max(len(one["title"]), len(one["entity"]["uid"])) <= 1_000


def test_a_record_without_identifier_is_an_event_only(kept):
    made = normalized(kept, {**kept.example, "id": ""}, {**kept.example, "id": None})

    assert (made.events.num_rows, made.findings.num_rows) == (2, 0)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("finding: {group: rule}\n", "`finding` has `entities`"),
        ("finding: {entities: '[]', if: rule}\n", "`finding` has `entities`"),
        ("finding: {entities: '[]', when: nobody}\n", "nobody"),
        ("finding: {entities: '[]', period: soon}\n", "a period is a number"),
        ("finding: {entities: nobody}\n", "nobody"),
        ("finding: {entities: total}\n", "must be a list"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line(part, message):
    text = FOUND.split("finding:\n")[0] + part + "example:" + FOUND.split("example:")[1]

    with pytest.raises(MappingError, match=message) as refusal:
        normalized(small(text))

    assert refusal.value.location.line == FOUND[: FOUND.index("finding:\n")].count("\n") + 1


def test_each_tactic_and_technique_stands_once_in_the_order_of_the_attacks():
    first = "tactic: {uid: 'TA0002'}, tactics: [{uid: 'TA0006'}, {uid: 'TA0002'}]"
    second = "tactic: {uid: 'none'}, tactics: null"
    third = "tactic: {uid: tactic}, tactics: [{uid: 'TA0001'}]"
    listed = (
        f"[{{{first}, sub_technique: {{uid: 'T1059.001'}}, technique: {{uid: 'T1059'}}}},"
        f" {{{second}, sub_technique: {{uid: ''}}, technique: {{uid: technique}}}},"
        f" {{{third}, sub_technique: {{uid: null}}, technique: {{uid: 'T1059'}}}}]"
    )
    old = "[{tactic: {uid: tactic}, technique: {uid: technique}}]"
    mapping = small(FOUND.replace(f'"{old}"', f'"{listed}"'))

    rows = found(mapping, {}, {"tactic": None, "technique": None})

    assert rows[0]["tactics"] == ["execution", "credential-access", "initial-access"]
    assert rows[0]["techniques"] == ["T1059.001", "T1552", "T1059"]
    assert rows[1]["tactics"] == ["execution", "credential-access", "initial-access"]
    assert rows[1]["techniques"] == ["T1059.001", "T1059"]


def test_periods_before_1970_start_before_their_time(grouped):
    row = found(grouped, {"seen": "1969-12-31T23:30:00Z", "begun": "1969-12-31T23:10:00Z"})[0]

    assert row["period_start"] == datetime(1969, 12, 31, 23)
