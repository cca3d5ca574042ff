"""Worlds of the sources that pull from clouds and APIs: servers on loopback, kept to the end."""

import atexit
import gzip
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
from azure.storage.blob import BlobServiceClient

from tests.collect import azurite, brokers, fake_gcs, pubsub_server
from tests.collect.api_server import Reply, reply, serving
from tests.collect.cloud import Cloud
from tests.collect.log_apis import Github, Graph, Indexer, Log, Okta
from tests.collect.test_apis import generic, github, graph, indexer, okta
from tests.collect.test_azure_blob import IDENTITY, LOGS, append, hour
from tests.collect.test_azure_blob import source as azure_blob
from tests.collect.test_gcs import announce
from tests.collect.test_gcs import source as gcs
from tests.collect.test_kafka import source as kafka
from tests.plugs.world import World, looks
from tocsin.collect import Source
from tocsin.collect.sources.pubsub import Pubsub, PubsubSettings
from tocsin.ocsf import RawBatch

Build = Callable[[Path, Callable[[], Cloud]], World]

PAD = "x" * 2_000

_servers = ExitStack()
atexit.register(_servers.close)


def paged(kind: type[Log], make: Callable[..., Source]) -> Build:
    """A log behind an API, more than fits into one batch."""

    def build(folder: Path, cloud: Callable[[], Cloud]) -> World:
        log = kind(page=2_000)
        log.add(*range(9_000))
        # More than the 16 MiB of a batch, and fewer than an API's margin remembers.
        for row in log.rows:
            row["pad"] = PAD
        api = _servers.enter_context(serving(log.answer))
        gone = _servers.enter_context(serving(lambda request: Reply(status=500)))
        return World(lambda: make(api.url), log.raws(), lambda: make(gone.url))

    return build


class _Listed(Log):
    def add(self, *numbers: int) -> None:
        self.rows += [{"n": number} for number in numbers]

    def answer(self, request: object) -> Reply:
        rows, link = self.page_of(self.rows, request)
        return reply(rows, Link=f'<{link}>; rel="next"' if link else "")


def large_pages(url: str) -> Source:
    return indexer(url, page=2_000)


def partitions(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """Two partitions of a topic."""
    cluster = _servers.enter_context(brokers.serving())
    # The mock cluster keeps 5 MiB of a partition.
    expected = [b'{"n": %d}' % n for n in range(21_000)]
    for partition in (0, 1):
        cluster.send(*expected[partition::2], partition=partition)
    gone = brokers.Cluster("127.0.0.1:1", None)
    return World(
        lambda: read_to_the_end(cluster, len(expected)),
        expected,
        lambda: kafka(gone, threading.Event()),
        keeps_cursor=False,
    )


def read_to_the_end(cluster: brokers.Cluster, count: int) -> Source:
    """Return a source that ends once its group has been given all there is."""
    stop = threading.Event()
    source = kafka(cluster, stop)
    reading = source.read

    def read(cursor: str | None) -> Iterator[RawBatch]:
        left = count - sum(max(cluster.committed(partition), 0) for partition in (0, 1))
        if left <= 0:
            stop.set()
        for batch in reading(cursor):
            left -= batch.records.num_rows
            if left <= 0:
                stop.set()
            yield batch

    source.read = read
    return source


def subscribed(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """A subscription with more messages than fit into one batch."""
    subscription = _servers.enter_context(pubsub_server.serving())
    expected = [b'{"n": %d, "pad": "%s"}' % (n, PAD.encode()) for n in range(9_000)]
    subscription.publish(*expected)

    def make(name: str = pubsub_server.NAME, pulls: int = 14) -> Source:
        os.environ["PUBSUB_EMULATOR_HOST"] = subscription.address
        settings = PubsubSettings(feed="f", source="s", subscription=name, lease_seconds=60)
        return Pubsub(settings, pause=looks(pulls))

    def broken() -> Source:
        subscription.fault = grpc.StatusCode.PERMISSION_DENIED
        return make()

    return World(make, expected, broken, keeps_cursor=False, lapse=subscription.lapse)


def growing_blobs(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """A blob of this hour and one of an earlier hour, more than fits into one batch."""
    account = _servers.enter_context(azurite.serving(folder))
    expected = [b'{"n": %d}' % n for n in range(21_000)]
    with BlobServiceClient(account, credential=IDENTITY) as client:
        client.create_container(LOGS)
        append(client, hour(), b"\n".join(expected[:10_000]) + b"\n")
        append(client, hour(4), b"\n".join(expected[10_000:]) + b"\n")
    gone = "http://127.0.0.1:1/example"
    return World(lambda: azure_blob(account), expected, lambda: azure_blob(gone))


def google_objects(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """Objects below a prefix, more than fit into one batch."""
    expected = fill_storage()
    return World(gcs, expected, lambda: gcs(buckets=("no-such-bucket",)))


def announced_google_objects(folder: Path, cloud: Callable[[], Cloud]) -> World:
    """Objects that a subscription announces; a batch ends with one of them."""
    expected = fill_storage()
    subscription = _servers.enter_context(pubsub_server.serving())
    for number in range(9):
        announce(subscription, f"{number}.json.gz")

    def make(pulls: int = 4) -> Source:
        os.environ["PUBSUB_EMULATOR_HOST"] = subscription.address
        return gcs(looks(pulls), subscription=pubsub_server.NAME, lease_seconds=60)

    def broken() -> Source:
        subscription.fault = grpc.StatusCode.PERMISSION_DENIED
        return make()

    return World(make, expected, broken, keeps_cursor=False, lapse=subscription.lapse)


def fill_storage() -> list[bytes]:
    storage = _servers.enter_context(fake_gcs.serving())
    os.environ["STORAGE_EMULATOR_HOST"] = storage.url
    expected = [b'{"n": %d}' % n for n in range(45_000)]
    for number in range(9):
        some = expected[number * 5_000 : (number + 1) * 5_000]
        storage.put(f"{number}.json.gz", gzip.compress(b"\n".join(some)))
    return expected


WORLDS: dict[str, dict[str, Build]] = {
    "azure_blob": {"growing blobs": growing_blobs},
    "event_hubs": {},
    "gcs": {
        "google objects": google_objects,
        "announced google objects": announced_google_objects,
    },
    "github": {"github": paged(Github, github)},
    "http_api": {"http api": paged(_Listed, generic)},
    "kafka": {"partitions": partitions},
    "microsoft_graph": {"graph": paged(Graph, graph)},
    "okta": {"okta": paged(Okta, okta)},
    "pubsub": {"subscription": subscribed},
    "wazuh_indexer": {"indexer": paged(Indexer, large_pages)},
}
"""Plug → its worlds by name."""
