"""What a contact means: who turned to whom, and was it let through."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from tests.intelligence.reading import NOON, NOW, indicator
from tocsin.intelligence import Concluded, Indicator, conclude, sought
from tocsin.intelligence.meaning import Meaning
from tocsin.ocsf import Entity, schemas
from tocsin.ocsf.output import event_json

BAD = "203.0.113.7"
OWN = "10.0.0.5"
ENDPOINT = pa.struct([("ip", pa.string()), ("hostname", pa.string())])
PRODUCT = pa.struct([("name", pa.string()), ("vendor_name", pa.string())])
METADATA = pa.struct(
    [("profiles", pa.list_(pa.string())), ("product", PRODUCT), ("version", pa.string())]
)
TABLE = pa.schema(
    [
        *((field.name, field.type) for field in schemas.EVENT_COLUMNS),
        ("status_id", pa.int32()),
        ("disposition_id", pa.int32()),
        ("src_endpoint", ENDPOINT),
        ("dst_endpoint", ENDPOINT),
        ("actor", pa.struct([("user", pa.struct([("uid", pa.string())]))])),
        ("query", pa.struct([("hostname", pa.string())])),
        ("file", pa.struct([("hashes", pa.list_(pa.struct([("value", pa.string())])))])),
        ("metadata", METADATA),
    ]
)


def event(number: int = 0, **more: object) -> dict[str, object]:
    return {
        "event_uid": f"evt_{number}",
        "source": "flows",
        "received_time": NOON,
        "time": NOON,
        "class_uid": 4001,
        "activity_id": 6,
        **more,
    }


def outbound(number: int = 0, **more: object) -> dict[str, object]:
    return event(number, src_endpoint={"ip": OWN}, dst_endpoint={"ip": BAD}, **more)


def inbound(number: int = 0, **more: object) -> dict[str, object]:
    return event(number, src_endpoint={"ip": BAD}, dst_endpoint={"ip": OWN}, **more)


def actor(row: Mapping[str, object]) -> Entity | None:
    found = row["actor"]
    return Entity("user", str(found["user"]["uid"])) if isinstance(found, dict) else None


def concluded(
    *rows: dict[str, object], known: tuple[Indicator, ...] = (), alert_from: datetime = NOW
) -> Concluded:
    events = pa.Table.from_pylist(list(rows), schema=TABLE)
    found = sought(events)
    indicators = known or (indicator("address", BAD, feed="list"),)
    answers = {
        value: told
        for value in found.values
        if (told := tuple(each for each in indicators if (each.kind, each.value) == value))
    }
    since = alert_from - timedelta(minutes=1)
    return conclude(events, found, answers, actor, period=timedelta(days=1), alert_from=since)


@pytest.mark.parametrize(
    ("row", "direction", "severity_id", "is_alert"),
    [
        (outbound(), "outbound", 4, True),
        (outbound(disposition_id=2), "outbound", 3, True),
        (outbound(activity_id=5), "outbound", 3, True),
        (inbound(), "inbound", 3, True),
        (inbound(disposition_id=2), "inbound", 1, False),
        (inbound(activity_id=5), "inbound", 1, False),
        (inbound(class_uid=6003, actor={"user": {"uid": "eve"}}), "entry", 4, True),
        (inbound(class_uid=3002, status_id=2, actor={"user": {"uid": "eve"}}), "entry", 1, False),
    ],
)
def test_severity_follows_direction_and_outcome(
    row: dict[str, object], direction: str, severity_id: int, is_alert: bool
):
    (finding,) = concluded(row).findings.to_pylist()

    assert json.loads(finding["context"])["direction"] == direction
    assert (finding["severity_id"], finding["is_alert"]) == (severity_id, is_alert)


@pytest.mark.parametrize("direction", ["outbound", "entry", "inbound", "seen"])
@pytest.mark.parametrize("is_denied", [False, True])
def test_more_confidence_never_means_less(direction: str, is_denied: bool):
    severities = [Meaning(direction, is_denied).severity_id(each) for each in range(101)]

    assert severities == sorted(severities)
    open_one = [Meaning(direction, False).severity_id(each) for each in range(101)]
    assert all(a <= b for a, b in zip(severities, open_one, strict=True))


def test_one_finding_for_an_indicator_an_entity_and_a_period():
    rows = [outbound(number) for number in range(3)]
    rows.append(outbound(3, time=NOON + timedelta(days=1)))
    rows.append(event(4, src_endpoint={"ip": "10.0.0.6"}, dst_endpoint={"ip": BAD}))
    found = concluded(*rows)

    assert sorted(f["match_count"] for f in found.findings.to_pylist()) == [1, 1, 3]
    assert {f["entity"]["uid"] for f in found.findings.to_pylist()} == {OWN, "10.0.0.6"}
    assert found.matches.num_rows == 5


def test_the_same_events_give_the_same_findings():
    assert concluded(outbound()).findings.equals(concluded(outbound()).findings)


def test_several_feeds_make_one_finding_of_the_surest():
    known = (
        indicator("address", BAD, confidence=90, feed="a"),
        indicator("address", BAD, confidence=20, feed="b"),
    )
    (finding,) = concluded(outbound(), known=known).findings.to_pylist()

    context = json.loads(finding["context"])
    assert (context["feeds"], context["confidence"]) == (["a", "b"], 90)


def test_events_say_what_is_said_of_them_and_others_do_not():
    found = concluded(outbound(), event(1, src_endpoint={"ip": "10.0.0.9"}))
    first, second = found.events.to_pylist()

    assert first["osint"][0]["value"] == BAD
    assert first["enrichments"][0]["name"] == "dst_endpoint.ip"
    assert first["enrichments"][0]["created_time"] == NOON
    assert second["osint"] is None
    assert second["enrichments"] is None
    assert found.events.schema == concluded(event(1)).events.schema


def test_the_profile_is_named_where_it_is_used():
    product = {"name": "Flows", "vendor_name": "Example"}
    metadata = {"profiles": ["cloud"], "product": product, "version": "1.8.0"}
    found = concluded(outbound(metadata=metadata), event(1, metadata=metadata))
    first, second = map(event_json, found.events.to_pylist())

    assert first["metadata"]["profiles"] == ["cloud", "osint"]
    assert first["osint"][0]["type_id"] == 1
    assert second["metadata"]["profiles"] == ["cloud"]


def test_old_events_alert_nobody():
    (finding,) = concluded(outbound(), alert_from=NOW + timedelta(days=2)).findings.to_pylist()

    assert finding["is_alert"] is False


def test_values_are_found_wherever_they_stand():
    md5 = "d41d8cd98f00b204e9800998ecf8427e"
    rows = [
        event(query={"hostname": "C2.Evil.Example."}),
        event(1, file={"hashes": [{"value": "00" * 20}, {"value": md5.upper()}]}),
        event(2, dst_endpoint={"hostname": "203.0.113.7"}),
    ]
    found = sought(pa.Table.from_pylist(rows, schema=TABLE))

    assert set(found.values) == {
        ("domain", "c2.evil.example"),
        ("hash", md5),
        ("hash", "00" * 20),
        ("address", "203.0.113.7"),
    }
    (place,) = found.places["hash", md5]
    assert (place.row, place.path) == (1, "file.hashes.value")
