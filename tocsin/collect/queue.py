"""Take messages from SQS, keep them from others while they are worked on, and delete them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tocsin.collect.buckets import SqsClient
from tocsin.collect.notifications import ObjectReference, read_notification
from tocsin.errors import SourceError

_MOST_PER_CALL = 10
_LONGEST_VISIBILITY_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class Message:
    """One message in hand.

    Attributes:
        uid: stays the same however often the message is received.
        handle: of this receipt; needed to keep or delete it.
        body: as sent.
        receive_count: how often it was received, this time included.
    """

    uid: str
    handle: str
    body: str
    receive_count: int


class Queue:
    """One SQS queue, and the messages of it that are in hand.

    `receive` runs in the reading thread, `delete` in the committing one, `extend` in a third.
    """

    def __init__(
        self, client: SqsClient, url: str, *, visibility_seconds: int, wait_seconds: int
    ) -> None:
        self._client = client
        self._url = url
        self._visibility_seconds = visibility_seconds
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._held: dict[str, Message] = {}

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self._url.rstrip("/").rpartition("/")[2]

    def receive(self) -> list[Message]:
        """Return up to ten messages, after waiting a while for the first.

        Raises:
            SourceError: the queue cannot be read.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_MOST_PER_CALL,
                WaitTimeSeconds=self._wait_seconds,
                VisibilityTimeout=self._visibility_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except (BotoCoreError, ClientError) as error:
            raise SourceError(f"queue {self.name} cannot be read: {error}") from error
        received = [
            Message(
                uid=row["MessageId"],
                handle=row["ReceiptHandle"],
                body=row["Body"],
                receive_count=int(row.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for row in answer.get("Messages", [])
        ]
        with self._lock:
            self._held.update({message.handle: message for message in received})
        return received

    def named(self, message: Message) -> tuple[ObjectReference, ...]:
        """Return the new objects that a message names; see `read_notification`."""
        return read_notification(message.body)

    def content(self, message: Message) -> bytes:
        """Return what a message says."""
        return message.body.encode("utf-8", "surrogatepass")

    def origin(self, message: Message) -> str:
        """Return the `origin` of a message that becomes a reject."""
        return f"sqs://{self.name}/{message.uid}"

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages whose records are safe.

        Raises:
            SourceError: some could not be deleted and will come again.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        self._release(messages)
        failed: list[str] = []
        for some in _batched(messages):
            entries = [
                {"Id": str(index), "ReceiptHandle": message.handle}
                for index, message in enumerate(some)
            ]
            try:
                answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            except (BotoCoreError, ClientError) as error:
                raise SourceError(f"queue {self.name}: cannot delete: {error}") from error
            failed += [str(row.get("Code")) for row in answer.get("Failed", [])]
        if failed:
            raise SourceError(f"queue {self.name}: cannot delete {len(failed)}: {failed[0]}")

    def give_back(self, message: Message, after_seconds: int) -> None:
        """Let a message that could not be worked on come again after a while; never fails.

        Where this cannot be told to the queue, it comes again once its time in hand is over.
        """
        self._release([message])
        self._change([message], min(after_seconds, _LONGEST_VISIBILITY_SECONDS))

    def extend(self) -> None:
        """Keep all messages in hand for another while; those that cannot be kept come again."""
        with self._lock:
            held = list(self._held.values())
        for some in _batched(held):
            self._release(self._change(some, self._visibility_seconds))

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Extend what is in hand from another thread, as long as the block runs.

        A thread of its own, because the reading one stands still while the store is slow.
        """
        done = threading.Event()

        def extend_now_and_then() -> None:
            while not done.wait(self._visibility_seconds / 3):
                self.extend()

        thread = threading.Thread(target=extend_now_and_then, name=f"keep-{self.name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _release(self, messages: Sequence[Message]) -> None:
        with self._lock:
            for message in messages:
                self._held.pop(message.handle, None)

    def _change(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        """Set how long messages stay in hand; return those that are in hand no more."""
        from botocore.exceptions import BotoCoreError, ClientError

        entries = [
            {"Id": str(index), "ReceiptHandle": message.handle, "VisibilityTimeout": seconds}
            for index, message in enumerate(messages)
        ]
        try:
            answer = self._client.change_message_visibility_batch(
                QueueUrl=self._url, Entries=entries
            )
        except (BotoCoreError, ClientError):
            # It may pass: the next try comes before the time in hand is over.
            return []
        return [messages[int(row["Id"])] for row in answer.get("Failed", [])]


def _batched(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    for start in range(0, len(messages), _MOST_PER_CALL):
        yield messages[start : start + _MOST_PER_CALL]
