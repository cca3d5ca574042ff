"""What the suite of actions must know of each action: a target in a small world of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tocsin.errors import ActionError, OutcomeUnknownError
from tocsin.respond.actions import Action, Call, Caller, Purpose, Target
from tocsin.respond.actions.words import State

PURPOSE = Purpose(
    "req_0123456789abcdef", "inc_0123456789abcdef", datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
)


@dataclass(frozen=True)
class Stage:
    """One action, ready to be used.

    Attributes:
        action: made of its arguments.
        target: exists in the world.
        caller: speaks to the world.
        snapshot: what the world says of all that the action may touch, in the provider's own words
            and without the action's code: the suite compares it before and after.
        meddle: what somebody else changes about the target after the action; `None` where nobody
            can change anything that matters.
        gone: a target that does not exist; `None` for addresses, which are always there.
        expected: what must be true of the world once it is applied; raises AssertionError.
    """

    action: Action
    target: Target
    caller: Caller
    snapshot: Callable[[], object]
    gone: Target | None
    meddle: Callable[[], object] | None = None
    expected: Callable[[], object] = lambda: None


@dataclass
class Recorded:
    """A caller that keeps what was sent, and can lose an answer."""

    caller: Caller
    sent: list[Call] = field(default_factory=list)
    lose: set[int] = field(default_factory=set)
    fail: set[int] = field(default_factory=set)

    @property
    def changing(self) -> list[Call]:
        return [call for call in self.sent if not call.is_reading]

    def call(self, call: Call) -> State:
        self.sent.append(call)
        number = len(self.changing) - 1
        if not call.is_reading and number in self.fail:
            raise ActionError("refused by the test")
        answer = self.caller.call(call)
        if not call.is_reading and number in self.lose:
            raise OutcomeUnknownError("the answer was lost by the test")
        return answer


@dataclass
class Notes:
    """A journal in memory."""

    lines: list[tuple[Any, ...]] = field(default_factory=list)

    def begin(self, number: int, call: Call) -> None:
        self.lines.append(("begin", number, call.service, call.operation))

    def end(self, number: int, outcome: str, detail: str) -> None:
        self.lines.append((outcome, number, detail))
