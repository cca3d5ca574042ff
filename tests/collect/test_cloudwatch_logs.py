"""Groups of CloudWatch Logs are read in order, late events too, none twice and none left out."""

import time
from collections.abc import Iterator

import boto3
import pytest

from tocsin.collect.log_groups import Page, Reach, Reaches
from tocsin.collect.sources.cloudwatch_logs import CloudwatchLogs, CloudwatchLogsSettings
from tocsin.errors import SettingsError, SourceError

GROUP = "/aws/eks/shop/cluster"
STREAM = "kube-apiserver-audit-0a1b"
REGION = "eu-central-1"
NOW = int(time.time() * 1000)


class Logs:
    """A log group in a stand-in for AWS."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = boto3.client("logs", endpoint_url=url, region_name=REGION)

    def group(self, name: str = GROUP, *streams: str) -> None:
        self.client.create_log_group(logGroupName=name)
        for stream in streams or (STREAM,):
            self.client.create_log_stream(logGroupName=name, logStreamName=stream)

    def put(self, *events: tuple[int, str], group: str = GROUP, stream: str = STREAM) -> None:
        rows = [{"timestamp": NOW + at, "message": text} for at, text in sorted(events)]
        self.client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=rows)

    def settings(self, **more) -> CloudwatchLogsSettings:
        given = {"groups": (GROUP,), "regions": (REGION,), "endpoint_url": self.url}
        return CloudwatchLogsSettings(
            "eks", "kubernetes.audit", **(given | {"follow": False} | more)
        )


@pytest.fixture
def logs(cloud) -> Iterator[Logs]:
    opened = Logs(cloud.url)
    yield opened
    for row in opened.client.describe_log_groups()["logGroups"]:
        opened.client.delete_log_group(logGroupName=row["logGroupName"])


def read(settings, cursor=None):
    batches = list(CloudwatchLogs(settings).read(cursor))
    raws = [raw.decode() for batch in batches for raw in batch.records["raw"].to_pylist()]
    return raws, batches[-1].cursor if batches else cursor


def test_each_event_is_a_record_named_by_its_group(logs):
    logs.group()
    logs.put((-3000, '{"auditID": "1"}'), (-2000, '{"auditID": "2"}'))

    (batch,) = CloudwatchLogs(logs.settings()).read(None)

    assert batch.records["raw"].to_pylist() == [b'{"auditID": "1"}', b'{"auditID": "2"}']
    assert set(batch.records["origin"].to_pylist()) == {f"logs://{REGION}/aws/eks/shop/cluster"}
    assert len(set(batch.records["position"].to_pylist())) == 2


def test_what_comes_late_is_read_and_nothing_is_read_again(logs):
    logs.group()
    logs.put((-60_000, "a"), (-30_000, "b"))
    first, cursor = read(logs.settings())

    logs.put((-45_000, "late"), (-30_000, "b"), (-10_000, "c"))
    second, cursor = read(logs.settings(), cursor)
    third, _ = read(logs.settings(), cursor)

    assert first == ["a", "b"]
    # The second `b` is an event of its own.
    assert second == ["late", "b", "c"]
    assert third == []


def test_what_is_later_than_the_margin_is_not_asked_for(logs):
    logs.group()
    logs.put((-1_000, "a"))
    _, cursor = read(logs.settings(late_seconds=10.0))

    logs.put((-60_000, "too late"))

    assert read(logs.settings(late_seconds=10.0), cursor)[0] == []


def test_a_group_that_is_new_is_read_from_as_far_back_as_is_wanted(logs):
    logs.group()
    logs.put((-7_200_000, "old"), (-60_000, "new"))

    assert read(logs.settings(first_seconds=3600.0))[0] == ["new"]


def test_groups_are_found_by_prefix_and_streams_chosen(logs):
    for name in ("/aws/eks/a/cluster", "/aws/eks/b/cluster", "/aws/lambda/c"):
        logs.group(name, STREAM, "authenticator-0a1b")
        logs.put((-1000, name), group=name)
        logs.put((-1000, "noise"), group=name, stream="authenticator-0a1b")

    found, cursor = read(
        logs.settings(
            groups=(), group_prefixes=("/aws/eks/",), stream_prefix="kube-apiserver-audit"
        )
    )

    assert found == ["/aws/eks/a/cluster", "/aws/eks/b/cluster"]
    assert set(Reaches.of(cursor).groups) == {
        f"{REGION} /aws/eks/a/cluster",
        f"{REGION} /aws/eks/b/cluster",
    }


def test_the_same_group_is_read_in_two_accounts(logs):
    logs.group()
    logs.put((-1000, "x"))
    roles = ("arn:aws:iam::111122223333:role/reader", "arn:aws:iam::444455556666:role/reader")

    # Moto keeps a world for each account: the group is in the account of neither role.
    with pytest.raises(SourceError, match="ResourceNotFoundException"):
        read(logs.settings(role_arns=roles))


def test_a_group_that_is_missing_is_said(logs):
    with pytest.raises(SourceError, match="ResourceNotFoundException"):
        read(logs.settings())
    with pytest.raises(SourceError, match="cannot be read"):
        CloudwatchLogs(logs.settings()).examine()


def test_examining_takes_nothing(logs):
    logs.group()
    logs.put((-1000, "x"))

    assert CloudwatchLogs(logs.settings()).examine() == "1 log groups answer"
    assert read(logs.settings())[0] == ["x"]


def test_no_group_is_no_setting():
    with pytest.raises(SettingsError, match="group_prefixes"):
        CloudwatchLogs(CloudwatchLogsSettings("eks", "kubernetes.audit"))


def test_a_page_that_is_split_resumes_at_its_next_event():
    begin = Reach(0, 0)
    page = Page(Reaches(), "g", begin, [(7, 100), (8, 200), (9, 300)], 1000)

    half = Reaches.of(page.cursor(9)).groups["g"]
    whole = Reaches.of(page.cursor(-1)).groups["g"]

    assert (half.newest, dict(half.recent)) == (200, {7: 100, 8: 200})
    assert (whole.newest, dict(whole.recent)) == (300, {7: 100, 8: 200, 9: 300})


def test_of_many_events_within_the_margin_the_oldest_are_forgotten_and_not_asked_for():
    seen = [(place, place) for place in range(30_000)]

    reach = Reach(0, 0).after(seen, 10**9)

    assert len(reach.recent) == 20_000
    assert reach.floor == min(reach.recent.values()) == 10_000
