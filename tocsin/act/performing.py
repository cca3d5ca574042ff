"""Carry out what was planned: read, compare with what was approved, call, read back.

Nothing is done twice by mistake: whether a call was done is never guessed from its answer alone,
but read; what remains to be done is planned anew from what was read, and may hold no call that was
not approved.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, cast

from tocsin.errors import (
    ActionError,
    CallRefusedError,
    OutcomeUnknownError,
    PlanChangedError,
    TargetGoneError,
)
from tocsin.respond.actions import Action, Call, Caller, Made, Plan, Purpose, Target
from tocsin.respond.actions.words import Json, State, differences

TRIES = 4
"""How often is read and, where something remains, called, before giving up; each call of what was
approved may be lost once besides."""

_LONGEST_WAIT_SECONDS = 8.0
_EVIDENCE = "take evidence first (a snapshot, logs), unless data is leaving right now"

Outcome = Literal["done", "failed", "unknown"]


class Journal(Protocol):
    """Writes down what is about to be done and what became of it; durable on return."""

    def begin(self, number: int, call: Call) -> None:
        """Note that a call is sent next.

        Raises:
            StoreError: it could not be written; then the call is not sent.
        """
        ...

    def end(self, number: int, outcome: Outcome, detail: str) -> None:
        """Note what became of it."""
        ...


@dataclass(frozen=True, slots=True)
class Deed:
    """One action on one target, with all that is needed to do it.

    Attributes:
        wait: called with seconds between two looks at a state that settles slowly.
        may_go_on: asked before each call; False stops everything (the kill switch).
    """

    action: Action
    target: Target
    purpose: Purpose
    caller: Caller
    journal: Journal
    wait: Callable[[float], object]
    may_go_on: Callable[[], bool] = lambda: True

    def read(self) -> State:
        """Return the target's state now."""
        return self.action.read_state(self.target, self.purpose, self.caller)

    def plan(self, state: State) -> Plan:
        """Return what would be done from a state on, with a reminder where evidence may be lost."""
        plan = self.action.plan(self.target, state, self.purpose)
        if not self.action.facts.evidence_first or not plan.calls:
            return plan
        return replace(plan, warnings=(*plan.warnings, _EVIDENCE))


def apply(deed: Deed, approved: Plan, *, is_unsure: bool = False) -> State:
    """Do what was approved and return the state afterwards.

    It may have been begun before: calls that were done are not repeated.

    Args:
        deed: what, on what, by whom.
        approved: what people saw.
        is_unsure: a call was sent before of which nobody knows whether it was done: what is read
            must settle first.

    Raises:
        PlanChangedError: what would be done now is not what was approved; nothing more was done.
        ActionError: it was not reached; the journal says which calls were done.
    """
    return _reach(deed, approved, (deed.plan, lambda state: not deed.plan(state).calls), is_unsure)


def undo_plan(deed: Deed, before: State, after: State) -> Plan:
    """Return what takes the action back, as things are now.

    Raises:
        PlanChangedError: somebody changed the target since; the text names what.
        TargetGoneError: it is no more.
    """
    now = deed.read()
    volatile = deed.action.facts.volatile
    if not differences(before, now, volatile):
        return Plan(calls=())
    drifted = differences(after, now, volatile)
    if drifted:
        raise PlanChangedError(f"changed by somebody since: {', '.join(drifted)}")
    return deed.action.plan_undo(deed.target, before, now, deed.purpose)


def undo(deed: Deed, before: State, planned: Plan, *, is_unsure: bool = False) -> State:
    """Take an action back as `undo_plan` said, and return the state afterwards.

    `is_unsure` is as in `apply`.

    Raises:
        PlanChangedError: other calls would be needed now; nothing more was done.
        ActionError: what was before was not reached.
    """

    def following(now: State) -> Plan:
        return deed.action.plan_undo(deed.target, before, now, deed.purpose)

    def is_reached(now: State) -> bool:
        if not deed.action.facts.has_undo or deed.action.facts.category != "reversible":
            return not following(now).calls
        return not differences(before, now, deed.action.facts.volatile)

    return _reach(deed, planned, (following, is_reached), is_unsure)


def _reach(
    deed: Deed,
    approved: Plan,
    steering: tuple[Callable[[State], Plan], Callable[[State], bool]],
    is_unsure: bool,
) -> State:
    following, is_reached = steering
    problem = "what was wished is not what is read back"
    for attempt in range(TRIES + len(approved.calls)):
        if attempt:
            deed.wait(min(float(2 ** (attempt - 1)), _LONGEST_WAIT_SECONDS))
        state = _settled(deed) if is_unsure else deed.read()
        is_unsure = False
        if is_reached(state):
            return state
        plan = following(state)
        if not plan.is_within(approved):
            raise PlanChangedError("what would be done now is not what was approved")
        try:
            _carry_out(deed, plan)
        except OutcomeUnknownError as error:
            problem = str(error)
            is_unsure = True
            continue
        state = deed.read()
        if is_reached(state):
            return state
    raise ActionError(f"not reached: {problem}")


def _settled(deed: Deed) -> State:
    """Return what two readings in a row say: after a lost answer, one alone may show the past."""
    state = deed.read()
    for seconds in (1.0, 2.0, 4.0):
        deed.wait(seconds)
        again = deed.read()
        if not differences(state, again, frozenset()):
            break
        state = again
    return again


def _carry_out(deed: Deed, plan: Plan) -> None:
    answers: list[State] = []
    for number, call in enumerate(plan.calls):
        if not deed.may_go_on():
            raise ActionError("stopped: responding is switched off")
        resolved = _resolved(call, answers)
        deed.journal.begin(number, resolved)
        try:
            answers.append(deed.caller.call(resolved))
        except OutcomeUnknownError as error:
            deed.journal.end(number, "unknown", str(error))
            raise
        except (ActionError, CallRefusedError, TargetGoneError) as error:
            deed.journal.end(number, "failed", str(error))
            raise
        deed.journal.end(number, "done", "")


def _resolved(call: Call, answers: Sequence[State]) -> Call:
    """Return the call with values of earlier answers in place of `Made`."""
    parameters = {key: _value(value, answers) for key, value in call.parameters.items()}
    return Call(call.service, call.operation, parameters, call.region, call.volatile)


def _value(value: "Json | Made", answers: Sequence[State]) -> Json:
    if isinstance(value, Made):
        return _at(answers[value.call], value.path)
    if isinstance(value, Mapping):
        return {key: _value(each, answers) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(each, answers) for each in value]
    return cast("Json", value)


def _at(answer: Json, path: str) -> Json:
    for part in path.split("."):
        try:
            answer = (
                answer[part]
                if isinstance(answer, Mapping)
                else cast("list[Json]", answer)[int(part)]
            )
        except (KeyError, IndexError, ValueError, TypeError):
            raise ActionError(f"the answer of an earlier call has no {path!r}") from None
    return answer
