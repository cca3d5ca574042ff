"""Calls to the management console of SentinelOne as one of its service users."""

from dataclasses import dataclass, field

from tocsin.act.http_calls import HttpCalls, Service
from tocsin.act.posting import HttpSettings, bearer
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State
from tocsin.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelOneConsole(HttpSettings):
    """How to reach one console in order to act in it.

    Attributes:
        account: name of the console, as its findings give it.
        server: address of the console.
        token: of a service user.
    """

    account: str
    server: str
    token: Secret = field(repr=False)


class SentinelOne:
    """A caller for one console."""

    def __init__(self, settings: SentinelOneConsole) -> None:
        """Take which console; nothing is asked yet."""
        service = Service(settings.server, lambda: bearer(settings.token, "ApiToken"))
        self._calls = HttpCalls(settings, {"sentinelone": service}, _right)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        return self._calls.call(call)


def _right(call: Call) -> str:
    if call.is_reading:
        return "Endpoints: View"
    is_cutting = str(call.parameters["path"]).endswith("/disconnect")
    return f"Endpoints: {'Disconnect From' if is_cutting else 'Reconnect To'} Network"
