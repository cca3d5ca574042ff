"""What stands between a plan and a call that changes something: the journal, the lease, the switch.

A call is written down, then the lease and the switch are asked once more, and only then it is sent,
with a time after which nobody sends it any more. The broker asks the same two again, at the last
moment before the call leaves. A process that is frozen before that sends nothing when it wakes up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from tocsin.act import performing
from tocsin.respond.actions import Call, Caller
from tocsin.respond.actions.words import State
from tocsin.run.brokering import STOPPED, NotSentError, boot_seconds, check_time
from tocsin.store import Store
from tocsin.store.answers import ResponseLease

SEND_WITHIN_SECONDS = 20.0
"""How long after it was written down a call may leave. With the longest that a call may take, it
stays below the lease: what was sent has ended before somebody else may take over."""


@runtime_checkable
class Bounded(Protocol):
    """A caller that can be told until when, and while which file is absent, it may send."""

    def bounded(self, deadline: float, stop_file: str) -> Caller:
        """Return a caller that sends nothing after `deadline`, nor once `stop_file` is there."""
        ...


@dataclass(slots=True)
class DurableJournal:
    """Writes each call to the store before it is sent; see `performing.Journal`.

    Attributes:
        deadline: until when the call that was written down last may be sent, by `boot_seconds`.
    """

    store: Store
    lease: ResponseLease
    uid: str
    phase: Literal["apply", "undo"]
    clock: Callable[[], datetime]
    deadline: float = 0.0
    _begun: dict[int, int] = field(default_factory=dict)

    def begin(self, number: int, call: Call) -> None:
        """Note that a call is sent next; refused for a runner that lost its lease."""
        work = self.store.request_work
        # Before the lease is renewed, so that the call's time ends before the lease's.
        self.deadline = boot_seconds() + SEND_WITHIN_SECONDS
        seq = work.begin_call(self.lease, self.uid, self.phase, (number, call), self.clock())
        self._begun[number] = seq

    def end(self, number: int, outcome: performing.Outcome, detail: str) -> None:
        """Note what became of it."""
        work = self.store.request_work
        work.end_call(self.lease, self._begun[number], outcome, detail, self.clock())


@dataclass(frozen=True, slots=True)
class FencedCaller:
    """Sends what changes something only while this runner is the one, and may; a `Caller`."""

    caller: Caller
    journal: DurableJournal

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`.

        Raises:
            StoreError: another one carries out requests meanwhile; it was not sent.
            NotSentError: it is too late, or responding is switched off.
        """
        if call.is_reading:
            return self.caller.call(call)
        store, journal = self.journal.store, self.journal
        store.request_work.check(journal.lease, journal.clock())
        if store.response_stop.is_set:
            raise NotSentError(STOPPED)
        check_time(journal.deadline)
        caller = self.caller
        if isinstance(caller, Bounded):
            caller = caller.bounded(journal.deadline, str(store.response_stop.path))
        return caller.call(call)
