"""What enrichment knows: handed in whole, so that adding it to events touches nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.ocsf.addresses import Ranges


@dataclass(frozen=True, slots=True)
class Note:
    """Something told of a value beside its place; becomes an entry of `enrichments`.

    Attributes:
        type: what it is about: `cloud`, `anonymizer`, `hosting`.
        provider: who says so.
        data: JSON object.
    """

    type: str
    provider: str
    data: str = "{}"


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of one public address; "" and `None` where it is not.

    Attributes:
        country: ISO 3166 such as `DE`.
        number: of the autonomous system.
        organization: who runs that.
        location_provider: the database that knows the location, with its date.
        network_provider: the same of the autonomous system.
        notes: further knowledge.
    """

    country: str = ""
    region: str = ""
    city: str = ""
    continent: str = ""
    latitude: float | None = None
    longitude: float | None = None
    number: int | None = None
    organization: str = ""
    location_provider: str = ""
    network_provider: str = ""
    notes: tuple[Note, ...] = ()


class LookUp(Protocol):
    """Looks up what is known of public addresses."""

    def __call__(self, addresses: Sequence[str]) -> Sequence[Place | None]:
        """Return what is known of each of these distinct addresses, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Asset:
    """What people say of an address range or an account of their own."""

    name: str = ""
    owner: str = ""
    criticality: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """What people say of an identity of their own."""

    owner: str = ""
    department: str = ""
    criticality: str = ""


def _nothing(addresses: Sequence[str]) -> Sequence[Place | None]:
    return [None] * len(addresses)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that is known.

    Attributes:
        look_up: asked once a batch for its distinct public addresses that are not one's own.
        own: one's own address ranges; nothing is looked up about them.
        assets: by address range.
        accounts: by uid of account, project, subscription or cluster.
        people: by uid or name of the actor.
        hosting: numbers of autonomous systems that let machines to anyone.
        anonymizing: numbers of those that hide who acts.
    """

    look_up: LookUp = field(default=_nothing, repr=False)
    own: Ranges[bool] = field(default_factory=Ranges, repr=False)
    assets: Ranges[Asset] = field(default_factory=Ranges, repr=False)
    accounts: Mapping[str, Asset] = field(default_factory=dict, repr=False)
    people: Mapping[str, Person] = field(default_factory=dict, repr=False)
    hosting: frozenset[int] = frozenset()
    anonymizing: frozenset[int] = frozenset()

    @property
    def has_places(self) -> bool:
        """Whether anything is known of public addresses."""
        return self.look_up is not _nothing

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known at all: events then stay as they are."""
        return not (self.has_places or self.assets or self.accounts or self.people)
