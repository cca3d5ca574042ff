"""Read what has been added to blobs that grow: lines, or a JSON list whose end is moved on."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tocsin.collect.blobs import BlobAccount, HourBlob
from tocsin.collect.cutting import Place, cut, cut_payload
from tocsin.collect.records import Span
from tocsin.ocsf.reading import LineReader

_LIST = re.compile(rb'\s*\{\s*"records"\s*:\s*\[')
_LIST_END = re.compile(rb"\s*\]\s*\}\s*\Z")
_OPENING = b'{"records":['
_CLOSING = b"]}"


@dataclass(frozen=True, slots=True)
class Spot:
    """How far one blob has been read.

    Attributes:
        hour: of the blob, in seconds since 1970.
        offset: of the first byte that was not read, or from which is read again.
        index: how many records of a list lie before `offset`.
        resume: the position from which records are wanted.
    """

    hour: int
    offset: int = 0
    index: int = 0
    resume: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """How far all blobs have been read that may still grow.

    Attributes:
        since: blobs of earlier hours are not looked at; `None` before the first pass has ended.
    """

    since: datetime | None = None
    spots: Mapping[str, Spot] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, cursor: str | None) -> "Reached":
        """Read a cursor."""
        if cursor is None:
            return cls()
        kept = json.loads(cursor)
        since = datetime.fromtimestamp(kept["since"], UTC) if kept["since"] is not None else None
        return cls(since, {key: Spot(*spot) for key, spot in kept["spots"].items()})

    def cursor(self) -> str:
        """Return the cursor for resuming here."""
        spots = {
            key: [spot.hour, spot.offset, spot.index, spot.resume]
            for key, spot in self.spots.items()
        }
        since = self.since.timestamp() if self.since else None
        return json.dumps({"since": since, "spots": spots})

    def next_pass(self, floor: datetime) -> "Reached":
        """Return this without the blobs whose hour began too long before `floor` to grow."""
        oldest = floor.timestamp() - 3600
        kept = {key: spot for key, spot in self.spots.items() if spot.hour >= oldest}
        return Reached(floor, kept)


@dataclass(frozen=True, slots=True)
class Grown:
    """What was added to one blob.

    Attributes:
        before: how far all blobs had been read.
        begin: of this blob, where reading it began.
        end: of this blob, once this part is read.
    """

    before: Reached
    key: str
    begin: Spot
    end: Spot

    def cursor(self, resume: int) -> str:
        """Return the cursor for resuming at position `resume` of the blob."""
        if resume == self.end.resume:
            return self.after().cursor()
        return self._with(replace(self.begin, resume=resume)).cursor()

    def after(self) -> Reached:
        """Return how far all blobs have been read with this."""
        return self._with(self.end)

    def _with(self, spot: Spot) -> Reached:
        return replace(self.before, spots={**self.before.spots, self.key: spot})


def read_grown(
    account: BlobAccount,
    reached: Reached,
    blob: HourBlob,
    unwrap: str | None,
    reader: LineReader | None,
) -> Iterator[tuple[Grown, Span]]:
    """Yield what a blob holds behind the spot that it was read to.

    Raises:
        SourceError: it cannot be read.
    """
    begin = reached.spots.get(blob.key, Spot(int(blob.hour.timestamp())))
    if blob.size <= begin.offset and begin.resume <= begin.index:
        return
    origin = f"https://{account.host}/{blob.key}"
    head = account.content(replace(blob, size=min(blob.size, 1024)), 0) if blob.size else b""
    if _LIST.match(head):
        added = account.content(blob, begin.offset)
        yield from _read_list(reached, blob, begin, added, Place(origin, unwrap))
        return
    place = Place(origin, unwrap, max(begin.resume, begin.offset), reader)
    for span in cut(account.opener(_whole_lines(account, blob, begin)), place):
        end = Spot(begin.hour, span.resume, span.resume, span.resume)
        yield Grown(reached, blob.key, begin, end), span
        begin, reached = end, Grown(reached, blob.key, begin, end).after()


def _whole_lines(account: BlobAccount, blob: HourBlob, begin: Spot) -> HourBlob:
    """Return the blob up to its last line break: what stands behind is still being written."""
    tail_from = max(begin.offset, blob.size - (1 << 20) - 1)
    tail = account.content(blob, tail_from) if tail_from < blob.size else b""
    is_grown_up = (datetime.now(UTC) - blob.hour).total_seconds() > 2 * 3600
    end = tail.rfind(b"\n")
    if is_grown_up or end < 0:
        return blob if is_grown_up else replace(blob, size=begin.offset)
    return replace(blob, size=tail_from + end + 1)


def _read_list(
    reached: Reached, blob: HourBlob, begin: Spot, added: bytes, place: Place
) -> Iterator[tuple[Grown, Span]]:
    """Read what was put before the end of a list since; blocks are committed whole."""
    if not begin.offset:
        opening = _LIST.match(added)
        added = added[opening.end() :] if opening else added
    closing = _LIST_END.search(added)
    body = added[: closing.start()] if closing else added
    found = cut_payload(_OPENING + body.lstrip(b" \t\r\n,") + _CLOSING, place.unwrap or "records")
    count = max([*found.positions, *(row.position for row in found.rejects)], default=-1) + 1
    offset = blob.size - (len(added) - closing.start() if closing else 0)
    end = Spot(begin.hour, offset, begin.index + count, begin.index + count)
    found.positions = [begin.index + position for position in found.positions]
    found.rejects = [replace(row, position=begin.index + row.position) for row in found.rejects]
    wanted = found.since(begin.resume)
    if wanted.raws or wanted.rejects:
        yield Grown(reached, blob.key, begin, end), wanted.span(place.origin, end.resume)
