"""Read topics of Kafka as a member of a group: the group keeps the place, which follows our commit.

Offsets are committed once their records are safe, so a broker that moves a partition to another
member gives that one at most what is in flight here; it is dropped as a duplicate.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from tocsin.collect.cutting import cut_body
from tocsin.collect.lines import Found
from tocsin.collect.records import HISTORY, Span, fill, reject
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

Pause = Callable[[float], bool | None]
"""Waits so many seconds; true when reading should end (`threading.Event().wait` fits)."""

Tokens = Callable[[str], tuple[str, float]]
"""Gives an access token and the second since 1970 when it ends."""

_MOST_MESSAGES = 2_000
_MOST_RECORDS_PER_MESSAGE = 100_000
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 5.0
_PARTING_SECONDS = 3.0
_LAG_EVERY_SECONDS = 10.0

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What is read, and how.

    Attributes:
        feed: unique name.
        source: the type of the records.
        topics: names; one that begins with `^` is a pattern.
        properties: of librdkafka.
        unwrap: where a payload holds many records.
        reader: of lines of text.
        tokens: what proves who we are, where the mechanism is OAUTHBEARER.
    """

    feed: str
    source: str
    topics: tuple[str, ...]
    properties: Mapping[str, str | int | float | bool]
    unwrap: str | None = None
    reader: LineReader | None = None
    tokens: Tokens | None = None


@dataclass(slots=True)
class _Membership:
    """One stay in the group: what is assigned, and what was given out and not acknowledged."""

    consumer: "Consumer"
    assigned: set[Place] = field(default_factory=set)
    outstanding: int = 0
    fatal: str = ""
    is_doubtful: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)
    is_over: bool = False


class StreamSource:
    """A source that reads topics: plugs inherit it and say how to reach the brokers.

    Attributes:
        counts: `lag` is how many messages wait; `rejected_messages`, `rebalances` add up.
    """

    guarantee: ClassVar[str] = "resumable"

    def __init__(self, stream: Stream, pause: Pause) -> None:
        self._stream = stream
        self._pause = pause
        self._member: _Membership | None = None
        self._lag_told = 0.0
        self.counts: Counter[str] = Counter()

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what the group has not committed; see `Source.read`."""
        self._member = member = self._join()
        try:
            for filled in fill(self._spans(member), HISTORY, self._stream.source):
                with member.changed:
                    member.outstanding += 1
                yield RawBatch(
                    source=self._stream.source,
                    feed=self._stream.feed,
                    records=filled.records,
                    cursor=None,
                    receipt=(member, {at: end for at, end in filled.marks if at is not None}),
                    rejects=filled.rejects,
                )
        finally:
            self._part(member)

    def acknowledge(self, batch: RawBatch) -> None:
        """Commit the offsets behind the batch; see `Source`."""
        if not isinstance(batch.receipt, tuple):
            return
        member, offsets = batch.receipt
        with member.changed:
            try:
                self._commit(member, offsets)
            finally:
                member.outstanding -= 1
                member.changed.notify_all()

    def examine(self) -> str:
        """Ask the brokers for the topics; return a sentence for `tocsin doctor`.

        Raises:
            SourceError: they do not answer, or a topic is not there.
        """
        from confluent_kafka import KafkaException

        member = self._connect()
        try:
            member.consumer.poll(0)
            known = member.consumer.list_topics(timeout=2 * _PATIENCE_SECONDS).topics
        except KafkaException as error:
            raise SourceError(f"the brokers do not answer: {member.fatal or error}") from error
        finally:
            member.consumer.close()
        named = [topic for topic in self._stream.topics if not topic.startswith("^")]
        missing = [topic for topic in named if topic not in known or known[topic].error]
        if missing:
            raise SourceError(f"there is no topic {', '.join(missing)}, or it may not be read")
        return f"the brokers answer, {len(known)} topics may be seen"

    def _connect(self) -> _Membership:
        """Return a consumer that is not in the group yet."""
        from confluent_kafka import Consumer, KafkaException

        tokens = self._stream.tokens
        said: dict[str, _Membership] = {}

        def hear(error: "KafkaError") -> None:
            if "member" in said:
                _hear(said["member"], error)

        properties: dict[str, object] = {
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "client.id": "tocsin",
            "log_level": 2,
            **self._stream.properties,
            "error_cb": hear,
        }
        if tokens is not None:
            properties["oauth_cb"] = tokens
        try:
            said["member"] = _Membership(Consumer(properties))
        except (KafkaException, ValueError) as error:
            raise SourceError(f"Kafka cannot be reached: {error}") from error
        return said["member"]

    def _join(self) -> _Membership:
        member = self._connect()

        def assign(consumer: "Consumer", places: "list[TopicPartition]") -> None:
            self.counts["rebalances"] += 1
            member.assigned |= {(place.topic, place.partition) for place in places}

        def revoke(consumer: "Consumer", places: "list[TopicPartition]") -> None:
            member.assigned -= {(place.topic, place.partition) for place in places}

        member.consumer.subscribe(
            list(self._stream.topics), on_assign=assign, on_revoke=revoke, on_lost=revoke
        )
        return member

    def _part(self, member: _Membership) -> None:
        """Leave the group, once what is being committed here had a moment to end."""
        with member.changed:
            member.changed.wait_for(lambda: not member.outstanding, _PARTING_SECONDS)
            member.is_over = True
        member.consumer.close()

    def _commit(self, member: _Membership, offsets: Mapping[Place, int]) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        if member.is_over:
            raise SourceError(f"{self._stream.feed}: the group was left; records come again")
        places = [
            TopicPartition(topic, partition, offset)
            for (topic, partition), offset in offsets.items()
            if (topic, partition) in member.assigned
        ]
        if not places:
            return
        try:
            answered = member.consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            raise SourceError(
                f"{self._stream.feed}: offsets cannot be committed: {error}"
            ) from error
        failed = [place.error for place in answered or [] if place.error]
        if failed:
            raise SourceError(f"{self._stream.feed}: offsets cannot be committed: {failed[0]}")

    def _spans(self, member: _Membership) -> Iterator[tuple[Place | None, Span] | None]:
        while not self._pause(0):
            # The client lets in one thread at a time, and the one that asks again first: whoever
            # acknowledges would wait for as long as there is reading.
            with member.changed:
                pass
            messages = member.consumer.consume(_MOST_MESSAGES, _POLL_SECONDS)
            yield from self._read(messages)
            if len(messages) < _MOST_MESSAGES:
                yield None
            self._check(member)
            self._tell_lag(member)

    def _read(self, messages: "list[Message]") -> Iterator[tuple[Place | None, Span]]:
        """Yield the records of messages, and where their partitions are read on."""
        places: dict[Place, list[Message]] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                raise SourceError(f"{self._stream.feed}: {error.str()}")
            places.setdefault((message.topic() or "", message.partition() or 0), []).append(message)
        for place, those in places.items():
            yield from self._read_partition(place, those)

    def _read_partition(
        self, place: Place, messages: "list[Message]"
    ) -> Iterator[tuple[Place | None, Span]]:
        origin = f"kafka://{place[0]}/{place[1]}"
        single = Found()
        for message in messages:
            offset = message.offset() or 0
            found = self._cut(message.value() or b"")
            if len(found.raws) == 1 and not found.rejects:
                single.add(offset, found.raws[0])
                single.headers += found.headers
                continue
            if single.raws or single.rejects:
                yield place, single.span(origin, offset)
                single = Found()
            # The message is read once all of it is: only the empty span says so.
            yield None, found.span(f"{origin}/{offset}", 0)
            yield place, Span(origin, (), (), (), offset + 1)
        if single.raws or single.rejects:
            yield place, single.span(origin, (messages[-1].offset() or 0) + 1)

    def _cut(self, value: bytes) -> Found:
        stream = self._stream
        if not value.strip():
            self.counts["rejected_messages"] += 1
            return Found(rejects=[reject(0, "empty: a message without a value", value)])
        found = cut_body(value, stream.unwrap, _MOST_RECORDS_PER_MESSAGE, stream.reader)
        if found is None:
            self.counts["rejected_messages"] += 1
            return Found(rejects=[reject(0, "too_many: records in one message", value)])
        return found

    def _check(self, member: _Membership) -> None:
        """Raise what the client has told about the brokers, unless it has passed."""
        from confluent_kafka import KafkaException

        if member.fatal:
            raise SourceError(f"{self._stream.feed}: {member.fatal}")
        if member.is_doubtful:
            try:
                member.consumer.list_topics(timeout=_PATIENCE_SECONDS)
            except KafkaException as error:
                reason = error.args[0].str()
                raise SourceError(f"{self._stream.feed}: no broker answers: {reason}") from error
            member.is_doubtful = False

    def _tell_lag(self, member: _Membership) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        now = time.monotonic()
        if now < self._lag_told + _LAG_EVERY_SECONDS:
            return
        self._lag_told = now
        with suppress(KafkaException):
            lag = 0
            for place in member.consumer.position([TopicPartition(*at) for at in member.assigned]):
                ends = member.consumer.get_watermark_offsets(place, cached=True)
                lag += max(ends[1] - place.offset, 0) if ends and place.offset >= 0 else 0
            self.counts["lag"] = lag


def _hear(member: _Membership, error: "KafkaError") -> None:
    from confluent_kafka import KafkaError

    final = (KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._FATAL)
    if error.code() in final or error.fatal():
        member.fatal = error.str().partition("\n")[0]
    elif error.code() == KafkaError._ALL_BROKERS_DOWN:
        member.is_doubtful = True
