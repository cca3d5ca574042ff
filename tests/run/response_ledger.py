"""A ledger of what changes the cloud, kept by a proxy before moto and by none of Tocsin's code."""

import json
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.act.faults import Answer

MOMENTS = ("before", "after", "lost")
"""When a process dies at a call: sent and not yet done, done and not yet answered, never sent."""


@dataclass
class Ledger:
    """Writes down each changing call before it is passed on; stands where `Faults` may stand.

    Attributes:
        path: one JSON object a line, each on the disk before the call goes on.
        state: the database of Tocsin, read here with plain SQL.
        request_uid: of the request that is on stage.
        kill: ends the process on stage.
        left: calls, readings included, until it is ended; below 0 it is not.
        moment: of `MOMENTS`, in which it is ended then.
    """

    path: Path
    state: Path
    request_uid: str = ""
    kill: Callable[[], object] = lambda: None
    left: int = -1
    moment: str = "before"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.path.touch()

    def aim(self, random: Random, kill: Callable[[], object], most: int) -> None:
        """Let the process on stage be ended at one of its next calls."""
        with self._lock:
            self.kill, self.left = kill, random.randrange(most)
            self.moment = random.choice(MOMENTS)

    def answer(self, request: Any, pass_on: Callable[[], Answer]) -> Answer | None:
        """Return what the client is told, `None` where its call is lost."""
        with self._lock:
            is_last = self.left == 0
            self.left -= 1
            if is_last and self.moment == "lost":
                self.kill()
                return None
            number = 0 if request.is_reading else self._write(request)
            if is_last and self.moment == "before":
                self.kill()
            answer = pass_on()
            if number:
                self._append({"answered": number, "status": answer.status})
            if is_last and self.moment == "after":
                self.kill()
            return answer

    def calls(self) -> list[dict[str, Any]]:
        """Return the changes that took effect, in order."""
        lines = [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
        done = {one["answered"] for one in lines if one.get("status", 500) < 300}
        return [one for one in lines if one.get("number") in done]

    def twice(self) -> list[tuple[str, str, str]]:
        """Return the changes that one request made more than once."""
        told = ((one["request"], one["operation"], one["content"]) for one in self.calls())
        return [key for key, count in Counter(told).items() if count > 1]

    def orphans(self) -> list[dict[str, Any]]:
        """Return the changes before which no way back was on the disk."""
        return [one for one in self.calls() if not one["has_way_back"]]

    def _write(self, request: Any) -> int:
        number = len(self.path.read_bytes().splitlines()) + 1
        entry = {
            "number": number,
            "request": self.request_uid,
            "operation": request.operation,
            "content": request.content.decode("utf-8", "replace"),
            "has_way_back": self._has_way_back(),
        }
        self._append(entry)
        return number

    def _append(self, entry: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _has_way_back(self) -> bool:
        """Whether state before, plan and an open call stand in the database of another process."""
        request = "SELECT state, before, plan FROM requests WHERE uid = ?"
        opened = "SELECT count(*) FROM request_calls WHERE request_uid = ? AND outcome = ''"
        with sqlite3.connect(f"file:{self.state}?mode=ro", uri=True) as connection:
            row = connection.execute(request, (self.request_uid,)).fetchone()
            (count,) = connection.execute(opened, (self.request_uid,)).fetchone()
        connection.close()
        return bool(row) and row[0] in ("applying", "reverting") and all(row) and count > 0
