"""The thread of threat intelligence: pulls feeds when they are due, then searches history."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.errors import TocsinError
from tocsin.run import knowing
from tocsin.run.tools import Tools
from tocsin.settings import Settings
from tocsin.store import Store

_LOOK_EVERY_SECONDS = 5.0

log = logging.getLogger("tocsin.intelligence")


@dataclass(slots=True)
class IntelligenceWatch:
    """Keeps indicators fresh; no turn waits for it.

    Attributes:
        tools: what turns work with at present.
    """

    settings: Settings
    store: Store
    tools: Callable[[], Tools]
    stopping: threading.Event
    clock: Callable[[], datetime]
    _problems: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Look now and then what is due, until told to stop."""
        if not self.settings.intelligence.feeds:
            return
        while not self.stopping.wait(_LOOK_EVERY_SECONDS):
            self.once()

    def once(self) -> None:
        """Pull what is due, then go on with searches of history."""
        # Loaded here: most data folders have no feeds.
        from tocsin.run import pulls
        from tocsin.run.history import History

        wanted = self.settings.intelligence
        for feed in wanted.feeds:
            if self.stopping.is_set():
                return
            try:
                state = self.store.indicators.state(feed.name)
                if pulls.is_due(feed, state, self.clock()):
                    state = pulls.pull(feed, wanted, self.store, self.clock())
                if feed.enabled and not all(each.is_done for each in state.searches):
                    History(self.tools, self.store, self.clock, self.stopping.is_set).search(
                        feed.name
                    )
                self._note(feed.name, state.problem)
            except TocsinError as error:
                self._note(feed.name, str(error))
            except Exception as error:  # the outermost edge of a thread: the other feeds go on
                log.exception("intelligence failed", extra={"feed": feed.name})
                self._note(feed.name, type(error).__name__)

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each feed that failed, and each broken file of enrichment."""
        told = [f"intelligence {name}: {what}" for name, what in sorted(self._problems.items())]
        return (*told, *knowing.problems(self.settings))

    def _note(self, feed: str, problem: str) -> None:
        if problem:
            self._problems[feed] = problem
        else:
            self._problems.pop(feed, None)
