"""Open files by what they are, not by what they are called, and read them in blocks."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from tocsin.collect.folders import STANDARD_INPUT, FoundFile
from tocsin.errors import SourceError

BLOCK_BYTES = 1 << 20
_FINGERPRINT_BYTES = 1024

CountBytes = Callable[[int], None]
"""Told how many bytes were just read."""


def _ignore(size_bytes: int) -> None:
    pass


def fingerprint(head: bytes) -> str:
    """Return a mark of a stream's beginning that stays the same while the stream grows.

    It covers the first line, at most 1 KiB: enough to see that an inode was given to another file
    or that a file was emptied and written anew.
    """
    line = head[:_FINGERPRINT_BYTES].partition(b"\n")[0]
    return blake2b(line, digest_size=4).hexdigest()


class Opening:
    """An open file or stream: its identity, and its blocks from any offset (files only)."""

    def __init__(self, file: FoundFile) -> None:
        """Open `file`.

        Raises:
            OSError: it cannot be opened, or its name belongs to another file by now.
        """
        self._file = file
        self._opened = _open_stream(file.path) if file.is_stream else _open_regular(file)
        self.head = self._opened.read(BLOCK_BYTES if file.is_stream else _FINGERPRINT_BYTES)
        mark = fingerprint(self.head)
        if file.is_stream:
            self.origin = f"{'stdin' if file.path == STANDARD_INPUT else file.path}#{mark}"
        else:
            self.origin = f"{file.path}#{file.inode:x}.{mark}"

    def blocks(self, offset: int, count: CountBytes = _ignore) -> Iterator[bytes]:
        """Yield the content from `offset` on in blocks of at most 1 MiB; `count` is told of each.

        Raises:
            SourceError: the disk or the other end of the pipe failed.
        """
        if not self._file.is_stream:
            self._opened.seek(offset)
        elif self.head:
            yield self.head
        while block := self._read():
            count(len(block))
            yield block

    def before(self, offset: int, size_bytes: int) -> bytes:
        """Return at most `size_bytes` bytes that lie before `offset` (files only)."""
        start = max(offset - size_bytes, 0)
        return os.pread(self._opened.fileno(), offset - start, start)

    def close(self) -> None:
        """Close it; standard input itself stays open."""
        self._opened.close()

    def _read(self) -> bytes:
        try:
            return self._opened.read(BLOCK_BYTES)
        except OSError as error:
            raise SourceError(f"{self._file.path}: {error.strerror or error}") from error


def _open_stream(path: str) -> BinaryIO:
    if path == STANDARD_INPUT:
        # Without Python's buffer `read` returns what is there instead of waiting for a full block.
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    return Path(path).open("rb", buffering=0)


def _open_regular(file: FoundFile) -> BinaryIO:
    # Without waiting: a pipe that took the file's place would block for ever.
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if (found.st_dev, found.st_ino) != file.identity or not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FileNotFoundError(2, "was replaced while being read", file.path)
    return os.fdopen(descriptor, "rb", buffering=0)
