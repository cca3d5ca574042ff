"""Cut lines out of blocks; a line beyond the limit is never held as a whole."""

from dataclasses import dataclass, field
from itertools import accumulate

from tocsin.collect.records import MAX_RECORD_BYTES, GrowingReject, Reject, Span, reject

BOM = b"\xef\xbb\xbf"
TOO_LONG = f"too_long: a record has at most {MAX_RECORD_BYTES} bytes"


@dataclass(slots=True)
class Found:
    """Records with their positions, and what could not be a record.

    `headers` is empty where no record has one, else one for each record.
    """

    raws: list[bytes] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    headers: list[bytes | None] = field(default_factory=list)

    def add(self, position: int, raw: bytes) -> None:
        """Take `raw` as a record, or as a reject where it is too long."""
        if len(raw) > MAX_RECORD_BYTES:
            self.rejects.append(reject(position, TOO_LONG, raw))
        else:
            self.raws.append(raw)
            self.positions.append(position)

    def since(self, position: int) -> "Found":
        """Return what lies at `position` or after it."""
        if not position:
            return self
        wanted = [index for index, at in enumerate(self.positions) if at >= position]
        return Found(
            [self.raws[index] for index in wanted],
            [self.positions[index] for index in wanted],
            [row for row in self.rejects if row.position >= position],
            [self.headers[index] for index in wanted] if self.headers else [],
        )

    def span(self, origin: str, resume: int) -> Span:
        """Return this as a part of `origin`, which is read on from `resume`."""
        return Span(origin, self.raws, self.positions, self.rejects, resume, self.headers)


class LineCutter:
    """Cuts a growing stream.

    White lines are separators, not records. A byte order mark is no part of the first line.

    Attributes:
        offset: of the first byte not yet given out, always the beginning of a line.
    """

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self._carry = b""
        self._overlong: GrowingReject | None = None

    @property
    def taken_to(self) -> int:
        """The offset of the next byte to take; what lies before is held or given out."""
        return self.offset + (self._overlong.size_bytes if self._overlong else len(self._carry))

    def take(self, block: bytes) -> Found:
        """Return what is complete after the next block."""
        found = Found()
        if self._overlong is not None:
            line, newline, block = block.partition(b"\n")
            self._overlong.add(line)
            if not newline:
                return found
            self._end_overlong(found)
            self.offset += 1
        lines = (self._carry + block).split(b"\n")
        self._carry = lines.pop()
        self._place_all(lines, found)
        if len(self._carry) > MAX_RECORD_BYTES:
            self._overlong = GrowingReject(self.offset, TOO_LONG)
            self._overlong.add(self._carry)
            self._carry = b""
        return found

    def end(self) -> Found:
        """Return the last line, which no line break ends."""
        found = Found()
        self._end_overlong(found)
        self._place(self._carry, found)
        self.offset += len(self._carry)
        self._carry = b""
        return found

    def _end_overlong(self, found: Found) -> None:
        if self._overlong is not None:
            self.offset += self._overlong.size_bytes
            found.rejects.append(self._overlong.end())
            self._overlong = None

    def _place_all(self, lines: list[bytes], found: Found) -> None:
        sizes = list(map(len, lines))
        is_plain = sizes and min(sizes) > 0 and max(sizes) <= MAX_RECORD_BYTES and self.offset
        if is_plain and not any(map(bytes.isspace, lines)):
            # The usual block, without a step in Python for each line.
            ends = accumulate(sizes, initial=self.offset)
            found.positions += [end + breaks for breaks, end in enumerate(ends)]
            self.offset = found.positions.pop()
            found.raws += lines
            return
        for line in lines:
            self._place(line, found)
            self.offset += len(line) + 1

    def _place(self, line: bytes, found: Found) -> None:
        if self.offset == 0:
            line = line.removeprefix(BOM)
        if line and not line.isspace():
            found.add(self.offset, line)
