"""Calls to Microsoft Defender for Endpoint in one directory."""

from dataclasses import dataclass

from tocsin.act.entra_clients import EntraClient, headers_of
from tocsin.act.http_calls import HttpCalls, Service
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State

_BASE = "https://api.security.microsoft.com"
_AUDIENCE = "https://api.securitycenter.microsoft.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefenderDirectory(EntraClient):
    """How to reach the devices of one directory in order to act on them.

    Attributes:
        account: identifier of the directory (tenant).
    """

    account: str


class DefenderEndpoint:
    """A caller for one directory."""

    def __init__(self, settings: DefenderDirectory) -> None:
        """Take which directory; nothing is asked yet."""
        service = Service(settings.endpoint or _BASE, headers_of(settings, _AUDIENCE))
        self._calls = HttpCalls(settings, {"defender": service}, _right)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        return self._calls.call(call)


def _right(call: Call) -> str:
    return "Machine.Read.All" if call.is_reading else "Machine.Isolate"
