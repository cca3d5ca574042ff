"""Take messages from a Pub/Sub subscription, keep them from others while worked on, acknowledge.

Source: https://cloud.google.com/pubsub/docs/pull and https://cloud.google.com/pubsub/docs/lease-management
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.errors import SourceError

if TYPE_CHECKING:
    from google.pubsub_v1 import SubscriberClient

_MOST_PER_PULL = 1_000
_MOST_PER_CALL = 1_000
_CALL_SECONDS = 30.0
_LONGEST_LEASE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message in hand.

    Attributes:
        uid: stays the same however often the message is delivered.
        handle: of this delivery; needed to keep or acknowledge it.
        data: as published.
        attributes: as published.
        receive_count: how often it was delivered; 1 where the subscription does not count.
    """

    uid: str
    handle: str
    data: bytes
    attributes: Mapping[str, str]
    receive_count: int


class Subscription:
    """One subscription, and the messages of it that are in hand.

    `receive` runs in the reading thread, `delete` in the committing one, `extend` in a third.
    """

    def __init__(self, name: str, *, lease_seconds: int, wait_seconds: float) -> None:
        """Take the full name, `projects/PROJECT/subscriptions/NAME`; nothing is opened yet."""
        self.name = name
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._made: SubscriberClient | None = None

    def receive(self) -> list[Delivery]:
        """Return some messages, after waiting a while for the first.

        Raises:
            SourceError: the subscription cannot be read.
        """
        from google.api_core.exceptions import DeadlineExceeded

        try:
            answer = self._call(
                "pull",
                {"subscription": self.name, "max_messages": _MOST_PER_PULL},
                self._wait_seconds,
            )
        except DeadlineExceeded:
            return []
        received = [
            Delivery(
                uid=row.message.message_id,
                handle=row.ack_id,
                data=row.message.data,
                attributes=dict(row.message.attributes),
                receive_count=max(row.delivery_attempt, 1),
            )
            for row in answer.received_messages  # type: ignore[attr-defined] # of the pull
        ]
        with self._lock:
            self._held.update(message.handle for message in received)
        self._extend([message.handle for message in received])
        return received

    def delete(self, messages: Sequence[Delivery]) -> None:
        """Acknowledge messages whose records are safe.

        Raises:
            SourceError: some could not be acknowledged and will come again.
        """
        from google.api_core.exceptions import DeadlineExceeded

        self._release([message.handle for message in messages])
        for some in _batched([message.handle for message in messages]):
            try:
                self._call("acknowledge", {"subscription": self.name, "ack_ids": some})
            except DeadlineExceeded as error:
                raise SourceError(
                    f"{self.name}: messages cannot be acknowledged in time"
                ) from error

    def give_back(self, message: Delivery, after_seconds: int) -> None:
        """Let a message that could not be worked on come again after a while; never fails."""
        self._release([message.handle])
        self._change([message.handle], min(after_seconds, _LONGEST_LEASE_SECONDS))

    def extend(self) -> None:
        """Keep all messages in hand for another while; those that cannot be kept come again."""
        with self._lock:
            held = list(self._held)
        self._extend(held)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Extend what is in hand from another thread, as long as the block runs.

        A thread of its own, because the reading one stands still while the store is slow.
        """
        done = threading.Event()
        with self._lock:
            # What an earlier reading lost must come again.
            self._held.clear()

        def extend_now_and_then() -> None:
            while not done.wait(self._lease_seconds / 3):
                self.extend()

        thread = threading.Thread(target=extend_now_and_then, name="keep-pubsub", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def probe(self) -> str:
        """Ask for the subscription, taking nothing; return a sentence for `tocsin doctor`.

        Raises:
            SourceError: it may not be read.
        """
        from google.api_core.exceptions import DeadlineExceeded

        # The right to consume is what reading needs; asking about it needs no other right.
        asked = {"resource": self.name, "permissions": ["pubsub.subscriptions.consume"]}
        try:
            answer = self._call("test_iam_permissions", asked)
        except DeadlineExceeded as error:
            raise SourceError(f"{self.name} does not answer") from error
        if not answer.permissions:  # type: ignore[attr-defined] # of the question about rights
            raise SourceError(f"{self.name} may not be read; grant roles/pubsub.subscriber on it")
        return "the subscription answers"

    def _extend(self, handles: list[str]) -> None:
        self._change(handles, self._lease_seconds)

    def _change(self, handles: list[str], seconds: int) -> None:
        from google.api_core.exceptions import DeadlineExceeded

        for some in _batched(handles):
            asked = {
                "subscription": self.name,
                "ack_ids": some,
                "ack_deadline_seconds": seconds,
            }
            try:
                self._call("modify_ack_deadline", asked)
            except (SourceError, DeadlineExceeded):
                # It may pass: the next try comes before the time in hand is over.
                return

    def _release(self, handles: Sequence[str]) -> None:
        with self._lock:
            self._held.difference_update(handles)

    def _call(
        self, name: str, request: Mapping[str, object], seconds: float = _CALL_SECONDS
    ) -> object:
        from google.api_core.exceptions import DeadlineExceeded, GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        try:
            return getattr(self._client(), name)(request=request, timeout=seconds, retry=None)
        except DeadlineExceeded:
            raise
        except (GoogleAPIError, GoogleAuthError) as error:
            reason = str(error).partition("\n")[0]
            raise SourceError(f"{self.name} cannot be read: {reason}") from error

    def _client(self) -> "SubscriberClient":
        if self._made is None:
            from google.cloud.pubsub_v1 import SubscriberClient as Client

            # Google's own client minds PUBSUB_EMULATOR_HOST and finds who we are.
            self._made = Client()
        return self._made


def _batched(handles: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(handles), _MOST_PER_CALL):
        yield handles[start : start + _MOST_PER_CALL]
