"""Read the objects that a queue announces; a message is deleted once all it named is safe."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, Protocol, TypeVar

from tocsin.collect.cutting import Place, cut
from tocsin.collect.digests import Digests, digest_span
from tocsin.collect.notifications import NotANotification, ObjectReference
from tocsin.collect.objects import ObjectError, Objects
from tocsin.collect.records import Span, reject
from tocsin.ocsf.reading import LineReader

_FIRST_RETRY_SECONDS = 15


class Announcement(Protocol):
    """A message in hand."""

    @property
    def receive_count(self) -> int:
        """How often it was received, this time included."""
        ...


Message = TypeVar("Message", bound=Announcement)


class Announcer(Protocol[Message]):
    """Where new objects are announced, such as a queue."""

    def receive(self) -> list[Message]:
        """Return the next few messages, after waiting a while for the first.

        Raises:
            SourceError: they cannot be read.
        """
        ...

    def give_back(self, message: Message, after_seconds: int) -> None:
        """Let a message that could not be worked on come again after a while; never fails."""
        ...

    def named(self, message: Message) -> tuple[ObjectReference, ...]:
        """Return the new objects that a message names.

        Raises:
            NotANotification: it says nothing about objects.
        """
        ...

    def content(self, message: Message) -> bytes:
        """Return what a message says."""
        ...

    def origin(self, message: Message) -> str:
        """Return the `origin` of a message that becomes a reject."""
        ...


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


class Arrivals(Generic[Message]):
    """Turns messages into the records of the objects that they name."""

    def __init__(
        self,
        objects: Objects,
        announcer: Announcer[Message],
        *,
        allowed: Allowed,
        form: Form,
        max_receives: int,
        counts: Counter[str],
    ) -> None:
        """Take where to read.

        Args:
            objects: what keeps the buckets.
            announcer: where new objects are announced.
            allowed: which objects may be read.
            form: how they are read.
            max_receives: after how many a message about a missing object becomes a reject.
            counts: counted up by kind: `digests`, `messages_without_objects`, `rejected_messages`
                and `unread_objects.CODE`.
        """
        self._objects = objects
        self._announcer = announcer
        self._allowed = allowed
        self._form = form
        self._max_receives = max_receives
        self._counts = counts

    def rounds(
        self, pause: Callable[[float], bool | None]
    ) -> Iterator[tuple[Message | None, Span] | None]:
        """Yield the rounds, until `pause` says to end; see `read_round`."""
        while not pause(0):
            yield from self.read_round()

    def read_round(self) -> Iterator[tuple[Message | None, Span] | None]:
        """Yield the records of the next few messages, then `None`: what came is complete.

        The last span of each message carries it: all that it named has been read.

        Raises:
            SourceError: the queue cannot be read, or not one of the messages could be worked on.
                Messages that could not be are given back to the queue and come again.
        """
        messages = self._announcer.receive()
        failures: list[ObjectError] = []
        for message in messages:
            try:
                yield from self._read_message(message)
            except ObjectError as failure:
                failures.append(failure)
                self._counts[f"unread_objects.{failure.code}"] += 1
                wait = _FIRST_RETRY_SECONDS * 2 ** min(message.receive_count - 1, 6)
                self._announcer.give_back(message, wait)
            else:
                yield message, Span("", (), (), (), 0)
        yield None
        if failures and len(failures) == len(messages):
            raise failures[0]

    def _read_message(self, message: Message) -> Iterator[tuple[None, Span]]:
        try:
            references = self._announcer.named(message)
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
            for span in cut(partial(self._objects.blocks, reference), place):
                yield None, span
        except ObjectError as failure:
            is_gone = failure.is_missing and message.receive_count >= self._max_receives
            if not is_gone:
                raise
            yield None, self._rejected(message, f"object_missing: {failure}")

    def _rejected(self, message: Message, reason: str) -> Span:
        """Return the message itself as a reject: trying again would not help."""
        self._counts["rejected_messages"] += 1
        row = replace(reject(0, reason, self._announcer.content(message)), is_replayable=False)
        return Span(self._announcer.origin(message), (), (), (row,), 0)
