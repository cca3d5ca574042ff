"""Make checkpoints of the audit log, and send them to a second place: a file, one line each.

The file should lie where whoever breaks into this machine cannot change what is there: another
machine's disk, a share that can only be appended to.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tocsin.errors import ActionError
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.answers import AuditState, Checkpoint, read_checkpoints


@dataclass(frozen=True, slots=True)
class Auditing:
    """Makes and sends checkpoints."""

    settings: Settings
    store: Store
    clock: Callable[[], datetime]

    def is_due(self) -> bool:
        """Return whether enough was written since the last checkpoint."""
        return self.store.audit.checkpoint_is_due(self.clock())

    def once(self) -> int:
        """Make a checkpoint where anything was written, and send those that wait; return how many.

        Raises:
            StoreError: the key cannot be used.
            ActionError: the second place takes nothing.
        """
        self.store.audit.checkpoint(self.clock())
        path = self.settings.audit.checkpoints
        waiting = self.store.audit.unsent()
        if path is None or not waiting:
            return 0
        _append(path, waiting)
        self.store.audit.sent([one.seq for one in waiting])
        return len(waiting)


def verify(
    store: Store,
    *,
    known_head: str | None = None,
    checkpoints: Path | None = None,
    public_key: str | None = None,
) -> AuditState:
    """Recompute the audit log and compare it with what was kept elsewhere.

    Raises:
        UsageError: the file of checkpoints cannot be read.
    """
    kept: tuple[Checkpoint, ...] = () if checkpoints is None else read_checkpoints(checkpoints)
    return store.audit.verify(known_head=known_head, checkpoints=kept, public_key=public_key)


def _append(path: Path, checkpoints: tuple[Checkpoint, ...]) -> None:
    # A process that dies here sends some of them again: a checkpoint that is there twice is true.
    lines = "".join(f"{one.line()}\n" for one in checkpoints)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if file.tell() and not _ends_line(path):
                lines = f"\n{lines}"
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ActionError(f"{path} takes no checkpoints: {error.strerror}") from error


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
