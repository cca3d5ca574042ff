"""Read the objects below a prefix in order of their keys, and later what was added.

Buckets are listed by key, not by age, and a late file may sort before one that was read. So each
pass lists the whole prefix again and reads what is younger than the last pass, with a margin;
within the margin the keys that were read are remembered.
"""

import json
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b

from tocsin.collect.arrivals import Form
from tocsin.collect.cutting import Place, cut
from tocsin.collect.digests import digest_span
from tocsin.collect.notifications import ObjectReference
from tocsin.collect.objects import Listed, ObjectError, Objects
from tocsin.collect.records import Span

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
    """Where to list.

    Attributes:
        objects: what keeps the buckets.
        buckets: the names of those that are listed, one after the other.
        prefix: what the keys of the objects begin with.
        form: how objects are read.
        counts: counted up by kind: `missing_objects` were gone before they were read.
        scheme: of the addresses of the objects.
    """

    objects: Objects
    buckets: tuple[str, ...]
    prefix: str
    form: Form
    counts: Counter[str]
    scheme: str = "s3"

    def read_pass(self, standing: Standing) -> Generator[tuple[Standing, Span], None, Standing]:
        """Yield the records of all objects after `standing`, each with the standing while read.

        Returns:
            The standing at the beginning of the next pass.

        Raises:
            SourceError: a bucket cannot be listed or an object cannot be read.
        """
        if standing.bucket in self.buckets:
            begun = ObjectReference(standing.bucket, standing.key, self.scheme)
            for span in self._read(begun, standing.resume):
                yield standing, span
        first = self.buckets.index(standing.bucket) if standing.bucket in self.buckets else 0
        for bucket in self.buckets[first:]:
            after = standing.key if bucket == standing.bucket else ""
            for listed in self.objects.listed(bucket, self.prefix, after):
                is_left_out = listed.reference.is_digest and self.form.digests is None
                if is_left_out or not standing.wants(listed):
                    continue
                standing = standing.at(listed)
                for span in self._read(listed.reference, 0):
                    yield standing, span
        return standing.next_pass()

    def _read(self, reference: ObjectReference, resume: int) -> Iterator[Span]:
        if reference.is_digest and self.form.digests is not None:
            yield digest_span(self.form.digests, reference, resume)
            return
        place = Place(reference.url, self.form.unwrap, resume, self.form.reader)
        try:
            yield from cut(partial(self.objects.blocks, reference), place)
        except ObjectError as error:
            # Deleted since it was listed, by the bucket's own life cycle.
            if not error.is_missing:
                raise
            self.counts["missing_objects"] += 1


def _short(listed: Listed) -> str:
    digest = blake2b(listed.reference.url.encode(), digest_size=6)
    digest.update(listed.modified.isoformat().encode())
    return digest.hexdigest()
