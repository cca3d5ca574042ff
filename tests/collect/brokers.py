"""Kafka to read from: librdkafka's own mock cluster, or a real one that TOCSIN_TEST_KAFKA names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

_numbers = count()


@dataclass
class Cluster:
    """Brokers; names of topics and groups are new for each test."""

    address: str
    producer: Any
    name: str = field(default_factory=lambda: f"t{os.getpid()}-{next(_numbers)}")

    def send(self, *values: bytes | None, topic: str = "", partition: int = 0) -> None:
        for value in values:
            while True:
                try:
                    self.producer.produce(topic or self.name, value, partition=partition)
                    break
                except BufferError:
                    self.producer.poll(0.1)
        assert self.producer.flush(20) == 0

    def committed(self, partition: int = 0, group: str = "") -> int:
        """Return the offset that the group keeps; negative where it keeps none."""
        group = group or f"g-{self.name}"
        asking = Consumer({"bootstrap.servers": self.address, "group.id": group})
        (place,) = asking.committed([TopicPartition(self.name, partition)], timeout=60)
        asking.close()
        return place.offset


@contextmanager
def serving() -> Iterator[Cluster]:
    real = os.environ.get("TOCSIN_TEST_KAFKA")
    if real:
        yield Cluster(real, Producer({"bootstrap.servers": real, "log_level": 2}))
        return
    options = {"test.mock.num.brokers": 2, "bootstrap.servers": "unused", "log_level": 2}
    producer = Producer(options)
    brokers = producer.list_topics(timeout=60).brokers.values()
    yield Cluster(",".join(f"{broker.host}:{broker.port}" for broker in brokers), producer)


def numbered(*numbers: int) -> list[bytes]:
    return [
        b'{"eventID": "%s"}' % blake2b(b"%d" % n, digest_size=8).hexdigest().encode()
        for n in numbers
    ]
