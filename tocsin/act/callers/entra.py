"""Calls to Microsoft Graph in one directory."""

from dataclasses import dataclass

from tocsin.act.entra_clients import EntraClient, headers_of
from tocsin.act.http_calls import HttpCalls, Service
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State

_BASE = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntraDirectory(EntraClient):
    """How to reach one directory in order to act in it.

    Attributes:
        account: identifier of the directory (tenant).
    """

    account: str


class Entra:
    """A caller for one directory."""

    def __init__(self, settings: EntraDirectory) -> None:
        """Take which directory; nothing is asked yet."""
        service = Service(settings.endpoint or _BASE, headers_of(settings, _BASE))
        self._calls = HttpCalls(settings, {"graph": service}, _right)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        return self._calls.call(call)


def _right(call: Call) -> str:
    """Name the application permission of a call.

    Source: https://learn.microsoft.com/graph/permissions-reference
    """
    parts = str(call.parameters["path"]).strip("/").split("/")
    if parts[1] == "servicePrincipals":
        return "Application.Read.All" if call.is_reading else "Application.ReadWrite.All"
    if call.is_reading:
        return "User.Read.All"
    if parts[-1] == "revokeSignInSessions":
        return "User.RevokeSessions.All"
    return "User.EnableDisableAccount.All"
