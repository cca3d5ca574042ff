"""Records that describe things become events and observations."""

from datetime import datetime

import pytest

from tests.normalize.records import batch, normalized, small
from tocsin.errors import MappingError
from tocsin.normalize import apply

INVENTORY = """
source: test.inventory
product: {vendor_name: Tests, name: Inventory}
record:
  arn: text
  kind: text
  name: text
  account: text
  seen: timestamp
  captured: text
  state: json
  deleted: boolean
uid: arn
time: seen
event:
  resources: "[{uid: arn, type: kind, name: name}]"
classes:
  - class: cloud_resources_inventory_info
    activity: collect
resource:
  when: kind <> 'noise'
  uid: arn
  type: kind
  name: name
  account: account
  time: utc(captured)
  configuration: if(deleted, null, state)
example:
  arn: arn:aws:s3:::logs
  kind: AWS::S3::Bucket
  name: logs
  account: "111122223333"
  seen: "2026-11-03T11:00:00Z"
  state: {public: false, Tags: [{k: v}]}
"""
UTC = "CREATE MACRO utc(value) AS try_cast(try_cast(value as timestamptz) as timestamp);"


@pytest.fixture(scope="module")
def mapping():
    return small(INVENTORY, UTC)


def observed(mapping, *changes):
    records = [{**mapping.example, **change} for change in changes]
    return normalized(mapping, *records).resources.to_pylist()


def test_a_record_that_describes_a_thing_is_an_event_and_an_observation(mapping):
    made = normalized(mapping, dict(mapping.example))
    (row,) = made.resources.to_pylist()

    assert row == {
        "uid": "arn:aws:s3:::logs",
        "type": "AWS::S3::Bucket",
        "name": "logs",
        "account": "111122223333",
        "region": None,
        "observed_time": datetime(2026, 11, 3, 11),
        "configuration": '{"public":false,"Tags":[{"k":"v"}]}',
        "event_uid": made.events.column("event_uid")[0].as_py(),
    }


@pytest.mark.parametrize(
    "change",
    [{"kind": "noise"}, {"kind": None}, {"arn": None}, {"arn": ""}, {"state": [1]}, {"state": "x"}],
)
def test_what_describes_nothing_is_an_event_only(mapping, change):
    made = normalized(mapping, {**mapping.example, **change})

    assert (made.events.num_rows, made.resources.num_rows) == (1, 0)


def test_the_moment_of_seeing_is_the_mappings_or_the_events(mapping):
    rows = observed(mapping, {"captured": "2026-11-02T00:00:00Z"}, {"captured": "soon"})

    assert [row["observed_time"].day for row in rows] == [2, 3]


def test_a_thing_that_is_gone_has_no_configuration(mapping):
    (row,) = observed(mapping, {"deleted": True})

    assert row["configuration"] == "null"


def test_without_a_configuration_the_record_is_it():
    text = INVENTORY.replace("  configuration: if(deleted, null, state)\n", "")
    raw = b'{"arn": "a", "kind": "k", "seen": "2026-11-03T11:00:00Z"}'
    mapping = small(text, UTC)

    (row,) = apply(mapping, batch(mapping.source, [raw])).resources.to_pylist()

    assert row["configuration"] == raw.decode()


def test_endless_names_are_cut(mapping):
    (row,) = observed(mapping, {"name": "x" * 5_000})

    assert len(row["name"]) == 1_000


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("resource: {uid: arn}", "`resource` has"),
        ("resource: {uid: arn, type: kind, tags: kind}", "`resource` has"),
        ("resource: {uid: arn, type: nobody}", "nobody"),
        ("resource: {uid: arn, type: kind, when: now()}", "now"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line(part, message):
    start, end = INVENTORY.index("resource:\n"), INVENTORY.index("example:")
    text = INVENTORY[:start] + part + "\n" + INVENTORY[end:]

    with pytest.raises(MappingError, match=message) as refusal:
        small(text, UTC)

    assert refusal.value.location.line == INVENTORY[:start].count("\n") + 1
