"""Cut documents that are too long to hold, such as a `{"Records": [...]}` of a gigabyte.

A window moves over the document. It ends where an element like the others begins, which shows by
its first key; what is in it is closed again and cut by `normalize.unwrap`, which also saves what it
can of damaged elements. Nothing is skipped: what cannot be told apart becomes a reject.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from tocsin.collect.lines import BOM, TOO_LONG, Found
from tocsin.collect.records import GrowingReject, reject
from tocsin.normalize import Unwrapped, places, unwrap

_WINDOW_BYTES = 4 << 20
# Ends of a window are tried from its last possible one, at doubling distances: a place inside an
# element can look like the beginning of one.
_TRIED_ENDS = 12
# An element's beginning may be cut in two by the end of the window.
_OVERLAP_BYTES = 4 << 10
_SEPARATORS = b" \t\r\n,"
_FIRST_KEY = re.compile(rb'\s*\{\s*("(?:[^"\\]|\\.){1,200}"\s*:)')


@dataclass(frozen=True, slots=True)
class _Frame:
    """What surrounds the elements: put around a window, it makes a whole payload again.

    Attributes:
        opening, closing: before the first and after the last element.
        path: the key below which `opening` puts them.
        next_element: matches from the end of one element to the beginning of the next.
    """

    opening: bytes
    closing: bytes
    path: str | None
    next_element: re.Pattern[bytes]


def cut_long(blocks: Iterable[bytes], path: str | None) -> Iterator[Found]:
    """Yield the records of a document; positions count records and rejects from 0.

    Args:
        blocks: the document from its beginning.
        path: the key below which objects hold their records.
    """
    cutter = _Cutter(path)
    for block in blocks:
        yield from cutter.take(block)
    yield cutter.end()


class _Cutter:
    def __init__(self, path: str | None) -> None:
        self._path = path
        self._frame: _Frame | None = None
        self._window = b""
        self._position = 0
        self._skipped: GrowingReject | None = None

    def take(self, block: bytes) -> Iterator[Found]:
        self._window += block
        if len(self._window) < _WINDOW_BYTES:
            return
        if self._frame is None and self._skipped is None:
            self._frame, self._window = _open(self._window.removeprefix(BOM), self._path)
        if self._skipped is not None:
            yield from self._skip(self._skipped)
        elif len(self._window) >= _WINDOW_BYTES:
            yield self._cut_window()

    def end(self) -> Found:
        found = Found()
        if self._skipped is not None:
            self._skipped.add(self._window)
            found.rejects.append(self._skipped.end())
            return found
        if self._frame is None:
            self._add(unwrap(self._window, self._path), found)
        else:
            self._add(unwrap(self._frame.opening + self._window, self._frame.path), found)
        return found

    def _cut_window(self) -> Found:
        """Cut what certainly is complete, or begin to skip an element beyond all bounds."""
        found = Found()
        frame = self._frame
        end = _last_end(self._window, frame) if frame else 0
        if frame is None or not end:
            self._skipped = GrowingReject(self._position, TOO_LONG)
            self._position += 1
            self._pass_over(self._skipped, len(self._window) - _OVERLAP_BYTES)
            return found
        self._add(unwrap(frame.opening + self._window[:end] + frame.closing, frame.path), found)
        self._window = self._window[end:].lstrip(_SEPARATORS)
        return found

    def _skip(self, skipped: GrowingReject) -> Iterator[Found]:
        """Pass over an element without holding it, up to the next one."""
        match = self._frame.next_element.search(self._window) if self._frame else None
        if match is None:
            self._pass_over(skipped, len(self._window) - _OVERLAP_BYTES)
            return
        self._pass_over(skipped, match.end(1))
        self._window = self._window.lstrip(_SEPARATORS)
        self._skipped = None
        yield Found(rejects=[skipped.end()])

    def _pass_over(self, skipped: GrowingReject, size_bytes: int) -> None:
        skipped.add(self._window[:size_bytes])
        self._window = self._window[size_bytes:]

    def _add(self, unwrapped: Unwrapped, found: Found) -> None:
        base = self._position
        self._position += len(unwrapped.records) + len(unwrapped.broken)
        for at, raw in unwrapped.records:
            found.add(base + at, raw)
        found.rejects += [reject(base + at, why, raw) for at, raw, why in unwrapped.broken]


def _last_end(window: bytes, frame: _Frame) -> int:
    """Return where the last complete element ends; 0 where none does."""
    ends = [match.end(1) for match in frame.next_element.finditer(window)]
    tried = [ends[-(1 << step)] for step in range(_TRIED_ENDS) if 1 << step <= len(ends)]
    for end in tried:
        try:
            msgspec.json.decode(frame.opening + window[:end] + frame.closing, type=msgspec.Raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            continue
        return end
    # Damaged: what is cut off with the damage is found again from the next element on.
    return tried[0] if tried else 0


def _open(window: bytes, path: str | None) -> tuple[_Frame | None, bytes]:
    """Find where the elements begin; return their frame and the window from there on."""
    text = window.lstrip()
    opening, closing, separator, own_path = b"", b"", rb"\s*", path
    if text[:1] == b"[":
        opening, closing, separator = b"[", b"]", rb"\s*,\s*"
        text = text[1:]
    elif named := _named_array(text, path):
        key, own_path, end = named
        opening, closing, separator = b'{"' + key.encode() + b'":[', b"]}", rb"\s*,\s*"
        text = text[end:]
    first = _FIRST_KEY.match(text)
    if first is None:
        return None, window
    pattern = rb"(\})" + separator + rb"\{\s*" + re.escape(first[1])
    return _Frame(opening, closing, own_path, re.compile(pattern)), text


def _named_array(text: bytes, path: str | None) -> tuple[str, str, int] | None:
    """Return the key of the array that a document opens with, its path, and where it begins."""
    for place in places(path):
        if not place.is_object and (match := array_opening(place.keys[-1]).match(text)):
            return place.keys[-1], place.own_path, match.end()
    return None


def array_opening(path: str) -> re.Pattern[bytes]:
    """Return what matches the beginning of an object up to its array of records."""
    key = re.escape(path.split(".")[-1].encode())
    # Plain members and small objects may come first; a key deeper inside is not meant.
    members = rb"(?:[^{}\[\]]|\{[^{}\[\]]*\}){0,2000}?"
    return re.compile(rb"\s*\{" + members + rb'"' + key + rb'"\s*:\s*\[')
