"""Follow growing files through rotation, by what they are and not by what they are called.

A file is its inode together with its first line: renaming it changes nothing, and emptying it or
giving its inode to another file makes it a new one. The origin of its records is fixed when it is
first seen, so that a record has one place whatever happens to the file; reading something twice
after a lost cursor is therefore harmless.
"""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tocsin.collect.cutting import Place, Stream, cut, shape_of
from tocsin.collect.folders import FoundFile, find_beside, find_files
from tocsin.collect.inflate import Bounds
from tocsin.collect.lines import Found
from tocsin.collect.openings import Opening
from tocsin.collect.parquet import PARQUET_MAGIC
from tocsin.collect.records import Span, reject
from tocsin.collect.texts import Cutter, TextCutter, cutter_for, header_at
from tocsin.ocsf.reading import LineReader

# How many looks without a change show that a file is complete: one that is read as a whole, a last
# line without its line break in a file that was rotated away, a file without any line break.
_STILL_WHOLE = 2
_STILL_LAST_LINE = 5
# After so many looks a file that is gone is forgotten, and the copy of an emptied one not expected.
_GONE_LOOKS = 60
_COPIED_LOOKS = 10
# A copy is recognized by the bytes before the place where its original was read to.
_TAIL_BYTES = 256
_MOST_ORIGINALS = 100

Identity = tuple[int, int]


class Mark(NamedTuple):
    """Whose span it is: the file, and its size where it has been read to its end as a whole."""

    identity: Identity
    origin: str
    complete_size: int = -1


@dataclass(slots=True)
class _Followed:
    """One file on its way.

    Attributes:
        origin: of its records, fixed when the file was first seen.
        path: where it was first seen.
        offset: where the next look goes on: a byte offset for lines, an index for documents.
        complete_size: -1 for lines; for files read as a whole their size once they were, else 0.
        cutter: of lines, with the beginning of a line that is not complete.
        seen: size and time of change at the last look; unchanged for `still_looks` looks.
        tail: the bytes before `offset`, to tell growth from new content.
    """

    origin: str
    path: str
    offset: int = 0
    complete_size: int = -1
    cutter: Cutter | None = None
    seen: tuple[int, int] = (-1, -1)
    still_looks: int = 0
    gone_looks: int = 0
    tail: bytes = field(default=b"", repr=False)


class Follower:
    """Remembers how far each file was read, and reads on with every look."""

    def __init__(
        self,
        paths: Sequence[str],
        unwrap: str | None,
        cursor: str | None,
        reader: LineReader | None = None,
    ) -> None:
        self._paths = paths
        self._named = {str(Path(path).absolute()) for path in paths}
        self._unwrap = unwrap
        self._reader = reader
        self._complained: set[str] = set()
        self._originals: deque[_Followed] = deque(maxlen=_MOST_ORIGINALS)
        self._committed: dict[Identity, tuple[str, int, int]] = {}
        self._followed: dict[Identity, _Followed] = {}
        self._by_mark: dict[str, _Followed] = {}
        for device, inode, origin, offset, size in json.loads(cursor or "[]"):
            self._committed[device, inode] = (origin, offset, size)
            path = origin.rpartition("#")[0]
            self._followed[device, inode] = _Followed(origin, path, offset, size)

    def cursor_after(self, marks: Sequence[tuple[Mark, int]]) -> str:
        """Return the cursor once the spans with these marks are committed, in order."""
        for mark, resume in marks:
            self._committed[mark.identity] = (mark.origin, resume, mark.complete_size)
        for identity in self._committed.keys() - self._followed.keys():
            del self._committed[identity]
        return json.dumps([[*key, *value] for key, value in self._committed.items()])

    def look(self) -> Iterator[tuple[Mark, Span]]:
        """Yield what was added to all files since the last look.

        Raises:
            SourceError: the disk failed.
        """
        present: dict[Identity, FoundFile] = {}
        for file in self._find():
            if file.problem or file.is_stream:
                yield from self._complain(file, file.problem or "not_a_file: pipes end with a pass")
            else:
                present[file.identity] = file
        self._find_rotated(present)
        for file in present.values():
            yield from self._read_on(file)
        self._forget(present)

    def _find_rotated(self, present: dict[Identity, FoundFile]) -> None:
        """Add files that were rotated away from a path that is followed by name.

        In a followed folder the walk finds them again by itself.
        """
        away = {
            identity: followed.path
            for identity, followed in self._followed.items()
            if identity not in present and followed.path in self._named
        }
        emptied = [known for known in self._originals if known.path in self._named]
        for path in sorted({*away.values(), *(known.path for known in emptied)}):
            for file in find_beside(path):
                is_copy = file.identity not in self._followed and self._is_copy(file, emptied)
                if file.identity in away or is_copy:
                    present.setdefault(file.identity, file)

    def _is_copy(self, file: FoundFile, emptied: Sequence[_Followed]) -> bool:
        try:
            with closing(Opening(file)) as opening:
                return any(_holds(opening, known) for known in emptied)
        except OSError:
            return False

    def _find(self) -> Iterator[FoundFile]:
        for path in self._paths:
            try:
                yield from find_files([path])
            except OSError:
                # Not there yet, or just being rotated.
                continue

    def _complain(self, file: FoundFile, problem: str) -> Iterator[tuple[Mark, Span]]:
        if file.path not in self._complained:
            self._complained.add(file.path)
            row = reject(0, problem, b"")
            yield Mark(file.identity, file.path), Span(file.path, (), (), [row], 0)

    def _forget(self, present: dict[Identity, FoundFile]) -> None:
        for identity, followed in list(self._followed.items()):
            followed.gone_looks = 0 if identity in present else followed.gone_looks + 1
            if followed.gone_looks > _GONE_LOOKS:
                del self._followed[identity]
                self._by_mark.pop(_mark(followed.origin), None)
        for known in self._originals:
            known.gone_looks += 1
        while self._originals and self._originals[0].gone_looks > _COPIED_LOOKS:
            self._originals.popleft()

    def _read_on(self, file: FoundFile) -> Iterator[tuple[Mark, Span]]:
        followed = self._followed.get(file.identity)
        if followed and not _has_news(file, followed):
            return
        try:
            opening = Opening(file)
        except FileNotFoundError:
            return
        except OSError as error:
            yield from self._complain(file, f"unreadable: {error.strerror}")
            return
        with closing(opening):
            followed = self._recognize(file, opening)
            looked = (file.size_bytes, file.changed_ns)
            if followed.seen != looked:
                followed.seen, followed.still_looks = looked, 0
            patience = self._patience(file, opening) if followed.cutter is None else 0
            if not patience:
                yield from self._read_lines(file, opening, followed)
            elif followed.still_looks >= patience and file.size_bytes:
                yield from self._read_whole(file, opening, followed)
            else:
                _expect_whole(followed)

    def _recognize(self, file: FoundFile, opening: Opening) -> _Followed:
        """Return what is known of the file; a new beginning where it is another one by now."""
        followed = self._followed.get(file.identity)
        if followed and followed.offset == 0 and followed.cutter is None:
            # Nothing was read of it yet: its first line may have grown.
            followed.origin = opening.origin
            return followed
        if followed and _is_same(file, opening, followed):
            return followed
        if followed:
            self._originals.append(followed)
        original = self._original_of(opening)
        begun = _Followed(opening.origin, file.path)
        if original:
            begun = _Followed(original.origin, original.path, original.offset, tail=original.tail)
        self._followed[file.identity] = begun
        return begun

    def _original_of(self, opening: Opening) -> _Followed | None:
        """Return the file of which this one is a copy, made by rotation before emptying it."""
        alike = self._by_mark.get(_mark(opening.origin))
        candidates = [alike, *self._originals] if alike else self._originals
        return next((known for known in candidates if _holds(opening, known)), None)

    def _read_lines(
        self, file: FoundFile, opening: Opening, followed: _Followed
    ) -> Iterator[tuple[Mark, Span]]:
        followed.complete_size = -1
        if followed.cutter is None:
            header = header_at(opening.blocks(0), self._reader, followed.offset)
            followed.cutter = cutter_for(followed.offset, self._reader, header, self._unwrap)
        cutter = followed.cutter
        mark = Mark(file.identity, followed.origin)
        for block in opening.blocks(cutter.taken_to):
            yield from _span(mark, cutter.take(block), cutter)
            if cutter.taken_to >= file.size_bytes:
                # What is written meanwhile waits for the next look, so that others get their turn.
                break
        if followed.still_looks == _STILL_LAST_LINE and file.path != followed.path:
            yield from _span(mark, cutter.end(), cutter)
        elif followed.still_looks >= _STILL_WHOLE and isinstance(cutter, TextCutter):
            yield from _span(mark, cutter.flush(), cutter)
        if followed.offset != cutter.offset:
            followed.offset = cutter.offset
            followed.tail = opening.before(cutter.offset, _TAIL_BYTES)
            self._by_mark[_mark(followed.origin)] = followed

    def _patience(self, file: FoundFile, opening: Opening) -> int:
        """Return at how many looks without a change a file is read as a whole; 0 for lines."""
        stream = Stream(opening.blocks(0), Bounds())
        head = stream.head()
        shape = shape_of(head, self._unwrap, stream.is_complete, self._reader)
        if stream.is_gzip or shape == "document" or head.startswith(PARQUET_MAGIC):
            return _STILL_WHOLE
        # One line without its line break: perhaps all of the file, more likely still being written.
        is_one_line = b"\n" not in head and file.size_bytes <= len(head)
        return _STILL_LAST_LINE if is_one_line else 0

    def _read_whole(
        self, file: FoundFile, opening: Opening, followed: _Followed
    ) -> Iterator[tuple[Mark, Span]]:
        """Read a file that is not cut line by line; it has stopped changing."""
        _expect_whole(followed)
        mark = Mark(file.identity, followed.origin, 0)
        place = Place(followed.origin, self._unwrap, followed.offset, self._reader)
        for span in cut(opening.blocks, place):
            followed.offset = span.resume
            yield mark, span
        followed.complete_size = file.size_bytes
        end = Span(followed.origin, (), (), (), followed.offset)
        yield mark._replace(complete_size=file.size_bytes), end


def _expect_whole(followed: _Followed) -> None:
    if followed.complete_size > 0:
        # Written anew. What it held before is read again in the same places, and dropped.
        followed.offset = 0
    followed.complete_size = 0


def _has_news(file: FoundFile, followed: _Followed) -> bool:
    """Tell whether to open a file again; counts the looks at which it stood still."""
    looked = (file.size_bytes, file.changed_ns)
    if followed.complete_size == file.size_bytes and followed.seen in (looked, (-1, -1)):
        followed.seen = looked
        return False
    if followed.seen != looked:
        return True
    followed.still_looks += 1
    if followed.cutter is None:
        return followed.still_looks in (_STILL_WHOLE, _STILL_LAST_LINE)
    if isinstance(followed.cutter, TextCutter) and followed.cutter.is_holding:
        return followed.still_looks in (_STILL_WHOLE, _STILL_LAST_LINE)
    # A last line without its line break is complete when its file was rotated away.
    has_part = followed.cutter.taken_to > followed.cutter.offset
    was_rotated = file.path != followed.path
    return has_part and was_rotated and followed.still_looks == _STILL_LAST_LINE


def _is_same(file: FoundFile, opening: Opening, followed: _Followed) -> bool:
    """Tell whether the file still holds what was read of it, perhaps with more behind."""
    if _mark(followed.origin) != _mark(opening.origin):
        return False
    if followed.complete_size >= 0:
        return True
    read_to = followed.cutter.taken_to if followed.cutter else followed.offset
    if file.size_bytes < read_to:
        return False
    tail = followed.tail or b"\n"
    return not followed.offset or opening.before(followed.offset, len(tail)) == tail


def _holds(opening: Opening, known: _Followed) -> bool:
    """Tell whether a file begins with all that was read of another one."""
    if not known.tail or _mark(known.origin) != _mark(opening.origin):
        return False
    return opening.before(known.offset, len(known.tail)) == known.tail


def _mark(origin: str) -> str:
    return origin.rpartition(".")[2]


def _span(mark: Mark, found: Found, cutter: Cutter) -> Iterator[tuple[Mark, Span]]:
    if found.raws or found.rejects:
        yield mark, found.span(mark.origin, cutter.offset)
