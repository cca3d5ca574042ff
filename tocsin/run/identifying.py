"""Who is who: what content and settings say about it, ready for turns."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from tocsin import identity
from tocsin.ocsf import Entity
from tocsin.run import content

if TYPE_CHECKING:
    from tocsin.settings import Settings

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Identification:
    """What tells who is who.

    Attributes:
        recipes: what events and resources tell.
        fixed: what the settings say.
    """

    recipes: tuple[identity.Recipe, ...] = field(default=(), repr=False)
    fixed: tuple[identity.Statement, ...] = field(default=(), repr=False)

    def told(self, events: pa.Table, resources: pa.Table) -> tuple[identity.Statement, ...]:
        """Return what a batch tells."""
        if not self.recipes:
            return ()
        return identity.statements_from(events, resources, self.recipes)


def identification_of(settings: "Settings") -> Identification:
    """Return what content and these settings say.

    Raises:
        ContentError: a file of `content/identities` is wrong.
    """
    return Identification(_recipes(), tuple(_fixed(settings)))


@cache
def _recipes() -> tuple[identity.Recipe, ...]:
    return identity.parse_recipes(content.identity_texts())


def _fixed(settings: "Settings") -> Iterator[identity.Statement]:
    for person in settings.enrichment.identities:
        known = identity.entity("user", person.identity)
        for name in person.also:
            yield _always(identity.entity("user", name), known, "the settings say so")
    for asset in settings.enrichment.assets:
        for network in asset.addresses:
            if asset.name and network.num_addresses == 1:
                address = str(network.network_address)
                host = identity.entity("host", asset.name)
                yield _always(Entity("address", address, address), host, "the settings say so")


def _always(one: Entity, other: Entity, reason: str) -> identity.Statement:
    return identity.Statement(
        one=one,
        other=other,
        relation="settings",
        is_same=True,
        since=_EVER,
        until=_END,
        before=timedelta(),
        after=timedelta(),
        reason=reason,
    )
