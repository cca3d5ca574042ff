"""Calls go through the broker: this side asks, `broker_child` holds the credentials.

What stands here knows no credentials; it names an account, the rights that an action needs, and the
call.
"""

import time
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from tocsin.errors import ActionError, CallRefusedError, OutcomeUnknownError, TargetGoneError
from tocsin.isolate.broker import KEPT, BrokerError, forget
from tocsin.isolate.broker import Broker as Broker
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State

CHILD = "tocsin.run.broker_child"
CALL_SECONDS = 150.0
"""Longer than a caller's own limits with all its repetitions."""


class NotSentError(ActionError):
    """A call was held back at the last moment: certainly not sent, it may be sent later."""


ERRORS: Mapping[str, type[ActionError]] = {
    error.__name__: error
    for error in (ActionError, CallRefusedError, NotSentError, OutcomeUnknownError, TargetGoneError)
}
HELD = "held by the broker"
STOPPED = "not sent: responding is switched off"


@dataclass(frozen=True, slots=True)
class BrokeredCaller:
    """Sends calls to one account through the broker; a `Caller`.

    Attributes:
        provider: kind of the account in the settings: `aws`, `gcp`.
        account: its number or name in the settings.
        rights: what the session may do, as the provider reads it; "" for all that its role may.
        session_name: by which the calls are recognized in the provider's log.
        deadline: after which the broker sends nothing that changes something, by `boot_seconds`;
            `None` for no such time.
        stop_file: while it is there, the broker sends nothing that changes something.
    """

    broker: Broker
    provider: str
    account: str
    rights: str = ""
    session_name: str = "tocsin-respond"
    deadline: float | None = None
    stop_file: str = ""

    def bounded(self, deadline: float, stop_file: str) -> "BrokeredCaller":
        """Return a caller that sends nothing after `deadline`, nor once `stop_file` is there."""
        return replace(self, deadline=deadline, stop_file=stop_file)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        question: Sequence[object] = (
            "call",
            self.provider,
            self.account,
            self.rights,
            self.session_name,
            [call.service, call.operation, call.parameters, call.region],
            [] if call.is_reading else [self.deadline, self.stop_file],
        )
        try:
            answer = self.broker.ask(question, seconds=CALL_SECONDS)
        except BrokerError as error:
            kind = ActionError if call.is_reading else OutcomeUnknownError
            raise kind(str(error)) from error
        return _told(answer)


def boot_seconds() -> float:
    """Return seconds since the machine started, asleep or not; the same in all processes."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def check_time(deadline: float) -> None:
    """Refuse to send a call after its time.

    Raises:
        NotSentError: its time is over.
    """
    if boot_seconds() > deadline:
        raise NotSentError("not sent: too much time passed since it was written down")


def check_bounds(deadline: float | None, stop_file: str) -> None:
    """Refuse to send a call too late, or while responding is switched off.

    Raises:
        NotSentError: it must not be sent.
    """
    if deadline is not None:
        check_time(deadline)
    if not stop_file:
        return
    try:
        Path(stop_file).lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise NotSentError(f"{STOPPED}, or nobody can tell: {error.strerror}") from error
    raise NotSentError(STOPPED)


def _told(answer: object) -> State:
    word, value = cast("tuple[str, object]", answer)
    if word == "ok":
        return cast("State", value)
    raise ERRORS.get(word, ActionError)(str(value))


def opened(config: Path | None, environ: MutableMapping[str, str]) -> Broker:
    """Return the broker, and take what only it may see out of this process.

    It starts at once where there are such variables; otherwise when it is first asked.

    Args:
        config: the settings file, which the child reads by itself.
        environ: of this process. In place of the broker's variables stands that it holds them, so
            that references to them in the settings are fulfilled.

    Raises:
        BrokerError: it does not start.
    """
    broker = Broker(CHILD, (str(config or ""),), dict(environ))
    if any(name.startswith(KEPT) for name in environ):
        broker.start()
        environ.update(dict.fromkeys(forget(environ), HELD))
        broker.environ = dict(environ)
    return broker
