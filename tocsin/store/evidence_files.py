"""The bytes of evidence: one file each, named by its SHA-256, so that a changed one shows."""

import os
import secrets
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from tocsin.errors import StoreError, UsageError
from tocsin.store import durable

MOST_BYTES = 25 * 1024 * 1024
"""Of one piece of evidence."""

INCOMING = "incoming"
READ_BYTES = 1 << 20
YOUNG_SECONDS = 3_600


class Upload:
    """Bytes on their way in; they count once they are attached.

    Attributes:
        size_bytes: how many came so far.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.size_bytes = 0
        self._file = file
        self._digest = sha256()

    def write(self, content: bytes) -> None:
        """Take the next bytes.

        Raises:
            UsageError: it is more than a piece of evidence may have.
        """
        self.size_bytes += len(content)
        if self.size_bytes > MOST_BYTES:
            raise UsageError(f"a file has at most {MOST_BYTES // 1024**2} MiB")
        self._digest.update(content)
        self._file.write(content)

    @property
    def sha256(self) -> str:
        """The hash of what came so far, in hex."""
        return self._digest.hexdigest()

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()


@contextmanager
def upload(folder: Path) -> Iterator[Upload]:
    """Give a place for bytes that come in; what is not kept is gone at the end."""
    incoming = folder / INCOMING
    durable.make_folder(incoming)
    path = incoming / f"{os.getpid()}-{secrets.token_hex(8)}"
    try:
        with open(path, "xb", opener=_private) as file:  # noqa: PTH123 -- a Path takes no opener
            yield Upload(path, file)
    finally:
        path.unlink(missing_ok=True)


def keep(folder: Path, content: Upload) -> None:
    """Put what came where its hash says, durably; bytes that are there already stay."""
    content.flush()
    target = place(folder, content.sha256)
    if target.is_file() and digest(target) == content.sha256:
        return
    durable.make_folder(target.parent)
    durable.sync_file(content.path)
    # A second name of the same bytes: the first goes with the upload.
    target.unlink(missing_ok=True)
    os.link(content.path, target)
    durable.sync_folder(target.parent)


def place(folder: Path, name: str) -> Path:
    """Return where the bytes with this SHA-256 lie.

    Raises:
        StoreError: it is no SHA-256 in hex.
    """
    if len(name) != 64 or not set(name) <= set("0123456789abcdef"):
        raise StoreError(f"{name!r} is no SHA-256")
    return folder / name[:2] / name


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    found = sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            found.update(block)
    return found.hexdigest()


def lost(folder: Path, wanted: Container[str]) -> Iterator[Path]:
    """Yield files that nothing names, except young ones, whose rows may be on their way."""
    for path in sorted(folder.glob("*/*")):
        is_named = path.name in wanted and path.parent.name != INCOMING
        if not is_named and time.time() - path.stat().st_mtime > YOUNG_SECONDS:
            yield path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
