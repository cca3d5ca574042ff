"""The act loop of requests: plan, ask, carry out, read back, take back on time or on demand.

Whatever may fail is stored before it is tried; what became of it is read, not guessed. Whoever dies
in between leaves a request that the next one takes up: it reads what is, and does what remains of
what was approved.
"""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.errors import StoreError, TocsinError, UsageError
from tocsin.incidents import Change, Incident
from tocsin.ocsf import EVERYTHING
from tocsin.run.responding_accounts import Callers
from tocsin.run.responding_deeds import TOCSIN, Deeds
from tocsin.run.responding_words import ask_text, closed_task, closed_text, task_of
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.answers import KeptRequest, ResponseLease

_LOOK_EVERY_SECONDS = 1.0
_STEPS = {
    "proposed": "propose",
    "approved": "carry_out",
    "applying": "go_on",
    "active": "take_back",
    "failed": "take_back",
    "reverting": "take_back",
}

log = logging.getLogger("tocsin.respond")


@dataclass(slots=True)
class Responding:
    """The thread that carries requests out; one at a time over all processes of a data folder.

    Attributes:
        wait: called with seconds between two looks at a state that settles slowly.
        problem: why nothing is carried out at present; "" while all is well.
    """

    settings: Settings
    store: Store
    callers: Callers
    stopping: threading.Event
    clock: Callable[[], datetime]
    wait: Callable[[float], object] | None = None
    problem: str = ""
    holder: str = field(default_factory=lambda: _holder())
    _lease: ResponseLease | None = None

    def work(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield name and work of the thread."""
        yield "respond", self.run

    def run(self) -> None:
        """Look once a second what is to be done, until told to stop."""
        while not self.stopping.wait(_LOOK_EVERY_SECONDS):
            try:
                self.once()
                self.problem = ""
            except TocsinError as error:
                self.problem = str(error)
                log.warning("requests are not carried out", extra={"problem": self.problem})
            except Exception as error:  # the outermost edge of a thread: it must not end
                self.problem = type(error).__name__
                log.exception("requests are not carried out")
        self.release()

    def once(self) -> int:
        """Take each request one step further; return how many were looked at.

        Raises:
            StoreError: the store cannot be written, or another process took over.
        """
        if self.store.response_stop.is_set:
            return 0
        lease = self._held()
        if lease is None:
            return 0
        deeds = Deeds(
            self.settings,
            self.store,
            self.callers,
            lease,
            self.clock,
            self.wait or self.stopping.wait,
            lambda: not (self.store.response_stop.is_set or self.stopping.is_set()),
        )
        count = 0
        for kept in self.store.request_work.due(self.clock()):
            if self.stopping.is_set() or self.store.response_stop.is_set:
                break
            count += self._step(deeds, kept)
        for kept in self.store.request_work.unasked():
            self._ask_whether_to_go_on(lease, kept)
        return count

    def release(self) -> None:
        """Let another process carry requests out at once."""
        if self._lease is not None:
            lease, self._lease = self._lease, None
            self.store.request_work.release(lease, self.clock())

    @property
    def is_holding(self) -> bool:
        """Whether this one carries requests out, and no other process."""
        return self._lease is not None

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each thing that keeps requests from being carried out."""
        found = []
        stopped = self.store.response_stop.read()
        if stopped is not None:
            by = f" by {stopped.who}" if stopped.who else ""
            found.append(f"responding is stopped{by}: `tocsin respond resume` lets it go on")
        if self.problem:
            found.append(f"requests are not carried out: {self.problem}")
        return tuple(found)

    def _held(self) -> ResponseLease | None:
        now = self.clock()
        if self._lease is not None:
            try:
                self.store.request_work.renew(self._lease, now)
                return self._lease
            except StoreError:
                self._lease = None
        self._lease = self.store.request_work.lease(self.holder, now, _is_dead)
        return self._lease

    def _step(self, deeds: Deeds, kept: KeptRequest) -> bool:
        present = self.store.request_work.get(kept.request.uid)
        if present is None:
            return False
        name = _STEPS.get(present.request.state)
        if name is None:
            return False
        try:
            getattr(deeds, name)(present)
            self._ask_for_approval(deeds, present)
            self._end_task(present)
        except UsageError as error:
            # Somebody refused or approved meanwhile: the next look sees it as it is.
            log.info("a request moved meanwhile", extra={"problem": str(error)})
        except StoreError:
            raise
        except Exception as error:  # the edge of a plug: one request must not hold up the others
            deeds.postpone(present, error)
        return True

    def _ask_for_approval(self, deeds: Deeds, before: KeptRequest) -> None:
        after = self.store.request_work.get(before.request.uid)
        if after is None or after.request.state != "proposed" or after.digest == before.digest:
            return
        if after.request.mode in ("approve", "automatic") and after.digest:
            title, body = ask_text(after, self.settings)
            key = f"{after.request.uid} {after.digest}"
            self._tell(after, key, title, body)

    def _ask_whether_to_go_on(self, lease: ResponseLease, kept: KeptRequest) -> None:
        incident = self.store.incidents.get(kept.request.incident_uid, EVERYTHING)
        if incident is None or incident.status not in ("Resolved", "Closed"):
            return
        self._give_task(incident, kept)
        title, body = closed_text(kept, self.settings)
        self._tell(kept, f"{kept.request.uid} closed", title, body)
        detail = f"the incident is {incident.status}: people were asked whether this should go on"
        self.store.request_work.asked(lease, kept.request, detail, self.clock())

    def _give_task(self, incident: Incident, kept: KeptRequest) -> None:
        """Put the question on the incident as a task; a crash before `asked` puts no second."""
        if task_of(kept, incident) is not None:
            return
        try:
            wish = Change(add_task=closed_task(kept))
            self.store.incidents.change(incident.uid, wish, TOCSIN, self.clock(), EVERYTHING)
        except UsageError as error:
            # It has as many tasks as it may; the message and the list of requests ask all the same.
            log.warning("no task could be added", extra={"problem": str(error)})

    def _end_task(self, before: KeptRequest) -> None:
        """Set the task done that asked about a request which is taken back now."""
        if before.asked_time is None:
            return
        after = self.store.request_work.get(before.request.uid)
        incident = self.store.incidents.get(before.request.incident_uid, EVERYTHING)
        if (
            incident is None
            or after is None
            or after.request.state not in ("reverted", "superseded")
        ):
            return
        task = task_of(before, incident)
        if task is not None and not task[1]:
            wish = Change(task=task[0], is_done=True)
            self.store.incidents.change(incident.uid, wish, TOCSIN, self.clock(), EVERYTHING)

    def _tell(self, kept: KeptRequest, key: str, title: str, body: str) -> None:
        names = self.settings.response.ask or tuple(one.name for one in self.settings.notifiers)
        now = self.clock()
        self.store.request_work.tell(names, kept.request, (key, title, body), now)


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def _is_dead(holder: str) -> bool:
    """Say whether a process of this machine that held the lease is certainly gone."""
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdecimal():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
