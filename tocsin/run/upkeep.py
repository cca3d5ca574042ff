"""What has to be done now and then: compaction, retention, the heartbeat."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.errors import TocsinError
from tocsin.settings import Settings
from tocsin.settings.model import Heartbeat
from tocsin.store import Retention, Store

_COMPACT_EVERY = timedelta(seconds=30)
_RETAIN_EVERY = timedelta(hours=1)
_LOOK_EVERY_SECONDS = 1.0

log = logging.getLogger("tocsin.upkeep")


@dataclass(slots=True)
class Upkeep:
    """One thread for work that no turn waits for."""

    settings: Settings
    store: Store
    stopping: threading.Event
    clock: Callable[[], datetime]
    _due: dict[str, datetime] = field(default_factory=dict)
    _problems: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Look once a second what is due, until told to stop."""
        while not self.stopping.wait(_LOOK_EVERY_SECONDS):
            self.once()

    def once(self) -> None:
        """Do what is due now."""
        now = self.clock()
        self._when_due(
            "compaction", _COMPACT_EVERY, now, lambda: self.store.maintenance.compact(now)
        )
        self._when_due("retention", _RETAIN_EVERY, now, lambda: self._retain(now))
        heartbeat = self.settings.heartbeat
        if heartbeat is not None:
            self._when_due("heartbeat", heartbeat.every, now, lambda: self._beat(heartbeat, now))

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each task whose last attempt failed."""
        return tuple(f"{name}: {problem}" for name, problem in sorted(self._problems.items()))

    def _when_due(
        self, name: str, every: timedelta, now: datetime, work: Callable[[], object]
    ) -> None:
        due = self._due.setdefault(name, now + every)
        if now < due:
            return
        self._due[name] = now + every
        try:
            work()
            self._problems.pop(name, None)
        except TocsinError as error:
            self._problems[name] = str(error)
            log.warning("upkeep failed", extra={"task": name, "problem": str(error)})
        except Exception as error:  # the outermost edge of a thread: the other tasks go on
            self._problems[name] = type(error).__name__
            log.exception("upkeep failed", extra={"task": name})

    def _retain(self, now: datetime) -> None:
        wanted = self.settings.retention
        removed = self.store.maintenance.retain(Retention(wanted.days, wanted.bytes), now)
        if removed.files or removed.rejects:
            log.info("retention", extra={"files": removed.files, "events": removed.events})
        self.store.identities.forget(now - timedelta(days=wanted.days))

    def _beat(self, heartbeat: Heartbeat, now: datetime) -> None:
        # Loaded here: most data folders have no heartbeat, and httpx is not small.
        from tocsin.run.heart import beat

        beat(heartbeat, now)
