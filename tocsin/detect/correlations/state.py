"""What correlations remember: sightings by group, frozen, kept by the store as rows.

A row is one sighting, one remembered value, or the rest of a group, so that a turn writes what it
changed and no more.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import content_hash

SHARDS = 64
NEVER = 1 << 62
"""A time that does not come, microseconds since 1970."""


class Persona(msgspec.Struct, frozen=True, gc=False):
    """Who an event is about, as one correlation reads it."""

    entity: Entity
    links: tuple[Entity, ...] = ()


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """One event that rules of a correlation matched.

    Attributes:
        uid: of the event.
        time_us: when it happened, microseconds since 1970.
        source: of the event.
        steps: bit n is set where it matched reference n of the correlation.
        fields: texts of each field that the correlation looks at.
        values: texts by path, those that outer correlations need.
        personas: by rule uid of the correlation, empty for those that choose nothing.
        account: of the event.
        keep_us: when it may be forgotten.
        told: numbers of the periods whose finding names it.
        is_closed: whether outer correlations know that it closed a window.
        is_decided: whether it was decided if a window closes with it.
    """

    uid: str
    time_us: int
    source: str
    steps: int
    fields: tuple[tuple[str, ...], ...]
    values: Mapping[str, tuple[str, ...]]
    personas: Mapping[str, Persona]
    account: str | None = None
    keep_us: int = 0
    told: tuple[int, ...] = ()
    is_closed: bool = False
    is_decided: bool = False

    @property
    def order(self) -> tuple[int, str]:
        """What sightings are ordered by."""
        return self.time_us, self.uid

    def joined(self, other: "Sighting") -> "Sighting":
        """Return this sighting with what another rule saw in the same event."""
        if other.steps | self.steps == self.steps:
            return self
        first, second = (self, other) if _lowest(self) <= _lowest(other) else (other, self)
        return msgspec.structs.replace(
            self,
            steps=self.steps | other.steps,
            fields=tuple(map(_union, first.fields, second.fields)),
            values={**second.values, **first.values},
            personas={**second.personas, **first.personas},
            account=first.account or second.account,
            keep_us=max(self.keep_us, other.keep_us),
        )


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _lowest(sighting: Sighting) -> int:
    return sighting.steps & -sighting.steps


class Seen(msgspec.Struct, frozen=True, gc=False):
    """When a value was seen: spans of time without a gap that would forget it, in order."""

    value: str
    spans: tuple[tuple[int, int], ...]

    @property
    def last_us(self) -> int:
        """When it was seen last."""
        return self.spans[-1][1]


class Head(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of a group beside its sightings and values.

    Attributes:
        values: the group's own values, in order of `group-by`.
        first_us: when the group was seen first.
        last_us: when it was seen last.
        closed_us: windows that begin before are decided.
        counts: number of sightings by number of the bucket, in order.
        told: sightings that are told and not kept: uid and time.
        due_us: when there is something to decide or to forget.
        keep_us: when nothing of the group is needed any more.
    """

    values: tuple[str, ...] = ()
    first_us: int = NEVER
    last_us: int = -NEVER
    closed_us: int = -NEVER
    counts: tuple[tuple[int, int], ...] = ()
    told: tuple[tuple[str, int], ...] = ()
    due_us: int = NEVER
    keep_us: int = -NEVER


@dataclass(frozen=True, slots=True)
class Group:
    """One group of one correlation; `sightings` are in order of time and uid."""

    head: Head = field(default_factory=Head)
    sightings: tuple[Sighting, ...] = ()
    seen: Mapping[str, Seen] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many rows it is."""
        return 1 + len(self.sightings) + len(self.seen)


@dataclass(frozen=True, slots=True)
class Shard:
    """Some groups by key, the earliest time at which one is due, and how many rows they are."""

    groups: Mapping[str, Group] = field(default_factory=dict)
    due_us: int = NEVER
    size: int = 0


_EMPTY = Shard()


@dataclass(frozen=True, slots=True)
class Memory:
    """What one correlation remembers: its groups, in shards so that few are copied at a change."""

    shards: tuple[Shard, ...] = (_EMPTY,) * SHARDS

    @property
    def due_us(self) -> int:
        """The earliest time at which a group is due."""
        return min(shard.due_us for shard in self.shards)

    @property
    def count(self) -> int:
        """How many groups there are."""
        return sum(len(shard.groups) for shard in self.shards)

    @property
    def size(self) -> int:
        """How many rows they are."""
        return sum(shard.size for shard in self.shards)

    def get(self, key: str) -> Group | None:
        """Return a group, `None` where it is not known."""
        return self.shards[_place(key)].groups.get(key)

    def items(self) -> Iterator[tuple[str, Group]]:
        """Yield every group with its key."""
        for shard in self.shards:
            yield from shard.groups.items()

    def due(self, now_us: int) -> Iterator[str]:
        """Yield the keys of the groups that are due."""
        for shard in self.shards:
            if shard.due_us <= now_us:
                yield from (k for k, group in shard.groups.items() if group.head.due_us <= now_us)

    def changed(self, groups: Mapping[str, Group | None]) -> "Memory":
        """Return the memory with these groups in place; `None` removes one."""
        by_place: dict[int, dict[str, Group | None]] = {}
        for key, group in groups.items():
            by_place.setdefault(_place(key), {})[key] = group
        shards = list(self.shards)
        for place, part in by_place.items():
            merged = {**shards[place].groups, **part}
            kept = {key: group for key, group in merged.items() if group is not None}
            due_us = min((group.head.due_us for group in kept.values()), default=NEVER)
            shards[place] = Shard(kept, due_us, sum(group.size for group in kept.values()))
        return replace(self, shards=tuple(shards))


def _place(key: str) -> int:
    return int(key[:4], 16) % SHARDS


def group_key(values: Iterable[str]) -> str:
    """Return the key of a group: short, whatever its values are."""
    return content_hash(msgspec.msgpack.encode(tuple(values)))
