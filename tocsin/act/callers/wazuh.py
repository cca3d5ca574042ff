"""Calls to the server interface of Wazuh as one of its users."""

import time
from collections.abc import Mapping

from tocsin.act.containment import ConsoleClient
from tocsin.act.http_calls import HttpCalls, Service, fetched, outbound_of, told
from tocsin.act.outbound import Request
from tocsin.act.posting import basic
from tocsin.errors import ActionError, CallRefusedError
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State

_LASTS_SECONDS = 600.0
"""A token lasts 900 s unless the server is told otherwise."""


class Wazuh:
    """A caller for one Wazuh server."""

    def __init__(self, settings: ConsoleClient) -> None:
        """Take which server; nothing is asked yet."""
        self._settings = settings
        self._outbound = outbound_of(settings)
        self._token = ""
        self._until = 0.0
        service = Service(settings.server, self._headers)
        self._calls = HttpCalls(settings, {"wazuh": service}, _right)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        answer = self._calls.call(call)
        # What no agent took is said with status 200.
        if not call.is_reading and answer.get("error") != 0:
            raise ActionError(told(call, str(answer.get("message"))[:300]))
        return answer

    def _headers(self) -> Mapping[str, str]:
        if time.monotonic() >= self._until:
            settings = self._settings
            request = Request(
                f"{settings.server.rstrip('/')}/security/user/authenticate?raw=true",
                "POST",
                headers=basic(settings.client_id, settings.client_secret),
            )
            answered = fetched(self._outbound, request)
            if not answered.is_good:
                kind = CallRefusedError if answered.status in (401, 403) else ActionError
                raise kind(f"Wazuh gives no token for the user: status {answered.status}")
            self._token = answered.body.decode("ascii", "replace").strip()
            self._until = time.monotonic() + _LASTS_SECONDS
        return {"Authorization": f"Bearer {self._token}"}


def _right(call: Call) -> str:
    if not call.is_reading:
        return "active-response:command"
    return "syscheck:read" if "/syscheck/" in str(call.parameters["path"]) else "agent:read"
