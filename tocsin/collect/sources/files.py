"""Read files and folders: once from beginning to end, or following what is appended.

JSON lines, whole JSON documents (`{"Records": [...]}`, arrays), plain or gzip, and standard input.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, ClassVar

from tocsin.collect.cutting import Place, cut
from tocsin.collect.folders import FoundFile, find_files
from tocsin.collect.following import Follower
from tocsin.collect.openings import Opening
from tocsin.collect.records import HISTORY, LIVE, Filled, Span, fill, reject
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.values import Unwritten, Written

Observe = Callable[[int, int], None]
"""Told bytes read and bytes in all (0 where unknown), as they lie on the disk."""

Pause = Callable[[float], bool | None]
"""Waits so many seconds; true when reading should end (`threading.Event().wait` fits)."""


_REST_FACTOR = 5
_LONGEST_REST_SECONDS = 5.0


def _only(path: Path) -> tuple[str, ...]:
    return (str(path),)


@dataclass(frozen=True, slots=True)
class FilesSettings:
    """Where to read.

    Attributes:
        feed: unique name, owner of the cursor.
        source: the type of the records, which names their mapping.
        paths: a file, or a folder with all files below it; plain or gzip.
        unwrap: where a payload holds many records (`Records`), as the mapping says.
        follow: go on reading as files grow, rotate and appear; otherwise read once. Rotation by
            renaming and by copying is understood.
        poll_seconds: how often a followed folder is looked at.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    paths: Annotated[tuple[str, ...], Written("path", Path, _only)]
    unwrap: str | None = None
    follow: Annotated[bool, Written(default=True)] = False
    poll_seconds: Annotated[float, Unwritten()] = 1.0
    reader: LineReader | None = None


class Files:
    """Reads files and folders."""

    guarantee: ClassVar[str] = "resumable"

    def __init__(
        self,
        settings: FilesSettings,
        *,
        observe: Observe | None = None,
        pause: Pause = time.sleep,
    ) -> None:
        """Take what to read; nothing is opened yet.

        Args:
            settings: where to read.
            observe: told about the progress of one pass, from the reading thread.
            pause: waits between looks at followed files, and says when to end.
        """
        self._settings = settings
        self._observe = observe
        self._pause = pause

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what comes after `cursor`; see `Source.read`.

        A pass resumes in the file where it stopped as long as the files before it are the same;
        otherwise it starts again, and the store drops what it has.

        Raises:
            SourceError: a path that is named does not exist or cannot be read, or the disk failed.
        """
        try:
            yield from self._follow(cursor) if self._settings.follow else self._read_once(cursor)
        except OSError as error:
            raise SourceError(f"{error.filename}: {error.strerror}") from error

    def acknowledge(self, batch: RawBatch) -> None:
        """Do nothing: the cursor is all that files need."""

    def examine(self) -> str:
        """Look whether the paths are there; return a sentence for `tocsin doctor`.

        Raises:
            SourceError: one may come later, but more often it is mistyped; the text names it.
        """
        paths = [path for path in self._settings.paths if path != "-"]
        for path in paths:
            if not os.access(path, os.R_OK):
                raise SourceError(
                    f"{path} is not there or may not be read; mend `path` of the feed"
                )
        return f"{', '.join(paths)} can be read"

    def _read_once(self, cursor: str | None) -> Iterator[RawBatch]:
        files = list(find_files(self._settings.paths))
        for filled in fill(self._spans(files, cursor), HISTORY, self._settings.source):
            mark, resume = filled.marks[-1]
            after = {"before": mark.before, "origin": mark.origin, "resume": resume}
            yield self._batch(filled, json.dumps(after))

    def _follow(self, cursor: str | None) -> Iterator[RawBatch]:
        settings = self._settings
        follower = Follower(settings.paths, settings.unwrap, cursor, settings.reader)
        limits = HISTORY
        while True:
            began = time.thread_time()
            for filled in fill(follower.look(), limits, self._settings.source):
                yield self._batch(filled, follower.cursor_after(filled.marks))
            # Looking at very many files must not keep the machine busy.
            rest = min(_REST_FACTOR * (time.thread_time() - began), _LONGEST_REST_SECONDS)
            if self._pause(max(self._settings.poll_seconds, rest)):
                return
            # The first look may have to catch up; from now on findings should come soon.
            limits = LIVE

    def _batch(self, filled: Filled[Any], cursor: str) -> RawBatch:
        return RawBatch(
            source=self._settings.source,
            feed=self._settings.feed,
            records=filled.records,
            cursor=cursor,
            receipt=None,
            rejects=filled.rejects,
        )

    def _spans(self, files: list[FoundFile], cursor: str | None) -> Iterator[tuple["_Mark", Span]]:
        before = _chain(files)
        start = _Start.of(cursor)
        first = before.index(start.before) if start.before in before else 0
        progress = _Progress(files, self._observe)
        for file, chained in zip(files[first:], before[first:], strict=True):
            progress.begin(file)
            yield from self._read_file(file, chained, start, progress)

    def _read_file(
        self, file: FoundFile, before: str, start: "_Start", progress: "_Progress"
    ) -> Iterator[tuple["_Mark", Span]]:
        try:
            if file.problem:
                raise OSError(0, file.problem, file.path)
            opening = Opening(file)
        except OSError as error:
            if file.is_named:
                raise
            if start != _Start(before, file.path, 1):
                yield _Mark(before, file.path), _unreadable(file, error)
            return
        with closing(opening):
            is_start = start.before == before and start.origin == opening.origin
            resume = start.resume if is_start and not file.is_stream else 0
            settings = self._settings
            place = Place(opening.origin, settings.unwrap, resume, settings.reader)
            for span in cut(partial(opening.blocks, count=progress.count), place):
                yield _Mark(before, opening.origin), span


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a span was read: the chain of files before, and the file's origin."""

    before: str
    origin: str


@dataclass(frozen=True, slots=True)
class _Start:
    """Where to resume; empty at first."""

    before: str = ""
    origin: str = ""
    resume: int = 0

    @classmethod
    def of(cls, cursor: str | None) -> "_Start":
        if cursor is None:
            return cls()
        kept = json.loads(cursor)
        return cls(kept["before"], kept["origin"], kept["resume"])


class _Progress:
    """Sums up what was read of all files; a file counts as whole once the next one begins."""

    def __init__(self, files: list[FoundFile], observe: Observe | None) -> None:
        self._observe = observe
        self._total = sum(file.size_bytes for file in files)
        self._ends = {}
        end = 0
        for file in files:
            self._ends[file.path] = end
            end += file.size_bytes
        self._done = 0

    def begin(self, file: FoundFile) -> None:
        self._done = self._ends[file.path]
        self.count(0)

    def count(self, size_bytes: int) -> None:
        self._done += size_bytes
        if self._observe:
            self._observe(self._done, self._total)


def _chain(files: list[FoundFile]) -> list[str]:
    """Return for each file a hash of all files before it, by path and identity."""
    digest = blake2b(digest_size=8)
    chained = []
    for file in files:
        chained.append(digest.hexdigest())
        digest.update(
            f"{file.path}\0{file.device}\0{file.inode}\0".encode("utf-8", "surrogateescape")
        )
    return chained


def _unreadable(file: FoundFile, error: OSError) -> Span:
    reason = error.strerror or str(error)
    if not file.problem:
        reason = f"unreadable: {reason}"
    return Span(file.path, (), (), [reject(0, reason, b"")], 1)
