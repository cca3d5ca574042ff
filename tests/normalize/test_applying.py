"""Every record becomes an event or a reject, with an identifier derived from what it is."""

import json
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from tests.normalize.records import RECEIVED, SMALL, batch, event, normalized, reasons, rows, small
from tocsin.normalize import apply
from tocsin.ocsf import identifiers, schemas

GOOD = {"id": "a1", "seen": "2026-11-03T11:00:00Z", "name": "getIt", "nested": {"inner": "bob"}}


def with_time(text):
    return {**GOOD, "seen": text}


def test_an_event_has_the_columns_of_its_mapping_whatever_the_batch(tiny):
    found = normalized(tiny, GOOD, b"broken")
    nothing = normalized(tiny)

    assert found.events.schema == nothing.events.schema == tiny.schema
    assert found.rejects.schema == nothing.rejects.schema == schemas.REJECTS
    assert found.events.schema.names[: len(schemas.EVENT_COLUMNS)] == schemas.EVENT_COLUMNS.names
    assert (found.findings.num_rows, found.resources.num_rows) == (0, 0)


def test_the_identifier_is_derived_from_source_native_identifier_and_bytes(tiny):
    raw = json.dumps(GOOD).encode()

    row = rows(tiny, raw)[0]

    assert row["event_uid"] == identifiers.derive("evt", "test.small", "a1", raw)


def test_without_a_native_identifier_the_place_of_the_record_stands_for_it(tiny):
    record = {name: value for name, value in GOOD.items() if name != "id"}
    raw = json.dumps(record).encode()

    found = rows(tiny, raw, raw)

    assert found[1]["event_uid"] == identifiers.derive("evt", "test.small", "feed-1#1", raw)
    assert found[0]["event_uid"] != found[1]["event_uid"]


def test_the_raw_text_is_kept_as_it_came(tiny):
    raw = b'{ "id":"a1","seen":"2026-11-03T11:00:00Z",\t"name":"get\\u00e9","number":1.50}'

    assert rows(tiny, raw)[0]["raw_data"].encode() == raw


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-03T11:00:00Z", datetime(2026, 11, 3, 11)),
        ("2026-11-03T11:00:00.123456789Z", datetime(2026, 11, 3, 11, 0, 0, 123456)),
        ("2026-11-03T11:00:00+05:30", datetime(2026, 11, 3, 5, 30)),
        ("2026-11-03 11:00:00", datetime(2026, 11, 3, 11)),
    ],
)
def test_times_are_read_as_utc(tiny, text, time):
    assert rows(tiny, with_time(text))[0]["time"] == time


@pytest.mark.parametrize(
    ("time", "day", "is_skewed"),
    [
        (RECEIVED - timedelta(days=31), date(2026, 10, 3), False),
        (RECEIVED - timedelta(days=31, seconds=1), date(2026, 11, 3), True),
        (RECEIVED + timedelta(days=1), date(2026, 11, 4), False),
        (RECEIVED + timedelta(days=1, seconds=1), date(2026, 11, 3), True),
        (datetime(1601, 1, 1), date(2026, 11, 3), True),
        (datetime(9999, 12, 31, 23, 59, 59), date(2026, 11, 3), True),
    ],
)
def test_a_day_far_from_the_receipt_is_not_that_of_the_event(tiny, time, day, is_skewed):
    row = rows(tiny, with_time(time.isoformat()))[0]

    assert (row["day"], row["skewed"], row["time"]) == (day, is_skewed, time)


@pytest.mark.parametrize("missing", [{}, {"seen": None}])
def test_a_record_without_time_has_that_of_its_receipt_and_a_flag(tiny, missing):
    record = {name: value for name, value in GOOD.items() if name != "seen"} | missing

    row = rows(tiny, record)[0]

    assert (row["time"], row["flags"], row["skewed"]) == (RECEIVED, ["no_time"], False)


@pytest.mark.parametrize(
    "text",
    ["soon", "", "2026-13-01T00:00:00Z", "99999-01-01T00:00:00Z", "infinity", 7, {"a": 1}, [1]],
)
def test_a_time_that_cannot_be_read_is_a_reject(tiny, text):
    assert reasons(tiny, with_time(text)) == ["bad_time"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not_json"),
        (b'{"name":"x"', "not_json"),
        (b'{"name":"x"} {"name":"y"}', "not_json"),
        (b'{"name":"x",}', "not_json"),
        (b'{"name":NaN}', "not_json"),
        (b'{"name":Infinity}', "not_json"),
        (b'{"name":-Infinity}', "not_json"),
        (b'{"name":"x"} // comment', "not_json"),
        (b"{'name':'x'}", "not_json"),
        (b'{"name":"a\nb"}', "not_json"),
        (b'{"name":"a\x00b"}', "not_json"),
        (b'{"name":"\\ud800"}', "not_json"),
        (b'{"name":"\\ud800x"}', "not_json"),
        (b'{"name":"x"}\x00', "not_json"),
        (b'\xef\xbb\xbf{"name":"x"}', "not_json"),
        (b'{"name":"\xff"}', "not_utf8"),
        (b'{"name":"\xed\xa0\x80"}', "not_utf8"),
        ('{"name":"x"}'.encode("utf-16"), "not_utf8"),
        ('{"name":"x"}'.encode("utf-16-le"), "not_json"),
        (b"[]", "not_object"),
        (b"5", "not_object"),
        (b'"text"', "not_object"),
        (b"null", "not_object"),
        (b'{"number":1e999}', "number_out_of_range"),
        (b'{"number":' + b"9" * 5000 + b"}", "number_out_of_range"),
        (b'{"name":"' + b"x" * (1 << 20) + b'"}', "too_large"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
        (b'{"a":' * 10_000, "too_deep"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "too_deep"),
        (b'{"a":[' + b"1," * 10_000 + b"1]}", "too_many_values"),
        (b'{"other":"source"}', "unrecognized"),
        (b'{"name":null}', "unrecognized"),
    ],
)
def test_what_cannot_be_read_is_a_reject_with_a_stable_code(tiny, raw, code):
    found = normalized(tiny, raw)

    assert found.events.num_rows == 0
    assert found.rejects.column("reason")[0].as_py().startswith(f"{code}: ")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"name":"x","a":' + b"[" * 63 + b"]" * 63 + b"}",
        b'{"name":"x","a":"' + b"[{" * 400 + b'"}',
        b'{"name":"x","a":"' + b'\\"' * 400 + b"[" * 400 + b'"}',
        b'{"name":"x","a":[' + b"1," * 9_000 + b"1]}",
        b'{"name":"x","a":"' + b"," * 30_000 + b'"}',
        b'{"name":"x","a":"\\u0000"}',
        b'  {"name":"x"}\n',
    ],
)
def test_what_only_looks_odd_is_an_event(tiny, raw):
    assert normalized(tiny, raw).events.num_rows == 1


def test_neighbors_of_refused_records_arrive_in_order(tiny):
    records = [{**GOOD, "id": str(n)} for n in range(5)]
    raws = [json.dumps(record).encode() for record in records]

    found = normalized(tiny, raws[0], b"{", raws[1], b"\xff", raws[2], b'{"x":1}', raws[3])

    assert found.events.column("position").to_pylist() == [0, 2, 4, 6]
    assert found.rejects.column("position").to_pylist() == [1, 3, 5]


def test_a_reject_keeps_what_a_replay_needs(tiny):
    reject = normalized(tiny, b'{"other":1}').rejects.to_pylist()[0]

    assert reject == {
        "source": "test.small",
        "origin": "feed-1",
        "position": 0,
        "received_time": RECEIVED,
        "reason": "unrecognized: not a record of test.small",
        "raw": b'{"other":1}',
        "raw_hash": identifiers.content_hash(b'{"other":1}'),
        "size_bytes": 11,
        "is_replayable": True,
    }


def test_of_a_long_reject_only_the_head_is_kept(tiny):
    raw = b"x" * 100_000

    reject = normalized(tiny, raw).rejects.to_pylist()[0]

    assert (len(reject["raw"]), reject["size_bytes"]) == (65_536, 100_000)
    assert not reject["is_replayable"]
    assert reject["raw_hash"] == identifiers.content_hash(raw)


@pytest.mark.parametrize(
    ("raw", "flags"),
    [
        (b'{"name":"x","a":{"b":1},"c":{"b":1}}', ["no_time"]),
        (b'{"name":"x","name":"y"}', ["duplicate_key", "no_time"]),
        (b'{"name":"x","\\u006eame":"y"}', ["duplicate_key", "no_time"]),
        (b'{"name":"x","a":{"b":1,"b":2}}', ["duplicate_key", "no_time"]),
        (b'{"name":"x","a":[{"b":1, "b" :2}]}', ["duplicate_key", "no_time"]),
        (b'{"name":"x","b":"\\u003a","a":1,"a":2}', ["duplicate_key", "no_time"]),
        (b'{"name":"\\u003A\\u003a"}', ["no_time"]),
        (b'{"name":"a\\":\\":"}', ["no_time"]),
        (b'{"name":"\\u0000"}', ["nul", "no_time"]),
    ],
)
def test_oddities_that_can_be_read_are_flagged(tiny, raw, flags):
    assert rows(tiny, raw)[0]["flags"] == flags


def test_an_ordinary_event_has_no_flags(tiny):
    assert rows(tiny, GOOD)[0]["flags"] is None


def test_of_a_key_that_stands_twice_the_first_is_read(tiny):
    assert rows(tiny, b'{"name":"getX","name":"login"}')[0]["api"]["operation"] == "getX"


def test_huge_integers_are_exact_as_text(tiny):
    digits = "123456789012345678901234567890"

    row = rows(tiny, f'{{"name":{digits},"number":{digits}}}'.encode())[0]

    assert row["api"]["operation"] == digits


@pytest.mark.parametrize("odd", [None, 5, -1.5, True, "", "text", [], [1], {}, {"inner": 7}])
@pytest.mark.parametrize("field", ["id", "number", "nested", "things", "free"])
def test_a_field_of_the_wrong_type_loses_nothing_else(tiny, field, odd):
    row = rows(tiny, {**GOOD, field: odd})[0]

    assert (row["api"]["operation"], row["class_uid"]) == ("getIt", 6003)


def test_computed_names_outside_the_enumeration_are_other_and_kept(tiny):
    found = rows(
        tiny, {**GOOD, "name": "getIt"}, {**GOOD, "name": "dance"}, {**GOOD, "name": "Update"}
    )

    assert [(row["activity_id"], row["activity_name"]) for row in found] == [
        (2, "Read"),
        (99, "dance"),
        (3, "Update"),
    ]


def test_class_category_type_and_status_are_numbers_and_captions(tiny):
    row = rows(tiny, {**GOOD, "name": "login", "number": 3})[0]

    assert {name: row[name] for name in ("class_uid", "category_uid", "type_uid", "status_id")} == {
        "class_uid": 3002,
        "category_uid": 3,
        "type_uid": 300201,
        "status_id": 2,
    }
    assert (row["class_name"], row["status"], row["severity_id"]) == (
        "Authentication",
        "Failure",
        1,
    )


def test_observables_point_at_values_that_are_there(tiny):
    found = rows(tiny, GOOD, {**GOOD, "nested": None}, {**GOOD, "nested": {"inner": "eve"}})

    assert [row["observables"] for row in found] == [
        [{"name": "actor.user.name", "type_id": 4, "value": "bob"}],
        [],
        [{"name": "actor.user.name", "type_id": 4, "value": "eve"}],
    ]


def test_a_statement_that_fails_on_one_record_refuses_only_that(tiny):
    mapping = small(SMALL.replace("number > 0", "name::bigint > 0"))
    raws = [{**GOOD, "name": str(n)} for n in range(40)]
    raws[17] = {**GOOD, "name": "not a number"}

    found = normalized(mapping, *raws)

    assert found.events.num_rows == 39
    assert found.rejects.column("position").to_pylist() == [17]
    assert found.rejects.column("reason")[0].as_py().startswith("mapping_failed: ")


def test_a_batch_may_be_larger_than_a_slice(tiny):
    raw = json.dumps(GOOD).encode()

    found = normalized(tiny, *[raw] * 20_001, b"{")

    assert (found.events.num_rows, found.rejects.num_rows) == (20_001, 1)
    assert found.rejects.column("position").to_pylist() == [20_001]


def test_records_in_chunks_are_the_same_records(tiny):
    records = batch("test.small", [GOOD, b"{", GOOD]).records
    chunked = batch("test.small", [])
    pieces = pa.concat_tables([records[:1], records[1:]])
    moved = type(chunked)("test.small", "test", pieces, None, None, chunked.rejects)

    assert apply(tiny, moved).events.column("position").to_pylist() == [0, 2]


def test_a_second_turn_gives_the_same_events(tiny):
    first, second = normalized(tiny, GOOD, b"{"), normalized(tiny, GOOD, b"{")

    assert first.events.equals(second.events)
    assert first.rejects.equals(second.rejects)


def test_events_are_ocsf(tiny):
    assert event(tiny)["actor"] == {"user": {"name": "alice"}}
