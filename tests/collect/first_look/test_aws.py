"""LookupEvents is asked within its limits, in every region, and each event is read once."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.collect.trails import trails_served
from tests.run.crank import ACCOUNT, call
from tocsin.collect.first_look.aws import Aws, AwsSettings
from tocsin.errors import SourceError

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def trails(monkeypatch):
    with trails_served(monkeypatch) as (_, served):
        yield served


def source(hours=3, pause=time.sleep, **more) -> Aws:
    given = {"regions": ("eu-central-1", "us-east-1")} | more
    settings = AwsSettings("look", NOW - timedelta(hours=hours), NOW, **given)
    return Aws(settings, pause=pause)


def ids(batches) -> list[str]:
    import json

    return [
        json.loads(raw)["eventID"] for each in batches for raw in each.records["raw"].to_pylist()
    ]


def test_events_of_all_regions_come_in_order_of_time(trails):
    for minute in range(1, 170, 7):
        region = ("eu-central-1", "us-east-1")[minute % 2]
        trails.add(call(at=NOW - timedelta(minutes=minute)), region=region)

    batches = list(source(pause=lambda seconds: None).read(None))

    found = [call(at=NOW - timedelta(minutes=minute))["eventID"] for minute in range(1, 170, 7)]
    assert ids(batches) == found[::-1]
    assert {batch.records.num_rows for batch in batches if batch.records.num_rows}


def test_no_region_is_asked_more_than_twice_a_second(trails):
    trails.add(*(call(at=NOW - timedelta(seconds=60 + n)) for n in range(120)))

    began = time.monotonic()
    list(source(hours=0.1, regions=("eu-central-1",)).read(None))

    assert (trails.asked.total() - 1) / (time.monotonic() - began) <= 2.0


def test_whoever_is_interrupted_reads_on(trails):
    trails.add(*(call(at=NOW - timedelta(minutes=n)) for n in range(1, 170)))
    first = source(pause=lambda seconds: None).read(None)
    one = next(first)
    first.close()

    rest = list(source(pause=lambda seconds: None).read(one.cursor))

    assert sorted({*ids([one]), *ids(rest)}) == sorted(
        call(at=NOW - timedelta(minutes=n))["eventID"] for n in range(1, 170)
    )


def test_a_throttled_request_is_made_again(trails):
    trails.add(call(at=NOW - timedelta(minutes=5)))
    trails.throttles = 6
    waited: list[float] = []

    batches = list(source(hours=0.2, regions=("eu-central-1",), pause=waited.append).read(None))

    assert len(ids(batches)) == 1
    assert max(waited) >= 1.0


def test_a_region_that_refuses_is_told_and_the_others_are_read(trails):
    trails.add(call(at=NOW - timedelta(minutes=5)))
    trails.denied = {"us-east-1"}
    looking = source(pause=lambda seconds: None)

    batches = list(looking.read(None))

    assert len(ids(batches)) == 1
    assert list(looking.problems) == [f"{ACCOUNT}/us-east-1"]
    assert "us-east-1" not in batches[-1].cursor


def test_an_account_that_refuses_everywhere_is_an_error(trails):
    trails.denied = {"us-east-1", "eu-central-1"}

    with pytest.raises(SourceError, match="AccessDenied"):
        list(source(pause=lambda seconds: None).read(None))


def test_roles_are_assumed_with_the_external_id(trails, monkeypatch):
    # Otherwise all that moto serves is of this account.
    monkeypatch.delenv("MOTO_ACCOUNT_ID")
    roles = (f"arn:aws:iam::{ACCOUNT}:role/look", "arn:aws:iam::444455556666:role/look")
    trails.add(call(at=NOW - timedelta(minutes=5)), account="444455556666")
    from botocore.client import BaseClient

    shown = []
    plain = BaseClient._make_api_call

    def recorded(self, name, arguments):
        if name == "AssumeRole":
            shown.append((arguments["RoleArn"], arguments["ExternalId"]))
        return plain(self, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    looking = source(
        pause=lambda seconds: None, regions=("eu-central-1",), role_arns=roles, external_id="e" * 32
    )

    batches = list(looking.read(None))

    assert looking.problems == {}
    assert looking.accounts == (ACCOUNT, "444455556666")
    assert set(shown) == {(role, "e" * 32) for role in roles}
    (origin,) = {o for batch in batches for o in batch.records["origin"].to_pylist()}
    assert origin == "cloudtrail://444455556666/eu-central-1"
