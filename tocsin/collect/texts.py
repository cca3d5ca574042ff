"""Cut lines into records: headers kept for what follows, related lines joined, reports expanded.

A mapping's reader says which lines are headers and which belong together, its `unwrap` which
records hold many.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tocsin.collect.lines import Found, LineCutter
from tocsin.collect.records import MAX_RECORD_BYTES, reject
from tocsin.normalize import is_expanding, unwrap
from tocsin.ocsf.reading import MAX_HEADER_BYTES, LineReader

# Lines of one record stand this near to each other, and all of them within this span.
_MOST_GAP_BYTES = 4 << 10
_MOST_SPAN_BYTES = 64 << 10


@dataclass(slots=True)
class _Group:
    """Lines of one record, from the offset `start` to the beginning of its `last` one."""

    start: int
    last: int
    lines: list[bytes]
    size_bytes: int

    def ends_before(self, offset: int) -> bool:
        """Tell whether a line at `offset` is too far away to belong to it."""
        return offset - self.last > _MOST_GAP_BYTES or offset - self.start > _MOST_SPAN_BYTES


class TextCutter:
    """Cuts a growing stream of lines as a reader says; used like a `LineCutter`.

    Lines of several records may stand between each other. Records are given out in the order of
    their first lines, each once no line can come that belongs to it.
    """

    def __init__(self, offset: int, reader: LineReader, header: bytes = b"") -> None:
        """Begin at `offset`, where the lines of `header` hold.

        Lines that stand near before it are cut again and left out, so that what follows joins the
        same way as it did the first time.
        """
        back = _MOST_GAP_BYTES + _MOST_SPAN_BYTES if reader.is_joining else 0
        self._lines = LineCutter(max(offset - back, 0))
        self._wanted = offset
        self._reader = reader
        self._header = header
        self._groups: deque[_Group] = deque()
        self._open: dict[bytes, _Group] = {}

    @property
    def offset(self) -> int:
        """The offset from which reading goes on for what is not yet given out."""
        return max(self._groups[0].start if self._groups else self._lines.offset, self._wanted)

    @property
    def taken_to(self) -> int:
        """The offset of the next byte to take."""
        return self._lines.taken_to

    @property
    def is_holding(self) -> bool:
        """Whether records wait for lines that may belong to them."""
        return bool(self._groups)

    def take(self, block: bytes) -> Found:
        """Return what is complete after the next block."""
        return self._cut(self._lines.take(block))

    def flush(self) -> Found:
        """Return the records that wait: nothing more came for a while."""
        found = Found()
        self._end_groups(found)
        return found.since(self._wanted)

    def end(self) -> Found:
        """Return what is left when the stream has ended."""
        last = self._cut(self._lines.end())
        rest = self.flush()
        return Found(
            last.raws + rest.raws, last.positions + rest.positions, last.rejects, last.headers
        )

    def _cut(self, lines: Found) -> Found:
        if self._reader.has_header:
            lines = self._without_headers(lines)
        return self._joined(lines).since(self._wanted) if self._reader.is_joining else lines

    def _without_headers(self, lines: Found) -> Found:
        found = Found(rejects=lines.rejects)
        for raw, at in zip(lines.raws, lines.positions, strict=True):
            is_json = raw.startswith(b"{")
            after = None if is_json else header_after(self._reader, self._header, raw)
            if after is not None:
                self._header = after
                continue
            found.raws.append(raw)
            found.positions.append(at)
            found.headers.append(None if is_json or not self._header else self._header)
        return found

    def _joined(self, lines: Found) -> Found:
        found = Found(rejects=lines.rejects)
        for raw, at in zip(lines.raws, lines.positions, strict=True):
            while self._groups and self._groups[0].ends_before(at):
                self._give(found)
            key = self._reader.join_key(raw)
            group = None if key is None else self._open.get(key)
            is_full = group and group.size_bytes + len(raw) >= MAX_RECORD_BYTES
            if group is None or is_full or group.ends_before(at):
                group = _Group(at, at, [], 0)
                self._groups.append(group)
                if key is not None:
                    self._open[key] = group
            group.lines.append(raw)
            group.last = at
            group.size_bytes += len(raw) + 1
        return found

    def _end_groups(self, found: Found) -> None:
        while self._groups:
            self._give(found)

    def _give(self, found: Found) -> None:
        group = self._groups.popleft()
        found.add(group.start, b"\n".join(group.lines))
        key = self._reader.join_key(group.lines[0])
        if key is not None and self._open.get(key) is group:
            del self._open[key]


class ReportCutter(LineCutter):
    """Cuts a growing stream of lines of which each holds many records, all at the line's place."""

    def __init__(self, offset: int, path: str) -> None:
        super().__init__(offset)
        self._path = path

    def take(self, block: bytes) -> Found:
        """Return what is complete after the next block."""
        return self._expanded(super().take(block))

    def end(self) -> Found:
        """Return what the last line holds, which no line break ends."""
        return self._expanded(super().end())

    def _expanded(self, lines: Found) -> Found:
        found = Found(rejects=lines.rejects)
        for at, line in zip(lines.positions, lines.raws, strict=True):
            held = unwrap(line, self._path)
            for _, raw in held.records:
                found.add(at, raw)
            found.rejects += [reject(at, why, raw) for _, raw, why in held.broken]
        return found


Cutter = LineCutter | TextCutter


def cutter_for(
    offset: int, reader: LineReader | None, header: bytes = b"", path: str | None = None
) -> Cutter:
    """Return what cuts lines from `offset` on, where `header` holds; `path` is to be unwrapped."""
    if path is not None and is_expanding(path):
        return ReportCutter(offset, path)
    if reader is not None and (reader.has_header or reader.is_joining):
        return TextCutter(offset, reader, header)
    return LineCutter(offset)


def header_after(reader: LineReader, header: bytes, line: bytes) -> bytes | None:
    """Return the header after `line`; `None` where that is a record, or the header too long."""
    after = reader.header_after(header, line.removesuffix(b"\r"))
    return None if after is not None and len(after) > MAX_HEADER_BYTES else after


def header_at(blocks: Iterable[bytes], reader: LineReader | None, offset: int) -> bytes:
    """Return the header that holds at `offset` of a stream, which is read from its beginning."""
    if reader is None or not reader.has_header or not offset:
        return b""
    lines, header = LineCutter(0), b""
    for block in blocks:
        found = lines.take(block)
        for raw, at in zip(found.raws, found.positions, strict=True):
            if at >= offset:
                return header
            after = None if raw.startswith(b"{") else header_after(reader, header, raw)
            header = header if after is None else after
        if lines.offset >= offset:
            break
    return header
