"""What an action promises, and what it is given. `act` holds the actions, `run` joins the parts."""

from typing import ClassVar, Protocol

from tocsin.respond.actions.facts import ActionFacts
from tocsin.respond.actions.words import Call, Plan, Purpose, State, Target


class Caller(Protocol):
    """Sends calls to one account of a provider, with credentials that nobody else sees."""

    def call(self, call: Call) -> State:
        """Send one call; return its answer, times as ISO 8601 texts.

        Reads are repeated where that may help; a call that changes something is sent again only
        where the other side says that it did nothing (throttling).

        Raises:
            TargetGoneError: what it names does not exist.
            CallRefusedError: the credentials may not do it.
            OutcomeUnknownError: it changes something and the answer was lost.
            ActionError: it failed, and nothing was changed.
        """
        ...


class Action(Protocol):
    """Changes one thing outside so that it can be changed back.

    `read_state` alone touches the world; everything else is computed from what it read, so that
    the plan which people see is the plan that runs, and what is done is known by reading:

    * fulfilled: `plan` of the state that is read now has no calls;
    * drifted: the state that is read now is not the one read after applying;
    * undone: the state that is read now is the one from before.

    The constructor takes the action's own frozen dataclass of arguments (`with` of a playbook's
    step) and does no input or output. What an action makes carries `purpose.request_uid` in its
    name or tags and is looked for by that, so that a crash in between makes nothing twice.
    """

    facts: ClassVar[ActionFacts]

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return what the target is now, as far as this action touches it.

        Raises:
            TargetGoneError: there is no such target.
            ActionError: it cannot be read.
        """
        ...

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return what is to be done from `state` on; no calls where nothing is.

        Raises:
            ActionError: this target must not or cannot be treated so; the text says why.
        """
        ...

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return what leads from `now` back to `before`; no calls where nothing can or need be."""
        ...
