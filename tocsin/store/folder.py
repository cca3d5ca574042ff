"""The data folder: what lies where, whether it is a demo's, and who may write.

marker.json     what kind of folder this is
state.sqlite    everything but events
lake/           events: <source>/day=YYYY-MM-DD/*.parquet
evidence/       what people attached to incidents, by SHA-256
secrets/        the key that signs checkpoints of the audit log
backups/        copies of the state before a migration
turn.lock       held during a turn, by one process
upkeep.lock     held during compaction and retention, by one process
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tocsin.errors import StoreError
from tocsin.store import durable

FORMAT = 1
POLL_SECONDS = 0.01


class Lock:
    """A lock of the folder against other threads and other processes; it ends with its process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = threading.Lock()
        self._held = False

    @property
    def is_held(self) -> bool:
        """Whether this object holds it."""
        return self._held

    @contextmanager
    def hold(self, timeout_seconds: float | None = None) -> Iterator[None]:
        """Hold the lock for the block.

        Raises:
            StoreError: somebody else kept it for longer than `timeout_seconds`.
        """
        if not self._thread.acquire(timeout=-1 if timeout_seconds is None else timeout_seconds):
            raise StoreError(f"{self._path} is held by another thread")
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._wait(descriptor, timeout_seconds)
                self._held = True
                yield
            finally:
                self._held = False
                # A child that was forked meanwhile shares the descriptor: unlock, not only close.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)
        finally:
            self._thread.release()

    def _wait(self, descriptor: int, timeout_seconds: float | None) -> None:
        if timeout_seconds is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            return
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StoreError(f"{self._path} is held by another process") from None
                time.sleep(POLL_SECONDS)
            else:
                return


class DataFolder:
    """The paths and locks of one data folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.marker = path / "marker.json"
        self.state = path / "state.sqlite"
        self.lake = path / "lake"
        self.evidence = path / "evidence"
        self.backups = path / "backups"
        self.turn_lock = Lock(path / "turn.lock")
        self.upkeep_lock = Lock(path / "upkeep.lock")

    def prepare(self, *, demo: bool) -> None:
        """Create what is missing, and make sure that the folder is of the wanted kind.

        Raises:
            StoreError: it is of the other kind, holds something else, or cannot be written.
        """
        try:
            durable.make_folder(self.path)
            self.path.chmod(0o700)
            self._check_marker(demo=demo)
            durable.make_folder(self.lake)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be used as data folder: {error}") from error

    def kind(self) -> str | None:
        """Return `demo` or `real`; `None` where there is no data folder yet.

        Raises:
            StoreError: the marker is damaged.
        """
        return self._read_marker()[0] if self.marker.exists() else None

    def _check_marker(self, *, demo: bool) -> None:
        wanted = "demo" if demo else "real"
        if not self.marker.exists():
            self._refuse_foreign()
            with durable.new_file(self.marker) as temporary:
                temporary.write_text(json.dumps({"kind": wanted, "format": FORMAT}) + "\n")
            return
        kind, number = self._read_marker()
        if number > FORMAT:
            raise StoreError(f"{self.path} was written by a newer Tocsin (format {number})")
        if kind != wanted:
            advice = "start with --demo" if kind == "demo" else "start without --demo"
            raise StoreError(
                f"{self.path} holds {'the demo' if kind == 'demo' else 'real data'}: {advice}, "
                "or choose another data folder (TOCSIN_DATA)"
            )

    def _read_marker(self) -> tuple[str, int]:
        try:
            marker = json.loads(self.marker.read_text("utf-8"))
            return str(marker["kind"]), int(marker["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{self.marker} is damaged ({error}): restore the folder from a backup"
            ) from error

    def _refuse_foreign(self) -> None:
        known = {"lost+found", self.marker.name + durable.TEMPORARY_SUFFIX}
        others = sorted(entry.name for entry in self.path.iterdir() if entry.name not in known)
        if others:
            raise StoreError(
                f"{self.path} is no data folder of Tocsin: it has no marker but holds "
                f"{others[0]}; choose an empty folder (TOCSIN_DATA)"
            )
