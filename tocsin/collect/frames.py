"""Cut what a TCP connection sends into messages: by counted octets or by an end mark."""

import re
from dataclasses import replace
from typing import Protocol

from tocsin.collect.lines import TOO_LONG, Found
from tocsin.collect.records import MAX_RECORD_BYTES, GrowingReject, reject

_COUNTED = re.compile(rb"([1-9][0-9]{0,8}) (?=<)")
_MAYBE_COUNTED = re.compile(rb"[1-9][0-9]{0,8}(?: \Z|\Z)")
_LINE_END = re.compile(rb"[\n\0]")
_BETWEEN = b"\r\n\0"
_DIGITS = b"123456789"


class Cutter(Protocol):
    """Cuts the bytes of one connection into messages."""

    @property
    def is_broken(self) -> bool:
        """Whether no further message can be found; the connection is to be closed."""
        ...

    @property
    def held_bytes(self) -> int:
        """Of a message whose end has not come."""
        ...

    def take(self, block: bytes) -> Found:
        """Return what is complete after the next bytes."""
        ...

    def end(self) -> Found:
        """Return what is left when the connection ends."""
        ...


class MarkCutter:
    """Cuts at an end mark (GELF: a zero byte); a longer message is read away and is a reject."""

    def __init__(self, marks: bytes = b"\0") -> None:
        """Take the bytes that each end a message."""
        self._mark = re.compile(b"[" + re.escape(marks) + b"]")
        self._held = bytearray()
        self._overlong: GrowingReject | None = None
        self._next = 0
        self.is_broken = False

    @property
    def held_bytes(self) -> int:
        """Of the message that is not complete."""
        return len(self._held)

    @property
    def is_reading_away(self) -> bool:
        """Whether the message at hand is too long to be held."""
        return self._overlong is not None

    def take(self, block: bytes) -> Found:
        """See `Cutter`."""
        found, start = Found(), 0
        for match in self._mark.finditer(block):
            self._add(block[start : match.start()])
            self._close(found)
            start = match.end()
        self._add(block[start:])
        return found

    def end(self) -> Found:
        """See `Cutter`."""
        found = Found()
        self._close(found)
        return found

    def _add(self, part: bytes) -> None:
        if self._overlong is None and len(self._held) + len(part) > MAX_RECORD_BYTES:
            self._overlong = GrowingReject(self._next, TOO_LONG)
            self._overlong.add(bytes(self._held))
            self._held.clear()
        if self._overlong is not None:
            self._overlong.add(part)
        else:
            self._held += part

    def _close(self, found: Found) -> None:
        if self._overlong is not None:
            found.rejects.append(self._overlong.end())
            self._overlong = None
        elif self._held.strip():
            found.add(self._next, bytes(self._held).rstrip(_BETWEEN))
        else:
            self._held.clear()
            return
        self._next += 1
        self._held.clear()


class SyslogCutter:
    """Cuts syslog over TCP: each message counts its octets or ends with a line break.

    Which of both is seen at the beginning of each message: counted ones begin with a number, a
    space and `<`. Source: RFC 6587, 3.4, and RFC 5425, 4.3.
    """

    def __init__(self) -> None:
        """Begin at the first byte of a connection."""
        self._lines = MarkCutter(b"\n\0")
        self._held = b""
        self._body = bytearray()
        self._wanted = 0
        self._next = 0
        self.is_broken = False

    @property
    def held_bytes(self) -> int:
        """Of the message that is not complete."""
        return len(self._held) + len(self._body) + self._lines.held_bytes

    def take(self, block: bytes) -> Found:
        """See `Cutter`; a count beyond the limit breaks the connection, as nothing follows it."""
        found = Found()
        data, at = self._held + block, 0
        self._held = b""
        while at < len(data) and not self.is_broken:
            if self._wanted:
                at = self._take_counted(data, at, found)
            elif self._is_in_line():
                at = self._take_line(data, at, found)
            elif data[at] in _BETWEEN:
                at += 1
            elif data[at] not in _DIGITS:
                at = self._take_line(data, at, found)
            elif match := _COUNTED.match(data, at):
                at = self._begin_counted(match, data, found)
            elif _MAYBE_COUNTED.match(data, at):
                self._held = data[at:]
                break
            else:
                at = self._take_line(data, at, found)
        return found

    def end(self) -> Found:
        """See `Cutter`; a counted message that is cut short is a reject."""
        found = Found()
        if self._wanted:
            reason = f"incomplete: the message should have {self._wanted} bytes"
            found.rejects.append(reject(self._next, reason, bytes(self._body)))
            self._next += 1
        else:
            self._keep(self._lines.take(self._held), found)
            self._keep(self._lines.end(), found)
        self._held, self._wanted = b"", 0
        self._body.clear()
        return found

    def _begin_counted(self, match: "re.Match[bytes]", data: bytes, found: Found) -> int:
        self._wanted = int(match[1])
        if self._wanted > MAX_RECORD_BYTES:
            found.rejects.append(reject(self._next, TOO_LONG, data[match.start() :]))
            self._wanted, self.is_broken = 0, True
        return match.end()

    def _take_counted(self, data: bytes, at: int, found: Found) -> int:
        end = at + self._wanted - len(self._body)
        self._body += data[at:end]
        if len(self._body) < self._wanted:
            return len(data)
        raw = bytes(self._body).rstrip(_BETWEEN)
        if raw.strip():
            found.add(self._next, raw)
            self._next += 1
        self._wanted = 0
        self._body.clear()
        return end

    def _is_in_line(self) -> bool:
        return self._lines.held_bytes > 0 or self._lines.is_reading_away

    def _take_line(self, data: bytes, at: int, found: Found) -> int:
        mark = _LINE_END.search(data, at)
        end = mark.end() if mark else len(data)
        if mark and end - at <= MAX_RECORD_BYTES and not self._is_in_line():
            # A whole line, as most are.
            raw = data[at : mark.start()]
            if raw.strip():
                found.add(self._next, raw.rstrip(_BETWEEN))
                self._next += 1
            return end
        self._keep(self._lines.take(data[at:end]), found)
        return end

    def _keep(self, lines: Found, found: Found) -> None:
        for raw in lines.raws:
            found.add(self._next, raw)
            self._next += 1
        for row in lines.rejects:
            found.rejects.append(replace(row, position=self._next))
            self._next += 1
