"""Read the objects below a prefix in order of their keys, and later what was added.

S3 lists by key, not by age, and a late file may sort before one that was read. So each pass lists
the whole prefix again and reads what is younger than the last pass, with a margin; within the
margin the keys that were read are remembered.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b

from tocsin.collect.buckets import Listed, ObjectError, S3Client, list_objects, object_blocks
from tocsin.collect.cutting import Place, cut
from tocsin.collect.digests import Digests, digest_span
from tocsin.collect.notifications import ObjectReference
from tocsin.collect.records import Span
from tocsin.ocsf.reading import LineReader

_MARGIN = timedelta(minutes=15)
# Beyond, the oldest are forgotten: objects read twice are dropped by the store.
_MOST_REMEMBERED = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a listing has come.

    Attributes:
        bucket, key: the object last read from; empty at the beginning of a pass.
        resume: the position in it.
        floor: objects older than this were read by an earlier pass.
        newest: the youngest object seen.
        recent: marks of the objects read that are not older than `newest` less the margin, with
            their age in seconds since 1970.
    """

    bucket: str = ""
    key: str = ""
    resume: int = 0
    floor: datetime = _EPOCH
    newest: datetime = _EPOCH
    recent: tuple[tuple[str, int], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, cursor: str | None) -> "Standing":
        """Read a cursor."""
        if cursor is None:
            return cls()
        kept = json.loads(cursor)
        return cls(
            kept["bucket"],
            kept["key"],
            kept["resume"],
            datetime.fromtimestamp(kept["floor"], UTC),
            datetime.fromtimestamp(kept["newest"], UTC),
            tuple((mark, seconds) for mark, seconds in kept["recent"]),
        )

    def cursor(self, resume: int) -> str:
        """Return the cursor for resuming at position `resume` of this object."""
        return json.dumps(
            {
                "bucket": self.bucket,
                "key": self.key,
                "resume": resume,
                "floor": self.floor.timestamp(),
                "newest": self.newest.timestamp(),
                "recent": self.recent,
            }
        )

    def at(self, listed: Listed) -> "Standing":
        """Return the standing while `listed` is read."""
        newest = max(self.newest, listed.modified)
        recent = self.recent
        if listed.modified >= newest - _MARGIN:
            oldest = int((newest - _MARGIN).timestamp())
            kept = [entry for entry in recent if entry[1] >= oldest]
            kept.append((_short(listed), int(listed.modified.timestamp())))
            recent = tuple(kept[-_MOST_REMEMBERED:])
        reference = listed.reference
        return replace(
            self, bucket=reference.bucket, key=reference.key, resume=0, newest=newest, recent=recent
        )

    def next_pass(self) -> "Standing":
        """Return the standing at the beginning of the pass after this one."""
        return replace(self, bucket="", key="", resume=0, floor=self.newest - _MARGIN)

    def wants(self, listed: Listed) -> bool:
        """Tell whether an object has not been read by an earlier pass."""
        if listed.modified < self.floor:
            return False
        mark = _short(listed)
        return all(mark != known for known, _ in self.recent)


@dataclass(frozen=True, slots=True)
class Listing:
    """Where to list."""

    client: S3Client
    buckets: tuple[str, ...]
    prefix: str
    unwrap: str | None
    reader: LineReader | None = None
    digests: Digests | None = None

    def read_pass(self, standing: Standing) -> Iterator[tuple[Standing, Span]]:
        """Yield the records of all objects after `standing`, each with the standing while read.

        Raises:
            SourceError: a bucket cannot be listed or an object cannot be read.
        """
        if standing.bucket in self.buckets:
            begun = ObjectReference(standing.bucket, standing.key)
            for span in self._read(begun, standing.resume):
                yield standing, span
        first = self.buckets.index(standing.bucket) if standing.bucket in self.buckets else 0
        for bucket in self.buckets[first:]:
            after = standing.key if bucket == standing.bucket else ""
            for listed in list_objects(self.client, bucket, self.prefix, after):
                is_left_out = listed.reference.is_digest and self.digests is None
                if is_left_out or not standing.wants(listed):
                    continue
                standing = standing.at(listed)
                for span in self._read(listed.reference, 0):
                    yield standing, span

    def _read(self, reference: ObjectReference, resume: int) -> Iterator[Span]:
        if reference.is_digest and self.digests is not None:
            yield digest_span(self.digests, reference, resume)
            return
        place = Place(reference.url, self.unwrap, resume, self.reader)
        try:
            yield from cut(partial(object_blocks, self.client, reference), place)
        except ObjectError as error:
            # Deleted since it was listed, by the bucket's own life cycle.
            if error.code != "NoSuchKey":
                raise


def _short(listed: Listed) -> str:
    digest = blake2b(listed.reference.url.encode(), digest_size=6)
    digest.update(listed.modified.isoformat().encode())
    return digest.hexdigest()
