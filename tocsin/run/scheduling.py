"""Run what is due by the clock: each thing in one place at a time, and once for all it missed.

What runs has a name, an expression of cron and a function; where several processes open one data
folder, the lease in the store says who runs it.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from tocsin.errors import TocsinError, UsageError
from tocsin.run import ticket_work
from tocsin.run.auditing import Auditing
from tocsin.settings import Settings
from tocsin.settings.cron import Cron
from tocsin.store import Store

LEASE = timedelta(minutes=2)
"""Whoever dies while it runs something holds up the next one so long."""

_LOOK_EVERY_SECONDS = 1.0

log = logging.getLogger("tocsin.schedule")


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Job:
    """Something that runs by the clock.

    Attributes:
        name: unique.
        cron: when.
        work: what; an error of it is shown, and it runs again at its next time.
        is_early: whether it should run now, before its time.
    """

    name: str
    cron: Cron
    work: Callable[[], object]
    is_early: Callable[[], bool] = _never


@dataclass(slots=True)
class Scheduler:
    """The thread that looks what is due; each run has a thread of its own.

    Attributes:
        runner: who this is, unique among all that open the data folder.
    """

    store: Store
    jobs: Sequence[Job]
    stopping: threading.Event
    clock: Callable[[], datetime]
    runner: str = field(
        default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"
    )
    problem: str = ""
    _running: dict[str, threading.Thread] = field(default_factory=dict)

    def run(self) -> None:
        """Look once a second what is due, until told to stop."""
        is_planned = False
        while not self.stopping.wait(_LOOK_EVERY_SECONDS):
            try:
                if not is_planned:
                    self.plan()
                    is_planned = True
                self.once()
                self.problem = ""
            except TocsinError as error:
                self.problem = str(error)
                log.warning("schedules cannot be read", extra={"problem": self.problem})
            except Exception as error:  # the outermost edge of a thread: it must not end
                self.problem = type(error).__name__
                log.exception("schedules cannot be read")

    def plan(self) -> None:
        """Store what is known, and forget what is not known any more."""
        self.store.schedules.forget([job.name for job in self.jobs])
        for job in self.jobs:
            self.store.schedules.plan(job.name, job.cron.text, job.cron.after, self.clock())

    def once(self) -> None:
        """Begin what is due and renew the leases of what still runs."""
        for name, thread in list(self._running.items()):
            if thread.is_alive():
                self.store.schedules.renew(name, self.runner, self.clock() + LEASE)
            else:
                del self._running[name]
        for job in self.jobs:
            if job.name not in self._running and self._claimed(job):
                thread = threading.Thread(
                    target=self._run, args=(job,), name=f"schedule-{job.name}", daemon=True
                )
                self._running[job.name] = thread
                thread.start()

    def run_now(self, name: str) -> None:
        """Run something at once, whether or not it is due, and wait for its end.

        Raises:
            UsageError: there is no such thing, or somebody runs it at present.
            TocsinError: it failed.
        """
        known = {job.name: job for job in self.jobs}
        if name not in known:
            listed = ", ".join(sorted(known))
            raise UsageError(f"there is no schedule {name!r}; choose one of {listed}")
        self.plan()
        job = known[name]
        if not self.store.schedules.claim(name, self.runner, self.clock(), LEASE, early=True):
            raise UsageError(f"{name} runs at present; see `tocsin schedule list`")
        problem = "it was broken off"
        try:
            job.work()
            problem = ""
        except TocsinError as error:
            problem = str(error)
            raise
        finally:
            self._done(job, problem)

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each thing whose last run failed."""
        found = [
            f"schedule {one.name}: {one.problem}"
            for one in self.store.schedules.list()
            if one.problem
        ]
        return (*([f"schedules: {self.problem}"] if self.problem else ()), *found)

    def wait(self, seconds: float) -> None:
        """Wait for what runs, for tests and an orderly end."""
        for thread in list(self._running.values()):
            thread.join(seconds)

    def _claimed(self, job: Job) -> bool:
        early = job.is_early()
        return self.store.schedules.claim(job.name, self.runner, self.clock(), LEASE, early=early)

    def _run(self, job: Job) -> None:
        problem = ""
        try:
            job.work()
        except TocsinError as error:
            problem = str(error)
        except Exception as error:  # the edge of a job: a fault of it must not end the others
            log.exception("schedule failed", extra={"schedule": job.name})
            problem = type(error).__name__
        if problem:
            log.warning("schedule failed", extra={"schedule": job.name, "problem": problem})
        try:
            self._done(job, problem)
        except TocsinError as error:
            # The lease runs out, and it runs again.
            log.warning("schedule not stored", extra={"problem": str(error)})

    def _done(self, job: Job, problem: str) -> None:
        now = self.clock()
        self.store.schedules.done(job.name, self.runner, job.cron.after, now, problem)


def jobs_of(settings: Settings, store: Store, clock: Callable[[], datetime]) -> tuple[Job, ...]:
    """Return what Tocsin itself runs by the clock."""
    auditing = Auditing(settings, store, clock)
    found = [Job("audit-checkpoint", Cron("* * * * *"), auditing.once, auditing.is_due)]
    if settings.tickets:
        work = partial(ticket_work.sync, None, settings, store, clock)
        found.append(Job("ticket-sync", Cron("17 * * * *"), work))
    return tuple(found)


def scheduler(
    settings: Settings, store: Store, stopping: threading.Event, clock: Callable[[], datetime]
) -> Scheduler:
    """Return what runs the jobs of the settings."""
    return Scheduler(store, jobs_of(settings, store, clock), stopping, clock)
