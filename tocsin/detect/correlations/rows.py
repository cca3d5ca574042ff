"""Write what correlations remember as rows of key and payload, and only what has changed.

The key of a row is that of its correlation's definition, that of its group, and what it is: `h` for
the rest of the group, `s` a sighting, `v` a value.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from tocsin.detect.correlations.state import Group, Head, Memory, Seen, Shard, Sighting

Written = tuple[str, bytes, int]
"""Key, payload, expiry in microseconds since 1970."""

MEMORY_ROWS = "cor/"

_HEAD = msgspec.msgpack.Decoder(Head)
_SIGHTING = msgspec.msgpack.Decoder(Sighting)
_SEEN = msgspec.msgpack.Decoder(Seen)
_PARTS = 4
_EMPTY = Memory()


def memory_rows(
    before: Mapping[str, Memory], after: Mapping[str, Memory]
) -> tuple[list[Written], list[str]]:
    """Return the rows that differ, and the keys of those that are gone."""
    written: list[Written] = []
    gone: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, _EMPTY), after.get(key, _EMPTY)
        if old is new:
            continue
        for one, other in zip(old.shards, new.shards, strict=True):
            if one is not other:
                _compare(f"{MEMORY_ROWS}{key}", one, other, written, gone)
    return written, gone


def _compare(key: str, old: Shard, new: Shard, written: list[Written], gone: list[str]) -> None:
    for name in old.groups.keys() | new.groups.keys():
        before, after = old.groups.get(name), new.groups.get(name)
        if before is after:
            continue
        known = dict(_parts(before))
        for part, value in _parts(after):
            if known.pop(part, None) is not value:
                row = (f"{key}/{name}/{part}", msgspec.msgpack.encode(value), _expiry(value))
                written.append(row)
        gone += [f"{key}/{name}/{part}" for part in known]


def _parts(group: Group | None) -> Iterator[tuple[str, Head | Sighting | Seen]]:
    if group is None:
        return
    yield "h", group.head
    for sighting in group.sightings:
        yield f"s{sighting.uid}", sighting
    for key, seen in group.seen.items():
        yield f"v{key}", seen


def _expiry(value: Head | Sighting | Seen) -> int:
    return value.last_us if isinstance(value, Seen) else value.keep_us


def memories_of(rows: Iterable[tuple[str, bytes]]) -> Mapping[str, Memory]:
    """Return what correlations remember, read from rows; other rows are left out.

    Raises:
        msgspec.DecodeError: a payload was not written here.
    """
    found: dict[str, dict[str, _Parts]] = {}
    for key, payload in rows:
        parts = key.split("/", _PARTS - 1)
        if not key.startswith(MEMORY_ROWS) or len(parts) < _PARTS:
            continue
        _, memory, name, part = parts
        found.setdefault(memory, {}).setdefault(name, _Parts()).take(part, payload)
    return {
        key: _EMPTY.changed({name: parts.group() for name, parts in groups.items()})
        for key, groups in found.items()
    }


class _Parts:
    def __init__(self) -> None:
        self._head = Head()
        self._sightings: list[Sighting] = []
        self._seen: dict[str, Seen] = {}

    def take(self, part: str, payload: bytes) -> None:
        if part.startswith("s"):
            self._sightings.append(_SIGHTING.decode(payload))
        elif part.startswith("v"):
            self._seen[part[1:]] = _SEEN.decode(payload)
        else:
            self._head = _HEAD.decode(payload)

    def group(self) -> Group:
        sightings = tuple(sorted(self._sightings, key=lambda each: each.order))
        return Group(self._head, sightings, self._seen)
