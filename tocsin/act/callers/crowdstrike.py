"""Calls to CrowdStrike Falcon as one of its API clients."""

from tocsin.act.containment import ConsoleClient
from tocsin.act.http_calls import ClientCredentials, HttpCalls, Service, outbound_of
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State


class CrowdStrike:
    """A caller for one customer of Falcon."""

    def __init__(self, settings: ConsoleClient) -> None:
        """Take which cloud of Falcon; nothing is asked yet."""
        tokens = ClientCredentials(
            outbound_of(settings),
            f"{settings.server.rstrip('/')}/oauth2/token",
            {"client_id": settings.client_id},
            settings.client_secret,
        )
        self._calls = HttpCalls(settings, {"crowdstrike": Service(settings.server, tokens)}, _right)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        return self._calls.call(call)


def _right(call: Call) -> str:
    return "Hosts: Read" if call.is_reading else "Hosts: Write"
