"""Cut lines into records: headers kept for what follows, related lines joined, reports expanded.

A mapping's reader says which lines are headers and which belong together, its `unwrap` which
records hold many.
"""

from collections.abc import Iterable

from tocsin.collect.lines import Found, LineCutter
from tocsin.collect.records import MAX_RECORD_BYTES, reject
from tocsin.normalize import is_expanding, unwrap
from tocsin.ocsf.reading import MAX_HEADER_BYTES, LineReader


class TextCutter:
    """Cuts a growing stream of lines as a reader says; used like a `LineCutter`."""

    def __init__(self, offset: int, reader: LineReader, header: bytes = b"") -> None:
        """Begin at `offset`, where the lines of `header` hold."""
        self._lines = LineCutter(offset)
        self._reader = reader
        self._header = header
        self._group: list[bytes] = []
        self._key: bytes | None = None
        self._group_at = 0
        self._group_bytes = 0

    @property
    def offset(self) -> int:
        """The offset of the first byte not yet given out, the beginning of a record."""
        return self._group_at if self._group else self._lines.offset

    @property
    def taken_to(self) -> int:
        """The offset of the next byte to take."""
        return self._lines.taken_to

    @property
    def is_holding(self) -> bool:
        """Whether the last record waits for lines that may belong to it."""
        return bool(self._group)

    def take(self, block: bytes) -> Found:
        """Return what is complete after the next block."""
        return self._cut(self._lines.take(block))

    def flush(self) -> Found:
        """Return the last record: nothing more came for a while."""
        found = Found()
        self._end_group(found)
        return found

    def end(self) -> Found:
        """Return what is left when the stream has ended."""
        found = self._cut(self._lines.end())
        self._end_group(found)
        return found

    def _cut(self, lines: Found) -> Found:
        if self._reader.has_header:
            lines = self._without_headers(lines)
        return self._joined(lines) if self._reader.is_joining else lines

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
            key = self._reader.join_key(raw)
            fits = self._group_bytes + len(raw) < MAX_RECORD_BYTES
            if key is None or key != self._key or not self._group or not fits:
                self._end_group(found)
                self._group_at = at
            self._group.append(raw)
            self._group_bytes += len(raw) + 1
            self._key = key
            if key is None:
                self._end_group(found)
        return found

    def _end_group(self, found: Found) -> None:
        if self._group:
            found.add(self._group_at, b"\n".join(self._group))
            self._group, self._group_bytes = [], 0


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
