"""What the suite of sources must know of each plug: a small world of its own to read."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3

from tests.collect.cloud import Cloud, announcement, records
from tests.conftest import PROJECT
from tests.plugs import pulled
from tests.plugs.world import World, looks
from tocsin.collect import Source
from tocsin.collect.sources.cloudwatch_logs import CloudwatchLogs, CloudwatchLogsSettings
from tocsin.collect.sources.demo import DemoSettings, DemoSource
from tocsin.collect.sources.files import Files, FilesSettings
from tocsin.collect.sources.s3 import S3


def files(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """One pass over lines, a document and gzip, more than fits into one batch."""
    expected = fill_folder(folder)
    settings = FilesSettings("trail", "aws.cloudtrail", (str(folder),), "Records")
    missing = FilesSettings("trail", "aws.cloudtrail", (str(folder / "missing"),))
    return World(lambda: Files(settings), expected, lambda: Files(missing))


def followed_files(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """The same, followed for a few looks."""
    expected = fill_folder(folder)
    settings = FilesSettings("trail", "aws.cloudtrail", (str(folder),), "Records", follow=True)
    return World(lambda: Files(settings, pause=looks(6)), expected, None)


def fill_folder(folder: Path) -> list[bytes]:
    expected = records(*range(45_000))
    (folder / "b").mkdir()
    (folder / "b" / "1.jsonl").write_bytes(b"\n".join(expected[:25_000]) + b"\n")
    (folder / "b" / "2.jsonl").write_bytes(b"\n".join(expected[25_000:25_003]) + b"\n")
    document = b'{"Records":[' + b",".join(expected[25_003:]) + b"]}"
    (folder / "a.json").write_bytes(document)
    (folder / "c").symlink_to(folder)
    return expected


def listed_objects(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """Objects below a prefix."""
    opened = cloud()
    expected = fill_bucket(opened)
    missing = opened.settings(buckets=("no-such-bucket",))
    return World(lambda: S3(opened.settings()), expected, lambda: S3(missing))


def announced_objects(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """Objects that a queue announces."""
    opened = cloud()
    expected = fill_bucket(opened)
    for listed in opened.s3.list_objects_v2(Bucket="example-trail-logs")["Contents"]:
        opened.send(announcement(listed["Key"]))
    settings = opened.queue_settings(visibility_seconds=600)
    missing = opened.settings(queue_url=opened.queue_url + "-missing")
    return World(
        lambda: S3(settings, pause=looks(4)),
        expected,
        lambda: S3(missing, pause=looks(1)),
        keeps_cursor=False,
        lapse=opened.lapse,
    )


def fill_bucket(cloud: Cloud) -> list[bytes]:
    expected = records(*range(45_000))
    for number in range(22):
        cloud.put(f"{number:03}.json.gz", expected[number * 100 : (number + 1) * 100])
    cloud.put("900.json.gz", expected[2_200:])
    return expected


def demo(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """The demo's story, played against a clock that every pause moves on."""
    story = (PROJECT / "content" / "demo" / "story.yaml").read_text()
    settings = DemoSettings("demo", "aws.cloudtrail", story, background_per_second=0.0)

    def play() -> Source:
        clock = iter(range(10_000))
        began = datetime(2026, 11, 23, 7, tzinfo=UTC)
        now = [began]

        def pause(seconds: float) -> bool:
            now[0] = began + timedelta(seconds=next(clock))
            return now[0] > began + timedelta(seconds=90)

        return DemoSource(settings, now=lambda: now[0], pause=pause)

    return World(play, None, None)


def log_groups(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """Two groups of CloudWatch Logs, of one of which events come late."""
    opened = cloud()
    expected = records(*range(24_000))
    client = boto3.client("logs", endpoint_url=opened.url, region_name="eu-central-1")
    begin = int(time.time() * 1000) - 30_000
    for number, name in enumerate(("/aws/eks/a", "/aws/eks/b")):
        with suppress(client.exceptions.ResourceNotFoundException):
            client.delete_log_group(logGroupName=name)
        client.create_log_group(logGroupName=name)
        client.create_log_stream(logGroupName=name, logStreamName="audit")
        for start in range(number * 12_000, (number + 1) * 12_000, 4_000):
            rows = [
                {"timestamp": begin + index, "message": raw.decode()}
                for index, raw in enumerate(expected[start : start + 4_000])
            ]
            client.put_log_events(logGroupName=name, logStreamName="audit", logEvents=rows)
    settings = CloudwatchLogsSettings(
        "eks",
        "kubernetes.audit",
        group_prefixes=("/aws/eks/",),
        regions=("eu-central-1",),
        endpoint_url=opened.url,
        follow=False,
    )
    missing = replace(settings, groups=("no-such-group",))
    return World(lambda: CloudwatchLogs(settings), expected, lambda: CloudwatchLogs(missing))


__all__ = ["WORLDS", "World"]

WORLDS: dict[str, dict[str, Callable[[Path, Callable[[], Cloud]], World]]] = {
    "cloudwatch_logs": {"log groups": log_groups},
    "demo": {"demo": demo},
    "files": {"files": files, "followed files": followed_files},
    **pulled.WORLDS,
    "s3": {"listed objects": listed_objects, "announced objects": announced_objects},
}
"""Plug → its worlds by name; a plug may read in more than one way."""
