"""A stored event is written as valid OCSF JSON."""

import json
from datetime import UTC, date, datetime

import pytest

from tocsin.ocsf.output import event_json, milliseconds

ROW = {
    "event_uid": "evt_1",
    "source": "test.small",
    "received_time": datetime(2026, 11, 3, 12),
    "origin": "feed-1",
    "position": 0,
    "skewed": False,
    "day": date(2026, 11, 3),
    "flags": None,
    "raw_data": "{}",
    "time": datetime(2026, 11, 3, 11, 59, 59, 123456),
    "class_uid": 6003,
    "category_uid": 6,
    "activity_id": 2,
    "activity_name": "Read",
    "class_name": "API Activity",
    "type_uid": 600302,
    "severity_id": 1,
    "metadata": {"version": "1.8.0", "product": {"name": "Small"}, "profiles": ["cloud"]},
}


def written(**columns):
    return event_json({**ROW, **columns})


def test_times_are_milliseconds():
    session = {"session": {"created_time": datetime(2026, 11, 3, 11)}}

    found = written(actor=session)

    assert found["time"] == 1793707199123
    assert found["actor"]["session"]["created_time"] == 1793703600000


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1601, 1, 1), -11644473600000),
        (datetime(9999, 12, 31, 23, 59, 59, 999999), 253402300799999),
        (datetime(1969, 12, 31, 23, 59, 59, 999500), -1),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
    ],
)
def test_any_time_has_milliseconds(moment, expected):
    assert milliseconds(moment) == expected


def test_captions_stand_beside_numbers():
    found = written()

    assert found["class_name"] == "API Activity"
    assert found["category_name"] == "Application Activity"
    assert found["type_name"] == "API Activity: Read"
    assert found["severity"] == "Informational"


def test_an_activity_without_caption_gets_that_of_its_number():
    assert written(activity_name=None)["type_name"] == "API Activity: Read"


def test_identity_and_receipt_are_metadata_and_the_place_is_told():
    found = written(flags=["no_time"])

    assert found["metadata"]["uid"] == "evt_1"
    assert found["metadata"]["logged_time"] == 1793707200000
    assert found["unmapped"] == {
        "tocsin": {"source": "test.small", "origin": "feed-1", "flags": ["no_time"]}
    }
    assert not {"event_uid", "day", "position", "received_time", "skewed"} & set(found)


def test_what_is_empty_is_left_out_at_every_depth():
    found = written(
        actor={"user": {"name": "a", "groups": [], "account": {"uid": None}}, "session": None},
        http_request={"user_agent": None},
        resources=[{"uid": None, "name": None}, {"uid": "r", "name": None}],
        status=None,
    )

    assert found["actor"] == {"user": {"name": "a"}}
    assert found["resources"] == [{"uid": "r"}]
    assert not {"http_request", "status"} & set(found)


def test_an_object_without_what_ocsf_requires_is_left_out():
    found = written(
        api={"operation": "x", "request": {"flags": ["a"]}},
        src_endpoint={"port": 5},
        cloud={"region": "r"},
    )

    assert found["api"] == {"operation": "x"}
    assert not {"src_endpoint", "cloud"} & set(found)


def test_attributes_of_other_classes_are_unmapped():
    found = written(class_uid=3002, resources=[{"uid": "r"}], user={"name": "a"})

    assert found["unmapped"]["resources"] == [{"uid": "r"}]
    assert found["user"] == {"name": "a"}


def test_attributes_of_a_profile_need_the_profile():
    without = {**ROW["metadata"], "profiles": None}
    cloud = {"provider": "AWS"}

    assert written(cloud=cloud)["cloud"] == cloud
    assert written(cloud=cloud, metadata=without)["unmapped"]["cloud"] == cloud


def test_a_class_that_ocsf_lacks_is_written_as_far_as_it_goes():
    found = written(class_uid=123456, activity_id=99, activity_name="dance", severity_id=50)

    assert found["class_uid"] == 123456
    assert (found["class_name"], found["severity"]) == ("Base Event", "Other")


def test_the_event_is_json():
    assert json.loads(json.dumps(written())) == written()
