"""A Pub/Sub subscription on loopback, of the messages that Google publishes for its protocol."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from google.iam.v1 import iam_policy_pb2
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

NAME = "projects/example/subscriptions/tocsin"


@dataclass
class Held:
    """A message: free to be given out from `until` on, under the last handle only."""

    message: types.PubsubMessage
    until: float = 0.0
    handle: str = ""
    deliveries: int = 0


@dataclass
class Subscription:
    """What waits and what was said about it.

    Attributes:
        lease_seconds: how long a message stays in hand unless somebody says otherwise.
        fault: a status to answer every pull with.
        patience: how many times longer than asked a message that is extended stays in hand.
    """

    address: str
    waiting: dict[str, Held] = field(default_factory=dict)
    lease_seconds: float = 10.0
    acknowledged: list[str] = field(default_factory=list)
    extended: list[int] = field(default_factory=list)
    fault: grpc.StatusCode | None = None
    patience: float = 1.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, *datas: bytes, **attributes: str) -> None:
        with self.lock:
            for data in datas:
                uid = str(1_000_000 + len(self.waiting) + len(self.acknowledged))
                message = types.PubsubMessage(data=data, message_id=uid, attributes=attributes)
                self.waiting[uid] = Held(message)

    def lapse(self) -> None:
        """Let every lease run out, as if its time had passed."""
        with self.lock:
            for held in self.waiting.values():
                held.until = 0.0

    def pull(self, request: types.PullRequest, context: grpc.ServicerContext) -> types.PullResponse:
        if self.fault is not None:
            context.abort(self.fault, "no")
        given = []
        end = time.monotonic() + min(context.time_remaining() or 1.0, 0.2)
        while not given and time.monotonic() < end:
            with self.lock:
                free = [held for held in self.waiting.values() if held.until <= time.monotonic()]
                for held in free[: request.max_messages]:
                    held.until = time.monotonic() + self.lease_seconds
                    held.deliveries += 1
                    held.handle = f"{held.message.message_id}/{held.deliveries}"
                    given.append(
                        types.ReceivedMessage(
                            ack_id=held.handle,
                            message=held.message,
                            delivery_attempt=held.deliveries,
                        )
                    )
            time.sleep(0.01)
        return types.PullResponse(received_messages=given)

    def acknowledge(self, request: types.AcknowledgeRequest, context: object) -> empty_pb2.Empty:
        with self.lock:
            for handle in request.ack_ids:
                held = self.waiting.get(handle.partition("/")[0])
                # Late ones count too, as with Google unless delivery is exactly once.
                if held is not None:
                    self.acknowledged.append(held.message.message_id)
                    del self.waiting[held.message.message_id]
        return empty_pb2.Empty()

    def modify(self, request: types.ModifyAckDeadlineRequest, context: object) -> empty_pb2.Empty:
        with self.lock:
            self.extended.append(request.ack_deadline_seconds)
            for handle in request.ack_ids:
                held = self.waiting.get(handle.partition("/")[0])
                if held is not None and held.handle == handle:
                    held.until = time.monotonic() + request.ack_deadline_seconds * self.patience
        return empty_pb2.Empty()

    def permissions(
        self, request: iam_policy_pb2.TestIamPermissionsRequest, context: object
    ) -> iam_policy_pb2.TestIamPermissionsResponse:
        may = request.permissions if request.resource == NAME else []
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=may)


def _method(call: Callable[..., object], request: type, response: type) -> grpc.RpcMethodHandler:
    def read(content: bytes) -> object:
        is_plain = hasattr(request, "FromString")
        return request.FromString(content) if is_plain else request.deserialize(content)

    def write(answer: object) -> bytes:
        is_plain = hasattr(response, "FromString")
        return answer.SerializeToString() if is_plain else response.serialize(answer)

    return grpc.unary_unary_rpc_method_handler(call, read, write)


@contextmanager
def serving() -> Iterator[Subscription]:
    server = grpc.server(ThreadPoolExecutor(8))
    subscription = Subscription(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    empty = empty_pb2.Empty
    methods = {
        "Pull": _method(subscription.pull, types.PullRequest, types.PullResponse),
        "Acknowledge": _method(subscription.acknowledge, types.AcknowledgeRequest, empty),
        "ModifyAckDeadline": _method(subscription.modify, types.ModifyAckDeadlineRequest, empty),
    }
    rights = _method(
        subscription.permissions,
        iam_policy_pb2.TestIamPermissionsRequest,
        iam_policy_pb2.TestIamPermissionsResponse,
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", methods),
            grpc.method_handlers_generic_handler(
                "google.iam.v1.IAMPolicy", {"TestIamPermissions": rights}
            ),
        )
    )
    server.start()
    try:
        yield subscription
    finally:
        server.stop(None).wait()
