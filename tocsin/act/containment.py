"""Cut an endpoint off through the agent that runs on it: what all such actions share.

The agent keeps its own connection, so that the endpoint can be released.
"""

import re
from dataclasses import dataclass, field

from tocsin.act.posting import HttpSettings
from tocsin.act.switches import switch
from tocsin.errors import ActionError, TargetGoneError
from tocsin.respond.actions import Call, Plan, Target
from tocsin.respond.actions.words import Json, State, rows
from tocsin.values import Secret

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WARNINGS = (
    "whoever works with the endpoint is cut off, except from the agent's own console",
    "an endpoint that is offline is cut off when it comes back",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleClient(HttpSettings):
    """How to reach the console of endpoint agents, as one of its clients.

    Attributes:
        account: name of the console, as its findings give it.
        server: address of its interface.
        client_id: of the client, or the name of the user.
        client_secret: of it.
    """

    account: str
    server: str
    client_id: str
    client_secret: Secret = field(repr=False)


def identifier(target: Target) -> str:
    """Return the agent's identifier.

    Raises:
        ActionError: it is none.
    """
    if not _IDENTIFIER.fullmatch(target.uid):
        raise ActionError(f"{target.uid!r} is no identifier of an agent")
    return target.uid


def only(target: Target, listed: Json) -> State:
    """Return the one agent that was asked for.

    Raises:
        TargetGoneError: there is none.
    """
    found = rows(listed)
    if len(found) != 1:
        raise TargetGoneError(f"there is no agent {target.uid} ({target.name})")
    return found[0]


def contain(target: Target, now: State, call: Call, *more: str) -> Plan:
    """Return the plan that cuts the endpoint off, unless it is cut off.

    Args:
        target: the endpoint.
        now: has `contained`.
        call: does it.
        more: warnings beside those that hold for every agent.
    """
    what = f"{target.name or target.uid} cut off"
    return switch("contained", now, True, lambda: call, what, warnings=(*_WARNINGS, *more))


def release(target: Target, before: State, now: State, call: Call) -> Plan:
    """Return the plan that releases the endpoint, unless it was cut off before."""
    what = f"{target.name or target.uid} cut off"
    return switch("contained", now, before["contained"], lambda: call, what)
