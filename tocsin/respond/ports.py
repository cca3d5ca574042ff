"""What responding needs of other rooms, said here so that no room has to know another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tocsin.ocsf import Entity


@dataclass(frozen=True, slots=True)
class KnownResource:
    """What the inventory knows of a resource at some time.

    Attributes:
        tags: of the provider, where the inventory knows them.
    """

    uid: str
    type: str
    name: str
    account: str
    region: str
    observed_time: datetime
    tags: Mapping[str, str] = field(default_factory=dict)


class Inventory(Protocol):
    """Says what an address, a name or a sensor's identifier meant at some time."""

    def resource_at(self, entity: Entity, time: datetime) -> KnownResource | None:
        """Return the resource that `entity` was at `time`; `None` where that is not certain.

        A target of an action comes from the provider or through here: a sensor may lie.
        """
        ...

    def count(self, type: str, account: str) -> int:
        """Return how many resources of a type an account has, as far as is known."""
        ...


class Testimony(Protocol):
    """One event of a finding, as the rule of that finding reads it."""

    @property
    def source(self) -> str:
        """The source's type, such as `aws.cloudtrail`."""
        ...

    @property
    def event(self) -> Mapping[str, object]:
        """The event by OCSF attributes."""
        ...

    @property
    def record(self) -> Mapping[str, object]:
        """The source's own record."""
        ...

    def named(self) -> tuple[tuple[Entity, tuple[str, ...]], ...]:
        """Return every entity that the event names for its finding.

        With each the paths that it was read from; `ocsf.` stands before those of OCSF.
        """
        ...


class Labels(Protocol):
    """Says who chose the value of a field."""

    def label(self, source: str, path: str) -> str:
        """Return `provider`, `agent` or `attacker`; `ocsf.` stands before paths of OCSF."""
        ...
