"""The steps of one request: plan it, carry it out, go on with it, take it back."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tocsin.act import performing
from tocsin.act.performing import Deed
from tocsin.errors import (
    ActionError,
    CallRefusedError,
    PlanChangedError,
    SettingsError,
    StoreError,
    TargetGoneError,
    WorldError,
)
from tocsin.respond.actions import Plan, Purpose
from tocsin.respond.actions.words import State
from tocsin.respond.requests import (
    APPROVAL_LASTS,
    RequestState,
    agreement,
    is_by_person,
    may_follow,
    needed_approvals,
)
from tocsin.run.brokering import NotSentError
from tocsin.run.responding_accounts import Callers, action_of
from tocsin.run.responding_fence import DurableJournal, FencedCaller
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.answers import KeptRequest, RequestMoment, ResponseLease

TOCSIN = "tocsin"
READ_TRIES = 5
"""How often planning tries to read before the request fails."""

LONGEST_PAUSE = timedelta(seconds=30)

log = logging.getLogger("tocsin.respond")


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a runner can do with a request.

    Attributes:
        lease: of the runner.
        wait: called with seconds between two looks at a state.
        may_go_on: asked before each call.
    """

    settings: Settings
    store: Store
    callers: Callers
    lease: ResponseLease
    clock: Callable[[], datetime]
    wait: Callable[[float], object]
    may_go_on: Callable[[], bool]

    def propose(self, kept: KeptRequest) -> None:
        """Plan what has no plan, drop what nobody approved in time, settle what is approved."""
        request, now = kept.request, self.clock()
        if self._is_left_behind(kept):
            return
        if now >= request.requested_time + self.settings.response.lapse_after:
            self._move(kept, "lapsed", "nobody approved it in time")
        elif not kept.digest:
            self._plan(kept)
        else:
            lone_delay = self.settings.response.lone_delay
            self.store.request_work.settle(self.lease, request.uid, now, lone_delay)

    def carry_out(self, kept: KeptRequest) -> None:
        """Do what was approved, if it still is what would be done."""
        request = kept.request
        if self._is_left_behind(kept):
            return
        if not may_follow(self.store.request_work.earlier_steps(request)):
            return
        approvals = self.store.requests.approvals(request.uid)
        lone_delay = self.settings.response.lone_delay
        if not agreement(request, kept.digest, approvals, self.clock(), lone_delay).is_given:
            minutes = int(APPROVAL_LASTS.total_seconds() // 60)
            self._again(kept, f"an approval holds for {minutes} minutes: approve it again")
            return
        deed = self._deed(kept, "apply")
        state = self._read(kept, deed) if deed else None
        if deed is None or state is None:
            return
        plan = self._planned(kept, deed, state)
        if plan is None:
            return
        if not plan.calls:
            self._move(kept, "verified", "nothing to do: it is so already")
        elif kept.plan is None or not plan.is_within(kept.plan):
            self._again(kept, "things changed since the plan was made: there is a new one")
        else:
            self.store.request_work.begin(self.lease, request, state, self.clock())
            self._apply(kept, deed, kept.plan)

    def go_on(self, kept: KeptRequest) -> None:
        """Finish what somebody began and did not end: what is done is read, not repeated."""
        deed = self._deed(kept, "apply")
        if deed is not None and kept.plan is not None:
            self._apply(kept, deed, kept.plan)

    def take_back(self, kept: KeptRequest) -> None:
        """Restore what was before, unless somebody changed it since."""
        if kept.before is None:
            return
        if kept.request.state != "reverting":
            why = f"asked by {kept.undo_by}" if kept.undo_by else "its time is over"
            self._move(kept, "reverting", why, who=kept.undo_by or TOCSIN)
        deed = self._deed(kept, "undo")
        if deed is None:
            return
        try:
            self._restore(kept, deed, kept.before)
        except (TargetGoneError, PlanChangedError) as error:
            self._move(kept, "superseded", f"not taken back: {error}")
        except StoreError:
            raise
        except Exception as error:  # the edge of a plug: it is tried again until it succeeds
            self.postpone(kept, error)
        else:
            self._move(kept, "reverted", "it is as it was before")

    def _restore(self, kept: KeptRequest, deed: Deed, before: State) -> None:
        """Take it back; what was begun before is finished as it was planned then."""
        work = self.store.request_work
        undo = kept.undo if work.has_called(kept.request.uid, "undo") else None
        if undo is None:
            # Where nobody could read what was done, what others changed since cannot be told.
            after = kept.after if kept.after is not None else deed.read()
            undo = performing.undo_plan(deed, before, after)
            work.begin_undo(self.lease, kept.request, undo, self.clock())
        is_unsure = work.has_open_call(kept.request.uid, "undo")
        performing.undo(deed, before, undo, is_unsure=is_unsure)

    def _is_left_behind(self, kept: KeptRequest) -> bool:
        """Drop a step whose run has ended; say whether it was."""
        earlier = self.store.request_work.earlier_steps(kept.request)
        if may_follow(earlier) is not None:
            return False
        self._move(kept, "superseded", "an earlier step of the playbook did not succeed")
        return True

    def _plan(self, kept: KeptRequest) -> None:
        deed = self._deed(kept, "apply")
        state = self._read(kept, deed) if deed else None
        if deed is None or state is None:
            return
        plan = self._planned(kept, deed, state)
        if plan is None:
            return
        if not plan.calls:
            self._move(kept, "verified", "nothing to do: it is so already")
            return
        request = kept.request
        by_person = is_by_person(request)
        needed = needed_approvals(deed.action.facts, request.mode, by_person=by_person)
        self.store.request_work.planned(self.lease, request, plan, needed, self.clock())

    def _read(self, kept: KeptRequest, deed: Deed) -> State | None:
        """Return what the target is now; otherwise say in the request why that is not known."""
        try:
            return deed.read()
        except TargetGoneError as error:
            self._move(kept, "superseded", f"there is no such target: {error}")
        except CallRefusedError as error:
            self._move(kept, "failed", f"no right: {error}")
        except Exception as error:  # the edge of a plug
            if kept.attempts + 1 < READ_TRIES:
                self.postpone(kept, error)
            else:
                self._move(kept, "failed", f"it cannot be read: {_told(error)}")
        return None

    def _planned(self, kept: KeptRequest, deed: Deed, state: State) -> Plan | None:
        try:
            return deed.plan(state)
        except Exception as error:  # the edge of a plug
            self._move(kept, "failed", _told(error))
        return None

    def _apply(self, kept: KeptRequest, deed: Deed, approved: Plan) -> None:
        """Do what remains of what was approved, and say how it ended."""
        try:
            is_unsure = self.store.request_work.has_open_call(kept.request.uid, "apply")
            after = performing.apply(deed, approved, is_unsure=is_unsure)
        except (ActionError, SettingsError) as error:
            self._not_applied(kept, deed, error)
            return
        facts = deed.action.facts
        state: RequestState = "active" if facts.has_undo else "verified"
        lasts = "until it is taken back" if kept.request.lasts is None else "until its time is over"
        detail = f"done and read back; it stays {lasts}" if facts.has_undo else "done and read back"
        moment = RequestMoment(self.clock(), state, TOCSIN, detail)
        self.store.request_work.end(self.lease, kept.request, after, moment)

    def _not_applied(self, kept: KeptRequest, deed: Deed, error: Exception) -> None:
        """Say what was not done and why; what was done can be taken back."""
        if not self.may_go_on() or isinstance(error, NotSentError):
            # Stopped between two calls, or too late for one: it goes on once it may.
            self.postpone(kept, error)
            return
        has_called = self.store.request_work.has_called(kept.request.uid, "apply")
        if not has_called:
            if isinstance(error, PlanChangedError):
                self._again(kept, _told(error))
            else:
                gone = isinstance(error, TargetGoneError)
                nothing = f"nothing was done: {_told(error)}"
                self._move(kept, "superseded" if gone else "failed", nothing, before="")
            return
        try:
            halfway = deed.read()
        except Exception as problem:  # the edge of a plug: without it the request could not end
            log.warning("what was done cannot be read", extra={"problem": str(problem)})
            self._move(kept, "failed", f"not everything was done: {_told(error)}")
            return
        detail = f"not everything was done: {_told(error)}"
        moment = RequestMoment(self.clock(), "failed", TOCSIN, detail)
        self.store.request_work.end(self.lease, kept.request, halfway, moment, problem=detail)

    def _deed(self, kept: KeptRequest, phase: Literal["apply", "undo"]) -> Deed | None:
        """Return the request as a deed; otherwise say in the request why it can be none."""
        request = kept.request
        try:
            action = action_of(request.action, request.arguments)
            self._check_target(kept, action.facts.provider, action.facts.targets)
            caller = self.callers.caller(request, action.facts)
        except (ActionError, SettingsError) as error:
            if request.state in ("proposed", "approved"):
                self._move(kept, "failed", _told(error))
            else:
                self.postpone(kept, error)
            return None
        journal = DurableJournal(self.store, self.lease, request.uid, phase, self.clock)
        return Deed(
            action=action,
            target=request.target,
            purpose=Purpose(request.uid, request.incident_uid, request.requested_time),
            caller=FencedCaller(caller, journal),
            journal=journal,
            wait=self.wait,
            may_go_on=self.may_go_on,
        )

    def _check_target(self, kept: KeptRequest, provider: str, types: frozenset[str]) -> None:
        target = kept.request.target
        if target.provider != provider or target.type not in types:
            raise ActionError(
                f"{kept.request.action} is for {', '.join(sorted(types))} of {provider},"
                f" not for {target.type} of {target.provider}"
            )

    def _again(self, kept: KeptRequest, detail: str) -> None:
        """Let a request be planned and approved anew."""
        self._move(kept, "proposed", detail, plan="", digest="", due_time=self.clock())

    def _move(
        self,
        kept: KeptRequest,
        state: RequestState,
        detail: str,
        who: str = TOCSIN,
        **values: object,
    ) -> None:
        moment = RequestMoment(self.clock(), state, who, detail)
        is_end = state in ("failed", "superseded", "lapsed")
        found = {"problem": detail if is_end else "", "due_time": self.clock(), **values}
        self.store.request_work.move(self.lease, kept.request, moment, **found)
        log.info("request", extra={"request": kept.request.uid, "state": state, "detail": detail})

    def postpone(self, kept: KeptRequest, error: Exception) -> None:
        """Try a step again after a while, and say why it did not succeed."""
        now = self.clock()
        pause = min(timedelta(seconds=2**kept.attempts), LONGEST_PAUSE)
        if not isinstance(error, WorldError | SettingsError):
            log.error("an action failed", exc_info=error)
        problem = _told(error)
        self.store.request_work.postpone(self.lease, kept.request, problem, now + pause, now)


def _told(error: Exception) -> str:
    """Return what people may read of an error; the text of a fault may hold anything."""
    is_ours = isinstance(error, WorldError | SettingsError)
    return str(error)[:1000] if is_ours else f"the action is at fault: {type(error).__name__}"
