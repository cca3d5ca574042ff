"""Calls to the Azure Resource Manager in one subscription, waiting for what they start."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from tocsin.act.entra_clients import EntraClient, headers_of
from tocsin.act.http_calls import Answered, HttpCalls, Service, told
from tocsin.errors import ActionError, OutcomeUnknownError
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State

_BASE = "https://management.azure.com"
_LOOKS = 40
_VERBS = {"GET": "read", "PUT": "write", "PATCH": "write", "POST": "action", "DELETE": "delete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSubscription(EntraClient):
    """How to reach one subscription in order to act in it.

    Attributes:
        account: identifier of the subscription.
    """

    account: str


class Azure:
    """A caller for one subscription."""

    def __init__(
        self, settings: AzureSubscription, *, wait: Callable[[float], object] = time.sleep
    ) -> None:
        """Take which subscription; nothing is asked yet."""
        service = Service(settings.endpoint or _BASE, headers_of(settings, _BASE))
        self._calls = HttpCalls(settings, {"arm": service}, _right, wait)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        answered = self._calls.answer(call)
        if not call.is_reading:
            self._finish(call, answered)
        return answered.state

    def _finish(self, call: Call, answered: Answered) -> None:
        """Wait until what a call has started is done.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
        """
        link = answered.headers.get("azure-asyncoperation", "")
        if not link and answered.status == 202:
            link = answered.headers.get("location", "")
        if not link:
            return
        # Only path and query are taken: an answer does not say which machine is asked next.
        parts = urlsplit(link)
        asking = Call("arm", "GET", {"path": parts.path, "query": dict(parse_qsl(parts.query))})
        for look in range(_LOOKS):
            after = answered.headers.get("retry-after", "")
            self._calls.wait(float(after) if after.isdecimal() else min(0.5 * 2**look, 5.0))
            answered = self._calls.answer(asking)
            status = str(answered.state.get("status", "Succeeded"))
            if status in ("Failed", "Canceled"):
                raise ActionError(told(call, f"{status}: {_said(answered.state)}"))
            if status == "Succeeded" and answered.status != 202:
                return
        raise OutcomeUnknownError(told(call, "it takes too long"))


def _said(state: State) -> str:
    error = state.get("error")
    return str(error.get("message"))[:300] if isinstance(error, dict) else ""


def _right(call: Call) -> str:
    """Name the action of a call, as role definitions do."""
    path = str(call.parameters["path"])
    _, _, last = path.rpartition("/providers/")
    kinds = last.split("/")
    return "/".join([kinds[0], *kinds[1::2], _VERBS[call.operation]])
