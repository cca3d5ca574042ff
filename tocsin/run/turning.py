"""The thread that turns: takes what waits, carries it to a commit, tells everyone who waits."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa

from tocsin.errors import WorldError
from tocsin.run.metrics import Meter
from tocsin.run.pipeline import TurnReport, turn, turn_whatever_comes
from tocsin.run.queue import Joined, TurnQueue
from tocsin.run.tools import Tools
from tocsin.store import Store

_CLOCK_TURN_SECONDS = 1.0
_PAUSE_AFTER_FAILURE_SECONDS = 2.0

log = logging.getLogger("tocsin.turn")


@dataclass(slots=True)
class Turner:
    """Runs turns one after the other until stopped.

    Attributes:
        tools: read anew at each turn, so that content can be replaced between two.
        own_findings: asked once a second for findings about Tocsin itself.
        problem: why the last turn failed; "" while all is well.
    """

    queue: TurnQueue
    store: Store
    tools: Callable[[], Tools]
    clock: Callable[[], datetime]
    own_findings: Callable[[datetime], pa.Table]
    meter: Meter
    stopping: threading.Event
    problem: str = ""
    last_turn: datetime | None = None
    _next_clock_turn: datetime | None = field(default=None)

    def run(self) -> None:
        """Turn until told to stop; what still waits then is turned first."""
        while not self.stopping.is_set():
            self.once(_CLOCK_TURN_SECONDS)
        while self.once(0.0):
            pass

    def once(self, timeout_seconds: float) -> bool:
        """Take one turn; return whether anything waited for it."""
        joined = self.queue.take(timeout_seconds)
        began = time.monotonic()
        try:
            report = self._turn(joined)
        except WorldError as error:
            self._failed(joined, str(error))
            return bool(joined)
        except Exception as error:  # the outermost edge: a fault of ours must not end the thread
            log.exception("turn failed")
            self._failed(joined, f"{type(error).__name__}: {error}")
            return bool(joined)
        self.problem = ""
        if report is not None:
            self._tell(joined, report, time.monotonic() - began)
        return bool(joined)

    def _turn(self, joined: tuple[Joined, ...]) -> TurnReport | None:
        now = self.clock()
        own = self._own_findings(now)
        if not joined and own is None:
            return None
        batches = [each.batch for each in joined]
        report = (
            turn_whatever_comes(batches, self.tools(), self.store, self.clock) if joined else None
        )
        if own is not None:
            clocked = turn([], self.tools(), self.store, self.clock(), own)
            report = report or clocked
        self.last_turn = now
        return report

    def _own_findings(self, now: datetime) -> pa.Table | None:
        if self._next_clock_turn is not None and now < self._next_clock_turn:
            return None
        self._next_clock_turn = now + timedelta(seconds=_CLOCK_TURN_SECONDS)
        return self.own_findings(now)

    def _tell(self, joined: tuple[Joined, ...], report: TurnReport, seconds: float) -> None:
        for each, outcome in zip(joined, report.outcomes, strict=False):
            for waiting in each.waiting:
                waiting.outcome.set_result(outcome)
        if not report.records and not report.findings and not report.hidden:
            return
        self.meter.turned(report.records, seconds)
        log.info(
            "turn",
            extra={
                "feeds": [each.batch.feed for each in joined],
                "records": report.records,
                "events": report.events,
                "duplicates": report.duplicates,
                "rejects": report.rejects,
                "findings": report.findings,
                "suppressed": report.hidden,
                "incidents": [incident.uid for incident in report.changed],
                "seconds": round(seconds, 4),
            },
        )

    def _failed(self, joined: tuple[Joined, ...], problem: str) -> None:
        self.problem = problem
        self.meter.failed()
        log.error("turn stored nothing", extra={"problem": problem})
        self.queue.fail(joined)
        self.stopping.wait(_PAUSE_AFTER_FAILURE_SECONDS)
