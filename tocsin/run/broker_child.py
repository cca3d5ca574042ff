"""The broker: the one process that holds credentials which may change a cloud.

Started by `brokering` as `python -m tocsin.run.broker_child READS WRITES CONFIG`. It reads the
settings by itself, makes a caller for each account of `response: accounts:`, and sends the calls
that it is asked to send, each with no more rights than the question names.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tocsin.errors import ActionError, OutcomeUnknownError, TocsinError
from tocsin.isolate.answering import serve_questions
from tocsin.isolate.broker import KEPT, BrokerError, lock_in
from tocsin.respond.actions import Call, Caller
from tocsin.run.brokering import HELD, check_bounds

CALL_SECONDS = 120
"""For one call with all its repetitions; shorter than the parent's patience."""

FRESH = 600
"""For how many seconds a session is used again; a provider's sessions live for 900."""


@dataclass(slots=True)
class Vault:
    """Callers by account, and those made of them with fewer rights.

    Attributes:
        callers: by provider and account.
    """

    callers: Mapping[tuple[str, str], Caller]
    _limited: dict[tuple[str, str, str, str], tuple[float, Caller]] = field(default_factory=dict)

    def answer(self, question: list[object]) -> tuple[str, object]:
        """Carry out one question; errors are answers."""
        try:
            return "ok", self._called(question)
        except ActionError as error:
            return type(error).__name__, str(error)
        except Exception as error:  # the edge of the process: its parent must get an answer
            # The text of an unknown fault may hold anything, secrets included: its kind must do.
            return ActionError.__name__, f"the broker failed: {type(error).__name__}"

    def _called(self, question: list[object]) -> object:
        _, provider, account, rights, session_name, given, bounds = cast("list[Any]", question)
        service, operation, parameters, region = given
        caller = self._caller(provider, account, rights, session_name)
        signal.alarm(CALL_SECONDS)
        try:
            if bounds:
                check_bounds(*bounds)
            return caller.call(Call(service, operation, parameters, region))
        except TimeoutError:
            raise OutcomeUnknownError(f"{service}.{operation}: no answer in time") from None
        finally:
            signal.alarm(0)

    def _caller(self, provider: str, account: str, rights: str, session_name: str) -> Caller:
        full = self.callers.get((provider, account))
        if full is None:
            raise ActionError(
                f"no account {account!r} of {provider} under `response: accounts:`; add it"
            )
        limit = getattr(full, "limited", None)
        if limit is None:
            return full
        key = (provider, account, rights, session_name)
        now = time.monotonic()
        for old in [each for each, (made, _) in self._limited.items() if now - made > FRESH]:
            del self._limited[old]
        if key not in self._limited:
            self._limited[key] = (now, limit(rights, session_name))
        return self._limited[key][1]


def main(arguments: list[str]) -> None:
    """Lock this process in, read the settings, answer until the parent is gone."""
    lock_in()
    signal.signal(signal.SIGALRM, _late)
    reads, writes, config = int(arguments[0]), int(arguments[1]), arguments[2]
    hello, vault = "", Vault({})
    try:
        vault = Vault(_callers(Path(config) if config else None))
    except TocsinError as error:
        hello = str(error)[:2_000]
    serve_questions(reads, writes, hello, vault.answer)


def _late(number: int, frame: object) -> None:
    raise TimeoutError


def _callers(config: Path | None) -> dict[tuple[str, str], Caller]:
    from tocsin.run.responding_accounts import account_callers
    from tocsin.settings import load

    environ = dict(os.environ)
    for name, value in environ.items():
        if value == HELD:
            raise BrokerError(f"{name} went with the broker that ended; start Tocsin again")
        if name.startswith(KEPT):
            # `TOCSIN_BROKER_AWS_PROFILE` is `AWS_PROFILE` for the providers' own libraries.
            os.environ[name.removeprefix(KEPT)] = value
    return account_callers(load(config, environ))


if __name__ == "__main__":
    main(sys.argv[1:])
