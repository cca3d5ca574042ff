"""What acting will need of other rooms, said here so that no room has to know another.

`isolate` brokers credentials, `store` keeps the journal and the inventory; `run` hands them in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from tocsin.ocsf import Entity
from tocsin.respond.proposing import ActionRequest

RequestState = Literal[
    "proposed", "approved", "applying", "verified", "active", "reverting", "reverted", "failed"
]


@dataclass(frozen=True, slots=True)
class Lease:
    """Credentials for one request, for a short time.

    Attributes:
        variables: as the cloud's own client reads them; never logged.
        expires_time: UTC; they are worthless afterwards.
    """

    variables: Mapping[str, str] = field(repr=False)
    expires_time: datetime


class CredentialBroker(Protocol):
    """Holds the credentials that may change a cloud, in a process of its own."""

    def lease(self, request: ActionRequest, account: str, permissions: Sequence[str]) -> Lease:
        """Return credentials that can do no more than `permissions` in `account`.

        Raises:
            ActionError: the request is not approved, or the cloud gives no credentials.
        """
        ...


@dataclass(frozen=True, slots=True)
class KnownResource:
    """What the inventory knows of a resource at some time."""

    uid: str
    type: str
    name: str
    account: str
    region: str
    observed_time: datetime


class Inventory(Protocol):
    """Says what an address, a name or a sensor's identifier meant at some time."""

    def resource_at(self, entity: Entity, time: datetime) -> KnownResource | None:
        """Return the resource that `entity` was at `time`; `None` where that is not certain.

        A target of an action comes from the provider or through here: a sensor may lie.
        """
        ...


class RequestJournal(Protocol):
    """Keeps requests and what became of them; written before every deed."""

    def waiting(self, now: datetime) -> tuple[ActionRequest, ...]:
        """Return the approved requests that nobody has begun, oldest first."""
        ...

    def record(self, request_uid: str, state: RequestState, detail: str, now: datetime) -> None:
        """Store what becomes of a request; durable when this returns.

        Raises:
            StoreError: it could not be written; then nothing may be done.
        """
        ...
