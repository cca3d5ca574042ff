"""The notice in the data folder that says which rules are in force, and how others ask for more.

`rules.json` is written by the process that turns, for commands beside it; `rules.reload` is touched
by a command that wants the rules read again. Both may be deleted at any time.
"""

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tocsin.run.wiring import LoadedRules

_NOTICE = "rules.json"
_WISH = "rules.reload"
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Noticed:
    """What a running Tocsin says of its rules.

    Attributes:
        version: hash of the rules in force.
        since: when they were read, UTC.
        problems: one sentence each.
        answers: the wish that this notice was given after; 0 for none.
    """

    version: str
    rules: int
    since: datetime
    problems: tuple[str, ...]
    answers: int = 0


class Notice:
    """The notice of one data folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NOTICE
        self._wish = folder / _WISH
        self._taken = self._wished()

    def is_asked(self) -> bool:
        """Return whether a command has asked since this was last called."""
        wished = self._wished()
        is_new, self._taken = wished != self._taken, wished
        return is_new

    def give(self, loaded: LoadedRules, since: datetime, problems: tuple[str, ...]) -> None:
        """Write what is in force; a folder that cannot be written is for others to complain of."""
        content = {
            "version": loaded.version,
            "rules": len(loaded.rules),
            "since": since.isoformat(),
            "problems": problems,
            "answers": self._taken,
            "process": os.getpid(),
        }
        temporary = self._path.with_name(f"{_NOTICE}.{os.getpid()}.tmp")
        with suppress(OSError):
            temporary.write_text(json.dumps(content) + "\n", "utf-8")
            temporary.replace(self._path)

    def withdraw(self) -> None:
        """Take the notice back: nothing is in force any more."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _wished(self) -> int:
        try:
            return self._wish.stat().st_mtime_ns
        except OSError:
            return 0


def noticed(folder: Path) -> Noticed | None:
    """Return what the Tocsin that runs on a data folder says of its rules; `None` if none does."""
    try:
        found = json.loads((folder / _NOTICE).read_text("utf-8"))
        os.kill(int(found["process"]), 0)
        return Noticed(
            version=str(found["version"]),
            rules=int(found["rules"]),
            since=datetime.fromisoformat(found["since"]).astimezone(UTC),
            problems=tuple(map(str, found["problems"])),
            answers=int(found["answers"]),
        )
    except PermissionError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ask_to_reload(folder: Path, timeout_seconds: float) -> Noticed | None:
    """Ask the Tocsin that runs on a data folder to read its rules again; wait for its answer."""
    if noticed(folder) is None:
        return None
    wish = folder / _WISH
    wish.touch(mode=0o600)
    wanted = wish.stat().st_mtime_ns
    end = time.monotonic() + timeout_seconds
    while time.monotonic() < end:
        found = noticed(folder)
        if found is not None and found.answers >= wanted:
            return found
        time.sleep(_POLL_SECONDS)
    return None
