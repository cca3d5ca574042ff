"""Every way to pull, from `tocsin.yaml` to the event in the store, and once more after a restart.

One Tocsin reads all of them at once, stops, and is started again when the other sides have more.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pytest
from azure.storage.blob import BlobServiceClient

from tests.collect import azurite, brokers, fake_gcs, pubsub_server
from tests.collect.api_server import reply, serving
from tests.collect.cloud import BUCKET, Cloud, announcement
from tests.collect.cloud import cloud as open_cloud
from tests.collect.cloud import serving as serving_aws
from tests.collect.log_apis import NOW_MS, Github, Indexer, Log, Okta
from tests.collect.test_azure_blob import IDENTITY, LOGS, append, hour
from tocsin.collect import Source, blobs
from tocsin.ocsf import EVERYTHING, RawBatch
from tocsin.run import Running, feeds, start
from tocsin.run.wiring import load_mappings
from tocsin.serve.web.ways_in import WayIn, ways_in
from tocsin.settings import load

SETTINGS = """\
data: data
log_level: error
web: {port: 0}
rules: {with_builtin: false}
feeds:
"""
BEFORE, AFTER = (0, 1, 2), (3, 4)
REGION = "eu-central-1"
EXAMPLES = load_mappings()
Add = Callable[[int], None]


@dataclass(frozen=True)
class Way:
    """One way in.

    Attributes:
        settings: of its feed.
        add: gives the other side a record of this number.
        told: how many records or messages the other side knows to be safe; `None` where the
            cursor is all there is.
    """

    settings: dict[str, object]
    add: Add
    told: Callable[[], int] | None = None


@dataclass
class Watched:
    """A source of the pipeline, and what it did.

    Attributes:
        given: how many records it gave.
        acknowledged: how many the pipeline acknowledged.
        faults: what happened before the records were in the store.
    """

    inner: Source
    feed: str
    way: Way
    already: int
    running: "Future[Running]"
    given: int = 0
    acknowledged: int = 0
    faults: list[str] = field(default_factory=list)

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        for batch in self.inner.read(cursor):
            self.given += batch.records.num_rows
            yield batch

    def acknowledge(self, batch: RawBatch) -> None:
        told = self.way.told() if self.way.told else 0
        if told > self.already + self.acknowledged:
            self.faults.append(f"the other side was told of {told} before they were acknowledged")
        self.acknowledged += batch.records.num_rows
        stored = events(self.running.result(60)).get(self.feed, 0)
        if stored < self.already + self.acknowledged:
            self.faults.append(f"acknowledged {self.acknowledged} when {stored} were stored")
        self.inner.acknowledge(batch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(frozen=True)
class Run:
    """What one run of Tocsin did, by feed."""

    watched: dict[str, Watched]
    health: dict[str, Any]
    cursors: dict[str, str | None]
    shown: Mapping[str, WayIn]


def events(running: Running) -> dict[str, int]:
    found = running.store.sources.list(EVERYTHING, datetime.now(UTC))
    return {each.feed: each.events for each in found}


def until_nothing_is(missing: Callable[[], dict[str, object]], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while found := missing():
        assert time.monotonic() < end, f"it did not come in time: {found}"
        time.sleep(0.05)


def record(source: str, number: int, **more: object) -> dict[str, object]:
    return EXAMPLES[source].example | {"n": number} | more


def text(source: str, number: int, **more: object) -> bytes:
    return json.dumps(record(source, number, **more)).encode()


def moment(number: int) -> str:
    return datetime.fromtimestamp(NOW_MS / 1000 + number, UTC).isoformat()


def s3(servers: ExitStack, cloud: Cloud) -> Way:
    added = []

    def add(number: int) -> None:
        cloud.send(announcement(cloud.put(f"{number}.gz", [text("aws.cloudtrail", number)])))
        added.append(number)

    settings = {"source": "aws.cloudtrail", "buckets": [BUCKET], "queue_url": cloud.queue_url}
    more = {"region": REGION, "endpoint_url": cloud.url}
    return Way(settings | more, add, lambda: len(added) - sum(cloud.waiting()))


def cloudwatch_logs(servers: ExitStack, cloud: Cloud) -> Way:
    client = boto3.client("logs", endpoint_url=cloud.url, region_name=REGION)
    servers.callback(client.close)
    group, stream = {"logGroupName": "/aws/eks/pulled"}, {"logStreamName": "audit"}
    client.create_log_group(**group)
    client.create_log_stream(**group, **stream)

    def add(number: int) -> None:
        said = text("kubernetes.audit", number).decode()
        row = {"timestamp": NOW_MS + number, "message": said}
        client.put_log_events(**group, **stream, logEvents=[row])

    settings = {"source": "kubernetes.audit", "groups": ["/aws/eks/pulled"], "regions": [REGION]}
    return Way(settings | {"endpoint_url": cloud.url}, add)


def pubsub(servers: ExitStack, cloud: Cloud) -> Way:
    subscription = servers.enter_context(pubsub_server.serving())
    servers.enter_context(environment(PUBSUB_EMULATOR_HOST=subscription.address))
    settings = {"source": "gcp.audit", "subscription": pubsub_server.NAME}
    return Way(
        settings,
        # Other records than those of `gcs`: what came by another way is a duplicate.
        lambda number: subscription.publish(text("gcp.audit", number, insertId=f"p{number}")),
        lambda: len(subscription.acknowledged),
    )


def gcs(servers: ExitStack, cloud: Cloud) -> Way:
    storage = servers.enter_context(fake_gcs.serving())
    servers.enter_context(environment(STORAGE_EMULATOR_HOST=storage.url))
    # The later a name, the sooner it is listed: no pass can rely on their order.
    return Way(
        {"source": "gcp.audit", "buckets": [fake_gcs.BUCKET], "every": "1s"},
        lambda number: storage.put(f"{9 - number}.json", text("gcp.audit", number)),
    )


def activity(number: int) -> bytes:
    """Return an operation of its own: one is known by what it correlates and by its time."""
    more = {"correlationId": f"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f{number}"}
    return text("azure.activity", number, time=moment(number), **more)


def azure_blob(servers: ExitStack, cloud: Cloud) -> Way:
    room = Path(servers.enter_context(TemporaryDirectory()))
    account = servers.enter_context(azurite.serving(room))
    client = servers.enter_context(BlobServiceClient(account, credential=IDENTITY))
    client.create_container(LOGS)
    name = hour()
    return Way(
        {"source": "azure.activity", "url": account},
        lambda number: append(client, name, activity(number) + b"\r\n"),
    )


def kafka(servers: ExitStack, cloud: Cloud) -> Way:
    cluster = servers.enter_context(brokers.serving())
    group = f"g-{cluster.name}"
    settings = {
        "source": "falco.alert",
        "brokers": cluster.address.split(","),
        "topics": [cluster.name],
        "group": group,
        "security": "plain",
        "properties": {"session.timeout.ms": "6000", "fetch.wait.max.ms": "50"},
    }
    return Way(
        settings,
        lambda number: cluster.send(text("falco.alert", number)),
        lambda: max(cluster.committed(), 0),
    )


def paged(servers: ExitStack, log: Log, row: Callable[[int], dict], **settings: object) -> Way:
    api = servers.enter_context(serving(lambda request: log.answer(request)))
    given = {"url": api.url, **settings}
    return Way(given, lambda number: log.rows.append(row(number)))


class _List(Log):
    def answer(self, request: object) -> Any:
        return reply(self.rows)


class _Alerts(Indexer):
    """Keeps the times by which it sorts beside the alerts."""

    def answer(self, request: Any) -> Any:
        given = super().answer(request)
        found = json.loads(given.body)
        for hit in found["hits"]["hits"]:
            hit["_source"] = record("wazuh.alert", hit["_source"]["n"])
        return reply(found)


def http_api(servers: ExitStack, cloud: Cloud) -> Way:
    return paged(
        servers,
        _List(),
        lambda n: record("falco.alert", n, uuid=f"u{n}", time=moment(n)),
        source="falco.alert",
        record_id="uuid",
        record_time="time",
        next="none",
    )


def github(servers: ExitStack, cloud: Cloud) -> Way:
    return paged(
        servers,
        Github(),
        lambda n: record("github.audit", n, **{"@timestamp": NOW_MS + n, "_document_id": f"d{n}"}),
        org="example",
        token={"env": "PULL_TOKEN"},
    )


def okta(servers: ExitStack, cloud: Cloud) -> Way:
    return paged(
        servers,
        Okta(),
        lambda n: record("okta.system", n, uuid=f"u{n}", published=moment(n)),
        token={"env": "PULL_TOKEN"},
    )


def wazuh_indexer(servers: ExitStack, cloud: Cloud) -> Way:
    return paged(
        servers,
        _Alerts(),
        lambda n: {"id": f"i{n}", "timestamp": NOW_MS + n, "n": n},
        source="wazuh.alert",
        user="reader",
        password={"env": "PULL_TOKEN"},
    )


KINDS: dict[str, Callable[[ExitStack, Cloud], Way]] = {
    each.__name__: each
    for each in (
        s3,
        cloudwatch_logs,
        pubsub,
        gcs,
        azure_blob,
        kafka,
        http_api,
        github,
        okta,
        wazuh_indexer,
    )
}


@contextmanager
def environment(**values: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@contextmanager
def _own_log() -> Iterator[None]:
    """Give the root logger back as it was: `start` takes it over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def running(folder: Path, ways: dict[str, Way], already: int) -> Iterator[tuple[Running, Any]]:
    """Start the pipeline with all feeds, each watched."""
    watched: dict[str, Watched] = {}
    started: Future[Running] = Future()
    pulled = feeds.pulled

    def watching(*given: Any) -> Any:
        found = []
        for each in pulled(*given):
            seen = Watched(each.source, each.feed, ways[each.feed], already, started)
            watched[each.feed] = seen
            found.append(replace(each, source=seen))
        return tuple(found)

    with pytest.MonkeyPatch.context() as patch, _own_log():
        patch.setattr(feeds, "pulled", watching)
        # Azurite knows keys only, no identities.
        patch.setattr(blobs, "credential", lambda: IDENTITY)
        with start(load(folder / "tocsin.yaml", {"PULL_TOKEN": "not-a-secret"})) as opened:
            started.set_result(opened)
            yield opened, watched


def run(folder: Path, ways: dict[str, Way], already: int, wanted: int) -> Run:
    with running(folder, ways, already) as (opened, watched):
        until_nothing_is(
            lambda: {
                feed: (count, opened.health().problems)
                for feed in ways
                if (count := events(opened).get(feed, 0)) < wanted
            }
        )
        until_nothing_is(
            lambda: {
                feed: "untold" for feed, way in ways.items() if way.told and way.told() < wanted
            }
        )
        found = opened.store.sources.list(EVERYTHING, datetime.now(UTC))
        cursors = {feed: opened.store.turns.cursor(feed) for feed in ways}
        health = {each.feed: each for each in found}
        return Run(watched, health, cursors, ways_in(opened.metrics()))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Way]]]:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    with ExitStack() as servers:
        servers.enter_context(environment(**keys, AWS_EC2_METADATA_DISABLED="true"))
        cloud = servers.enter_context(open_cloud(servers.enter_context(serving_aws())))
        ways = {kind: make(servers, cloud) for kind, make in KINDS.items()}
        folder = tmp_path_factory.mktemp("pulled")
        lines = [
            f"  - {json.dumps({'kind': kind, 'name': kind, **way.settings})}\n"
            for kind, way in ways.items()
        ]
        (folder / "tocsin.yaml").write_text(SETTINGS + "".join(lines))
        yield folder, ways


@pytest.fixture(scope="module")
def runs(world: tuple[Path, dict[str, Way]]) -> tuple[Run, Run]:
    folder, ways = world
    for way in ways.values():
        for number in BEFORE:
            way.add(number)
    first = run(folder, ways, 0, len(BEFORE))
    for way in ways.values():
        for number in AFTER:
            way.add(number)
    return first, run(folder, ways, len(BEFORE), len(BEFORE) + len(AFTER))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_pulled_is_a_stored_event_of_its_source(kind, world, runs):
    health = runs[1].health[kind]

    assert health.source == world[1][kind].settings.get("source", health.source)
    assert (health.received, health.events) == (5, 5)
    assert (health.duplicates, health.rejects) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_told_before_the_commit(kind, world, runs):
    first, second = (each.watched[kind] for each in runs)

    assert (first.faults, second.faults) == ([], [])
    assert first.acknowledged == 3
    # Either the other side keeps the place, or the cursor that was committed with the records.
    assert (runs[0].cursors[kind] is None) == (world[1][kind].told is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_source_counts_is_shown_with_its_way_in(kind, runs):
    way, source = runs[1].shown[kind], runs[1].watched[kind].inner

    assert (way.kind, way.guarantee, way.in_flight) == (kind, "resumable", 0)
    counted = {what: n for what, n in getattr(source, "counts", {}).items() if n}
    assert counted == way.lost
    assert kind != "kafka" or way.lost["rebalances"] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_reads_what_is_new_and_nothing_twice(kind, runs):
    assert [each.watched[kind].given for each in runs] == [3, 2]
