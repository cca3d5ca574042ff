"""Carry what one source reads into the queue, and tell it what was committed.

One thread a feed. A source that fails is read again from its last committed cursor after a pause
that grows; what was in flight then comes again and is dropped as a duplicate.
"""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tocsin.collect import Outcome, Source
from tocsin.errors import SettingsError, WorldError
from tocsin.ocsf import RawBatch
from tocsin.run.queue import TurnQueue
from tocsin.store import Store

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0

log = logging.getLogger("tocsin.feed")


@dataclass(slots=True)
class Feeder:
    """The thread of one feed that Tocsin pulls from."""

    feed: str
    source: Source
    queue: TurnQueue
    store: Store
    stopping: threading.Event
    problem: str = ""
    is_done: bool = False
    _failed: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Read until told to stop, or until the source has an end."""
        pause = _FIRST_PAUSE_SECONDS
        while not self.stopping.is_set():
            try:
                carried = self._read_once()
                if not self._failed.is_set():
                    self.is_done = True
                    return
                pause = _FIRST_PAUSE_SECONDS if carried else pause
            except SettingsError as error:
                self._complain(str(error))
                return
            except WorldError as error:
                self._complain(str(error))
            except Exception:  # the edge of a plug: a fault of one source must not end the others
                log.exception("source failed", extra={"feed": self.feed})
                self.problem = "a fault in the source; see the log"
            self.stopping.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _read_once(self) -> int:
        """Read from the last committed cursor; return how many batches went out."""
        self._failed.clear()
        self.queue.reopen(self.feed)
        batches = self.source.read(self.store.turns.cursor(self.feed))
        carried = 0
        # One thread waits for the outcomes and acknowledges: in order, and beside the turns.
        with ThreadPoolExecutor(1, thread_name_prefix=f"ack-{self.feed}") as acknowledging:
            for batch in self._until_stopped(batches):
                outcome = self.queue.put(batch)
                if outcome is None or self._failed.is_set():
                    break
                self.problem = ""
                acknowledging.submit(self._settle, outcome, batch)
                carried += 1
        return carried

    def _until_stopped(self, batches: Iterator[RawBatch]) -> Iterator[RawBatch]:
        try:
            for batch in batches:
                yield batch
                if self.stopping.is_set() or self._failed.is_set():
                    return
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()

    def _settle(self, outcome: "Future[Outcome]", batch: RawBatch) -> None:
        if outcome.result().status != "committed":
            self._failed.set()
            return
        if self._failed.is_set():
            # An earlier batch of the feed was lost: acknowledging a later one would skip it.
            return
        try:
            self.source.acknowledge(batch)
        except WorldError as error:
            self._complain(str(error))
        except Exception:  # the edge of a plug: the records are safe, the other side sends again
            log.exception("source cannot acknowledge", extra={"feed": self.feed})
            self.problem = "a fault in the source; see the log"

    def _complain(self, problem: str) -> None:
        self.problem = problem
        log.warning("source cannot be read", extra={"feed": self.feed, "problem": problem})
