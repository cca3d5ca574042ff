"""The switch that stops all responding: a file, so that it works whatever else does not.

It is looked for before every call. While it is there, or nobody can tell whether it is, nothing is
done.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tocsin.errors import StoreError
from tocsin.store import durable

NAME = "respond.stop"


@dataclass(frozen=True, slots=True)
class Stopped:
    """Who stopped responding, why and since when; `time` is `None` where the file does not say."""

    who: str
    reason: str
    time: datetime | None


class ResponseStop:
    """The switch of one data folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    @property
    def path(self) -> Path:
        """Of the file: the broker, which knows no store, looks for it too."""
        return self._path

    @property
    def is_set(self) -> bool:
        """Whether nothing may be done; also where that cannot be found out."""
        try:
            self._path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def read(self) -> Stopped | None:
        """Return who stopped responding; `None` where nobody did."""
        if not self.is_set:
            return None
        try:
            found = json.loads(self._path.read_text("utf-8"))
            time = datetime.fromisoformat(found["time"])
            return Stopped(str(found["who"]), str(found["reason"]), time.astimezone(UTC))
        except (OSError, ValueError, KeyError, TypeError):
            # A file that somebody made by hand stops all the same.
            return Stopped("", "", None)

    def set(self, who: str, reason: str, now: datetime) -> None:
        """Stop all responding, from the next call on.

        On a full disk the file stays empty: that stops as well, only nobody knows who it was.

        Raises:
            StoreError: there can be no file. Where the folder cannot be written at all, no call is
                sent either, since none can be written down.
        """
        content = json.dumps({"who": who, "reason": reason, "time": now.isoformat()})
        try:
            with durable.new_file(self._path) as temporary:
                temporary.write_text(content, "utf-8")
        except OSError:
            self._set_empty()

    def _set_empty(self) -> None:
        try:
            self._path.touch()
            durable.sync_folder(self._path.parent)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}") from error

    def clear(self) -> bool:
        """Let responding go on; return whether it was stopped.

        Raises:
            StoreError: the file cannot be removed.
        """
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{self._path} cannot be removed: {error.strerror}") from error
        durable.sync_folder(self._path.parent)
        return True
