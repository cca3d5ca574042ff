"""Records in are events and rejects out, whatever they hold, and every event is valid OCSF."""

import copy
import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import normalized
from tocsin.normalize import unwrap
from tocsin.ocsf.output import event_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NATIVE = ["name", "id", "seen", "number", "nested", "inner", "things", "free"]
TOP = ["eventName", "eventSource", "eventID", "userIdentity", "requestParameters", "resources"] + [
    "sourceIPAddress",
    "verb",
    "user",
    "objectRef",
    "responseStatus",
    "sourceIPs",
    "kind",
]
RECORD = st.dictionaries(st.sampled_from(NATIVE), JSON, max_size=6)
RAW = (
    st.binary(max_size=60)
    | RECORD.map(lambda record: json.dumps(record).encode())
    | st.text(alphabet='{}[],:"\\ name1', max_size=40).map(str.encode)
)
ODD = [
    None,
    7,
    -1.5,
    True,
    "",
    "odd: \u0000 \u202e {}",
    [],
    ["x", 7, None],
    [[]],
    {},
    {"a": {"b": 1}},
]


@given(raws=st.lists(RAW, max_size=8))
def test_any_bytes_are_events_or_rejects(tiny, raws):
    found = normalized(tiny, *raws)

    positions = sorted(
        found.events.column("position").to_pylist() + found.rejects.column("position").to_pylist()
    )
    assert positions == list(range(len(raws)))
    assert all(": " in reason for reason in found.rejects.column("reason").to_pylist())


@given(payload=RAW)
def test_any_payload_is_records_and_broken_parts_that_all_arrive(tiny, payload):
    cut = unwrap(payload, "Records")
    found = normalized(tiny, *(raw for _, raw in cut.records))

    assert found.events.num_rows + found.rejects.num_rows == len(cut.records)


@given(record=st.dictionaries(st.sampled_from(TOP), JSON, max_size=8))
def test_any_object_that_is_taken_is_a_valid_event(cloudtrail, audit, record):
    raw = json.dumps({"eventName": "x", "verb": "x", **record}).encode()

    for mapping in (cloudtrail, audit):
        for row in normalized(mapping, raw).events.to_pylist():
            assert problems(event_json(row)) == []


def paths(value, path=()):
    """Yield the path of every field of a record, objects and lists too."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield from paths(inner, (*path, key))


def confused(record, path, odd):
    record = copy.deepcopy(record)
    inside = record
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = odd
    return record


def full(mapping):
    """Return a record with something in every declared field."""
    record = json.loads(json.dumps(mapping.example))
    for field in mapping.fields:
        *parents, last = field.split(".")
        inside = record
        for name in parents:
            below = inside.get(name)
            if isinstance(below, list):
                below = below[0] if below and isinstance(below[0], dict) else None
            if not isinstance(below, dict):
                below = inside[name] = {}
            inside = below
        inside.setdefault(last, "something")
    return record


@pytest.mark.parametrize("name", ["cloudtrail", "audit"])
@pytest.mark.parametrize("complete", [False, True])
def test_confusion_of_types_anywhere_loses_no_record(request, name, complete):
    mapping = request.getfixturevalue(name)
    base = full(mapping) if complete else json.loads(json.dumps(mapping.example))
    records = [confused(base, path, odd) for path in paths(base) for odd in ODD]

    found = normalized(mapping, *records)

    assert found.events.num_rows + found.rejects.num_rows == len(records)
    codes = {reason.split(":")[0] for reason in found.rejects.column("reason").to_pylist()}
    assert codes <= {"bad_time", "unrecognized"}
    wrong = [problems(event_json(row)) for row in found.events.to_pylist()]
    assert [problem for problem in wrong if problem] == []


@pytest.mark.parametrize("name", ["cloudtrail", "audit"])
def test_confusion_leaves_the_rest_of_the_event_as_it_was(request, name):
    mapping = request.getfixturevalue(name)
    base = json.loads(json.dumps(mapping.example))
    times = {"eventTime", "requestReceivedTimestamp", "stageTimestamp"}
    # Fields that others are computed from change more than themselves; these only themselves.
    plain = {
        "userAgent": "http_request",
        "requestID": "api",
        "awsRegion": "cloud",
        "level": "metadata",
    }
    before = event_json(normalized(mapping, base).events.to_pylist()[0])

    for field, attribute in plain.items():
        if field in base and field not in times:
            after = event_json(
                normalized(mapping, confused(base, (field,), {"odd": [1]})).events.to_pylist()[0]
            )
            own = {attribute, "metadata", "raw_data", "observables"}
            assert {k: v for k, v in after.items() if k not in own} == {
                k: v for k, v in before.items() if k not in own
            }


@pytest.mark.parametrize("name", ["cloudtrail", "audit"])
@pytest.mark.parametrize("year", [1, 1601, 1969, 9999])
def test_times_far_away_are_stored_and_written(request, name, year):
    mapping = request.getfixturevalue(name)
    field = "eventTime" if name == "cloudtrail" else "requestReceivedTimestamp"
    moment = datetime(year, 12, 31, 23, 59, 59)
    record = json.loads(json.dumps(mapping.example)) | {field: moment.isoformat() + "Z"}

    row = normalized(mapping, record).events.to_pylist()[0]

    assert row["time"] == moment
    assert row["skewed"]
    assert problems(event_json(row)) == []
