"""`tocsin connect`: a first look stores what a cloud still shows, and says how to stream."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.collect.trails import trails_served
from tests.run.crank import call, stopped_trail
from tests.serve.cli.shell import tocsin
from tocsin.collect.accounts import ReachedAccount

NOW = datetime.now(UTC).replace(microsecond=0)
REGIONS = ("--since", "3h", "--region", "eu-central-1", "--region", "us-east-1")


@pytest.fixture
def aws(monkeypatch):
    with trails_served(monkeypatch) as (_, trails):
        trails.add(*(call(at=NOW - timedelta(hours=2, seconds=n)) for n in range(60)))
        trails.add(stopped_trail("mallory", NOW - timedelta(hours=1)), region="us-east-1")
        yield trails


def look(data, *more):
    return tocsin("connect", "aws", "--data", data, *REGIONS, *more)


def test_a_first_look_stores_events_and_tells_findings(aws, tmp_path):
    ended = look(tmp_path / "data")

    assert ended.code == 0, ended.err
    assert "high" in ended.out and "mallory" in ended.out
    assert "61 events (0 known before, 0 rejects) of" in ended.err
    assert ", 2 regions" in ended.err
    assert "findings: " in ended.err
    assert "look first at: " in ended.err and "/incidents/inc_" in ended.err
    assert 'resource "aws_sqs_queue" "files"' in ended.out


def test_a_second_look_asks_only_for_what_is_new(aws, tmp_path):
    look(tmp_path / "data")
    before = aws.asked.total()
    fresh = datetime.now(UTC) - timedelta(seconds=10)  # NOW is that of the collection of tests
    aws.add(call("CreateUser", service="iam.amazonaws.com", at=fresh))

    ended = look(tmp_path / "data", "--output", "jsonl")

    summary = ended.lines[-1]
    assert (summary["counts"]["events"], summary["counts"]["records"]) == (1, 1)
    assert aws.asked.total() - before <= 8


def test_what_the_stream_brings_later_is_known(aws, tmp_path):
    look(tmp_path / "data")
    records = [each for events in aws.events.values() for each in events]
    text = json.dumps({"Records": records}, separators=(",", ":"))
    (tmp_path / "file.json").write_text(text)

    ended = tocsin(
        "ingest", tmp_path / "file.json", "-s", "aws.cloudtrail", "--data", tmp_path / "data"
    )

    assert ended.err.startswith("61 records: 0 events, 61 duplicates")


def test_terraform_is_written_where_it_is_wanted(aws, tmp_path):
    ended = look(tmp_path / "data", "--terraform", tmp_path / "stream", "--since", "30m")

    assert {path.name for path in (tmp_path / "stream").iterdir()} == {
        "aws.tf",
        "aws_account.tf",
        "tocsin.auto.tfvars",
    }
    assert "aws_sqs_queue" not in ended.out


def test_rights_are_printed_without_looking(aws):
    ended = tocsin("connect", "aws", "--rights")

    assert "cloudtrail:LookupEvents" in ended.out
    assert aws.asked.total() == 0


@pytest.mark.parametrize("since", ["0d", "400d", "soon", "2999-01-01"])
def test_a_span_that_cannot_be_looked_back_is_told(since, tmp_path):
    ended = tocsin("connect", "aws", "--since", since, "--data", tmp_path / "data")

    assert ended.code == 2
    assert not (tmp_path / "data").exists()


def test_the_doctor_names_logs_that_are_off_and_their_cost(aws, tmp_path, monkeypatch):
    monkeypatch.setattr(ReachedAccount, "regions", lambda self: ("eu-central-1",))
    ended = tocsin("doctor", "--cloud", "aws", "--data", tmp_path / "data", "--output", "json")

    rows = {row["check"]: row for row in ended.json}
    flow = rows["aws 111122223333 eu-central-1 vpc flow"]
    assert ended.code == 1
    assert flow["result"] == "not well"
    assert "about $2.50 a month (10 GB a VPC)" in flow["message"]
    assert rows["aws cost"]["message"].startswith("about $")


def bucket(name: str, source: str, external_id: str) -> dict[str, object]:
    role = "arn:aws:iam::111122223333:role/one"
    feed = {"name": name, "kind": "s3", "source": source, "buckets": ["a"]}
    return {**feed, "role_arn": role, "external_id": external_id}


GROUPS = {"name": "groups", "kind": "cloudwatch_logs", "source": "aws.eks_audit", "groups": ["g"]}


def test_the_doctor_assumes_the_roles_of_every_feed_with_its_external_id(
    aws, tmp_path, monkeypatch
):
    monkeypatch.setattr(ReachedAccount, "regions", lambda self: ())
    # Otherwise all that moto serves is of this account.
    monkeypatch.delenv("MOTO_ACCOUNT_ID")
    trusted = {("one", "first"), ("two", "second")}
    plain = BaseClient._make_api_call

    def as_trusted(self, name, asked):
        pair = asked.get("RoleArn", "").rpartition("/")[2], asked.get("ExternalId")
        if name == "AssumeRole" and pair not in trusted:
            told = {"Code": "AccessDenied", "Message": "the trust policy says no"}
            raise ClientError({"Error": told}, name)
        return plain(self, name, asked)

    monkeypatch.setattr(BaseClient, "_make_api_call", as_trusted)
    one, two = "arn:aws:iam::111122223333:role/one", "arn:aws:iam::444455556666:role/two"
    feeds = [
        bucket("trail", "aws.cloudtrail", "first"),
        bucket("also", "ocsf.finding", "first"),
        bucket("wrong", "aws.waf", "stale"),
        {**GROUPS, "role_arns": [two], "external_id": "second"},
    ]
    (tmp_path / "tocsin.yaml").write_text(json.dumps({"feeds": feeds}))

    ended = tocsin(
        *("doctor", "--cloud", "aws", "--config", tmp_path / "tocsin.yaml"),
        *("--data", tmp_path / "data", "--output", "json"),
    )

    rows = {row["check"]: row for row in ended.json if row["check"].endswith(" role")}
    assert {check for check, row in rows.items() if row["result"] == "well"} == {
        f"aws {one} of trail, also role",
        f"aws {two} of groups role",
    }
    refused = rows[f"aws {one} of wrong role"]
    assert (refused["result"], len(rows)) == ("not well", 3)
    assert "the trust policy says no" in refused["message"]
