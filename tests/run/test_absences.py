"""What is missing raises one finding, and is over when it comes back."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import insert

from tests.run.batches import batch
from tests.run.crank import NOW, call, settings_in, turned
from tocsin.ocsf import EVERYTHING, RawBatch, schemas
from tocsin.run.absences import HOST_RULE, VOLUME_RULE, AbsenceWatch
from tocsin.run.pipeline import turn
from tocsin.run.tools import Tools
from tocsin.store import FindingFilter, IncidentFilter, Store
from tocsin.store.sightings import hosts_of
from tocsin.store.tables import RESOURCES, SIGHTINGS, VOLUMES

Look = Callable[[datetime], list[dict[str, object]]]
HOUR = timedelta(hours=1)


def at(moment: datetime, one: RawBatch) -> RawBatch:
    """Return the batch as if it had come at that moment."""
    place = one.records.schema.get_field_index("received_time")
    times = pa.array([moment.replace(tzinfo=None)] * one.records.num_rows, schemas.TIME)
    return replace(
        one, records=one.records.set_column(place, one.records.schema.field(place), times)
    )


@pytest.fixture
def look(tools: Tools, store: Store, tmp_path: Path) -> Iterator[Look]:
    watch = AbsenceWatch(settings_in(tmp_path), store)

    def once(now: datetime) -> list[dict[str, object]]:
        found = watch.findings(now)
        turn([], tools, store, now, found)
        return [row for row in found.to_pylist() if row["rule_uid"] in {VOLUME_RULE, HOST_RULE}]

    yield once


def volumes(store: Store, *counts: int, every: timedelta, last: int) -> None:
    """Say that a feed gave so much in the same hour of earlier days, oldest first, and last."""
    hour = NOW.replace(minute=0) - HOUR
    rows = [(hour - place * every, count) for place, count in enumerate(reversed(counts), 1)]
    begun = (hour - (len(counts) + 1) * every, 1)
    with store.sources._database.write() as connection:
        for moment, count in [*rows, begun, (hour, last)]:
            values = {"feed": "feed", "hour": moment, "events": count, "rejects": 0}
            connection.execute(
                insert(VOLUMES).prefix_with("OR REPLACE").values(**values, received=count)
            )


@pytest.mark.parametrize(
    ("counts", "every", "last", "is_dropped"),
    [
        ([900, 1_000, 1_100, 1_000], timedelta(weeks=1), 100, True),
        ([900, 1_000, 1_100, 1_000], timedelta(weeks=1), 300, False),
        # One outage in the past does not hide the next.
        ([900, 0, 1_000, 1_100], timedelta(weeks=1), 100, True),
        ([900, 950, 1_000], timedelta(days=1), 10, True),
        ([900, 950], timedelta(days=1), 10, False),
        ([20, 21, 22, 23], timedelta(weeks=1), 1, False),
    ],
)
def test_a_drop_is_far_less_than_ever_in_such_an_hour(
    tools: Tools, store: Store, look: Look, counts, every, last, is_dropped
):
    turned(tools, store, at(NOW, batch(call())), now=NOW)
    volumes(store, *counts, every=every, last=last)

    found = look(NOW + timedelta(minutes=1))

    assert bool(found) is is_dropped
    assert store.sources.rhythms(NOW)["feed"].is_learning is (len(counts) < 3)


def test_a_drop_is_told_once_and_resolved_when_the_feed_recovers(
    tools: Tools, store: Store, look: Look
):
    turned(tools, store, at(NOW, batch(call())), now=NOW)
    volumes(store, 900, 1_000, 1_100, every=timedelta(days=1), last=3)

    assert [row["title"] for row in look(NOW)] == ["Feed feed gives far less than usual"]
    assert look(NOW + timedelta(minutes=2)) == []
    (incident,) = store.incidents.list(IncidentFilter(), EVERYTHING).rows
    assert incident.status == "New"
    volumes(store, 900, 1_000, 1_100, every=timedelta(days=1), last=950)
    assert look(NOW + timedelta(minutes=4)) == []
    (incident,) = store.incidents.list(IncidentFilter(), EVERYTHING).rows
    assert incident.status == "Resolved"


def sighted(store: Store, host: str, source: str, *, first_days: float, last_days: float) -> None:
    with store.sources._database.write() as connection:
        values = {"host": host, "source": source}
        times = {
            "first_time": NOW - timedelta(days=first_days),
            "last_time": NOW - timedelta(days=last_days),
        }
        connection.execute(insert(SIGHTINGS).prefix_with("OR REPLACE").values(**values, **times))


def described(store: Store, uid: str, *, days: float, gone: bool = False) -> None:
    row = {"uid": uid, "type": "AWS::EC2::Instance", "name": None, "account": None, "region": None}
    with store.sources._database.write() as connection:
        configuration = "null" if gone else "{}"
        moment = NOW - timedelta(days=days)
        connection.execute(
            insert(RESOURCES).values(**row, observed_time=moment, configuration=configuration)
        )


def test_hosts_that_no_sensor_reports_are_found(store: Store, look: Look):
    sighted(store, "web-1", "falco.alert", first_days=30, last_days=0)
    sighted(store, "web-2", "linux.auditd", first_days=30, last_days=9)
    sighted(store, "web-3", "linux.syslog", first_days=30, last_days=0)
    sighted(store, "i-0seen", "wazuh.alert", first_days=9, last_days=1)
    described(store, "arn:aws:ec2:eu-central-1:111122223333:instance/i-0seen", days=20)
    described(store, "arn:aws:ec2:eu-central-1:111122223333:instance/i-0unseen", days=20)
    described(store, "arn:aws:ec2:eu-central-1:111122223333:instance/i-0new", days=1)
    described(store, "arn:aws:ec2:eu-central-1:111122223333:instance/i-0gone", days=20, gone=True)

    found = look(NOW)

    assert {row["dedup_key"] for row in found} == {"web-2", "web-3", "i-0unseen"}
    assert {row["class_uid"] for row in found} == {2004}
    assert look(NOW + timedelta(minutes=2)) == []


def test_a_host_that_comes_back_resolves_its_incident(store: Store, look: Look):
    sighted(store, "web-1", "falco.alert", first_days=30, last_days=0)
    sighted(store, "web-2", "falco.alert", first_days=30, last_days=9)
    assert len(look(NOW)) == 1
    sighted(store, "web-2", "falco.alert", first_days=30, last_days=0)
    assert look(NOW + timedelta(minutes=2)) == []

    (incident,) = store.incidents.list(IncidentFilter(), EVERYTHING).rows
    assert incident.status == "Resolved"
    assert store.findings.count(FindingFilter(rule_uid=HOST_RULE), EVERYTHING) == 1


def test_nothing_is_said_while_sensors_are_new(store: Store, look: Look):
    sighted(store, "web-1", "falco.alert", first_days=3, last_days=0)
    sighted(store, "web-3", "linux.syslog", first_days=30, last_days=0)

    assert look(NOW) == []


def test_hosts_are_read_from_events():
    device = pa.array(
        [
            {"hostname": "Web-1.example.org", "uid": "i-0ABC", "ip": "10.0.0.1"},
            {"hostname": "10.0.0.7", "uid": None, "ip": None},
            {"hostname": "/subscriptions/x", "uid": "", "ip": None},
            None,
        ]
    )

    assert hosts_of(pa.table({"device": device})) == ["10.0.0.7", "i-0abc", "web-1"]
    assert hosts_of(pa.table({"other": [1]})) == []


def test_a_host_in_records_is_sighted(tools: Tools, store: Store):
    mapping = tools.mappings["falco.alert"]
    turned(tools, store, batch(dict(mapping.example), source="falco.alert"))

    assert [each.source for each in store.sightings.list()][:1] == ["falco.alert"]
