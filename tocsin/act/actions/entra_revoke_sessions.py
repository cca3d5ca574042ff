"""End the sessions of a user of Entra ID: everywhere it has to sign in again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.act.http_calls import segment
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class RevokeSessionsArguments:
    """Takes no arguments."""


class EntraRevokeSessions:
    """`revokeSignInSessions`; fulfilled where sessions count only since the request."""

    facts = ActionFacts(
        title="Revoke the sessions of a user",
        provider="entra",
        targets=frozenset({"user"}),
        category="compensable",
        level=2,
        needs=(
            Need("User.Read.All", is_reading=True),
            Need("User.RevokeSessions.All"),
        ),
        has_undo=False,
        source="https://learn.microsoft.com/graph/api/user-revokesigninsessions",
    )

    def __init__(self, arguments: RevokeSessionsArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return since when sessions count."""
        query = {"$select": "id,signInSessionsValidFromDateTime"}
        found = caller.call(Call("graph", "GET", {"path": _path(target), "query": query}))
        return {"valid_from": found.get("signInSessionsValidFromDateTime")}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that ends the sessions, unless that was done since the request."""
        since = state["valid_from"]
        if isinstance(since, str):
            ended = datetime.fromisoformat(since.replace("Z", "+00:00"))
            if ended >= purpose.time - _CLOCKS_DIFFER:
                return NOTHING
        call = Call("graph", "POST", {"path": f"{_path(target)}/revokeSignInSessions"})
        change = Change(f"sessions of {target.name or target.uid}", f"count since {since}", "ended")
        lasting = "access tokens last up to an hour where the application does not look again"
        return Plan((call,), (change,), (lasting,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return nothing: the user signs in again."""
        return NOTHING


def _path(target: Target) -> str:
    return f"/v1.0/users/{segment(target.uid or target.name)}"
