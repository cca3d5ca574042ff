"""Read the objects that a queue announces; a message is deleted once all it named is safe."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from tocsin.collect.buckets import ObjectError, S3Client, object_blocks
from tocsin.collect.cutting import Place, cut
from tocsin.collect.digests import Digests, digest_span
from tocsin.collect.notifications import NotANotification, ObjectReference, read_notification
from tocsin.collect.queue import Message, Queue
from tocsin.collect.records import Span, reject
from tocsin.ocsf.reading import LineReader

_FIRST_RETRY_SECONDS = 15


@dataclass(frozen=True, slots=True)
class End:
    """Marks the last span of a message: all that it named has been read."""

    message: Message


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which objects messages may make us read: whoever can write to the queue is not trusted."""

    buckets: tuple[str, ...]
    prefix: str = ""

    def covers(self, reference: ObjectReference) -> bool:
        """Tell whether the object may be read."""
        return reference.bucket in self.buckets and reference.key.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class Form:
    """How objects are read.

    Attributes:
        unwrap: where a payload holds its records, as the mapping says.
        reader: of lines of text, as the mapping says.
        digests: verifies CloudTrail's digests; `None` leaves them out.
    """

    unwrap: str | None = None
    reader: LineReader | None = None
    digests: Digests | None = None


class Arrivals:
    """Turns messages into the records of the objects that they name."""

    def __init__(
        self,
        client: S3Client,
        queue: Queue,
        *,
        allowed: Allowed,
        form: Form,
        max_receives: int,
        counts: Counter[str],
    ) -> None:
        """Take where to read.

        Args:
            client: of S3.
            queue: where new objects are announced.
            allowed: which objects may be read.
            form: how they are read.
            max_receives: after how many a message about a missing object becomes a reject.
            counts: counted up by kind: `digests`, `messages_without_objects`, `rejected_messages`
                and `unread_objects.CODE`.
        """
        self._client = client
        self._queue = queue
        self._allowed = allowed
        self._form = form
        self._max_receives = max_receives
        self._counts = counts

    def read_round(self) -> Iterator[tuple[End | None, Span] | None]:
        """Yield the records of the next few messages, then `None`: what came is complete.

        Raises:
            SourceError: the queue cannot be read, or not one of the messages could be worked on.
                Messages that could not be are given back to the queue and come again.
        """
        messages = self._queue.receive()
        failures: list[ObjectError] = []
        for message in messages:
            try:
                yield from self._read_message(message)
            except ObjectError as failure:
                failures.append(failure)
                self._counts[f"unread_objects.{failure.code}"] += 1
                wait = _FIRST_RETRY_SECONDS * 2 ** min(message.receive_count - 1, 6)
                self._queue.give_back(message, wait)
            else:
                yield End(message), Span("", (), (), (), 0)
        yield None
        if failures and len(failures) == len(messages):
            raise failures[0]

    def _read_message(self, message: Message) -> Iterator[tuple[None, Span]]:
        try:
            references = read_notification(message.body)
        except NotANotification as error:
            yield None, self._rejected(message, str(error))
            return
        if not references:
            self._counts["messages_without_objects"] += 1
        for reference in references:
            if not self._allowed.covers(reference):
                reason = f"object_not_allowed: {reference.url} is not among the allowed buckets"
                yield None, self._rejected(message, reason)
            elif reference.is_digest:
                self._counts["digests"] += 1
                if self._form.digests is not None:
                    yield None, digest_span(self._form.digests, reference)
            else:
                yield from self._read_object(message, reference)

    def _read_object(
        self, message: Message, reference: ObjectReference
    ) -> Iterator[tuple[None, Span]]:
        place = Place(reference.url, self._form.unwrap, reader=self._form.reader)
        try:
            for span in cut(partial(object_blocks, self._client, reference), place):
                yield None, span
        except ObjectError as failure:
            is_gone = failure.code == "NoSuchKey" and message.receive_count >= self._max_receives
            if not is_gone:
                raise
            yield None, self._rejected(message, f"object_missing: {failure}")

    def _rejected(self, message: Message, reason: str) -> Span:
        """Return the message itself as a reject: trying again would not help."""
        self._counts["rejected_messages"] += 1
        body = message.body.encode("utf-8", "surrogatepass")
        row = replace(reject(0, reason, body), is_replayable=False)
        return Span(f"sqs://{self._queue.name}/{message.uid}", (), (), (row,), 0)
