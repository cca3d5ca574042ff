"""A sign of life to an address outside, so that somebody else notices when Tocsin is dead.

Made for dead man's switches: they raise the alarm when no request comes in time.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from tocsin.act.contracts import Message
from tocsin.act.outbound import Outbound, Request
from tocsin.errors import ActionError


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """Where to send the sign of life.

    Attributes:
        url: https; holds the token of the switch and is never printed.
        method: GET sends nothing but the request; POST sends the text of the message too.
        allow_private: address ranges of one's own in which the address may lie.
        certificates: PEM file of an authority of one's own.
        timeout_seconds: for connecting, and for each wait after it.
    """

    url: str = field(repr=False)
    method: Literal["GET", "POST"] = "GET"
    allow_private: tuple[IPv4Network | IPv6Network, ...] = ()
    certificates: str | None = None
    timeout_seconds: float = 10.0


class Heartbeat:
    """Asks for an address outside."""

    def __init__(self, settings: HeartbeatSettings) -> None:
        self._settings = settings
        self._outbound = Outbound(
            allow_private=settings.allow_private,
            certificates=settings.certificates,
            timeout_seconds=settings.timeout_seconds,
        )
        self._outbound.check(settings.url)

    def send(self, message: Message) -> None:
        """Give one sign of life.

        Raises:
            ActionError: the other side did not take it.
        """
        settings = self._settings
        content = message.text.encode("utf-8", "replace")
        status = self._outbound.send(Request(settings.url, settings.method, content))
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise ActionError(f"the heartbeat was not taken: status {status}")
