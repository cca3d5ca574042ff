"""What a notifier promises, and what it is given to say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell people or machines outside.

    Attributes:
        uid: the same for every attempt to send it, so that a receiver can drop repetitions.
        title: one line.
        text: plain text; texts of attackers in it stay text.
        severity_id: OCSF, 1 to 6.
        time: when it became true, UTC.
        incident_uid: what it is about, the same for everything told of one incident; "" for many.
        stage: `opened`, `grown`, `reopened`, `closed`; `digest` for many; "" for others.
        url: where to read on, on our own pages; "" where they have no public address.
    """

    uid: str
    title: str
    text: str
    severity_id: int
    time: datetime
    incident_uid: str = ""
    stage: str = ""
    url: str = ""

    @property
    def text_with_link(self) -> str:
        """The text, and below it where to read on."""
        return f"{self.text}\n{self.url}" if self.url else self.text


class Notifier(Protocol):
    """Tells people, in one way.

    The constructor takes the plug's own frozen settings dataclass, does no input or output, and
    raises `SettingsError` for an address that can never be used.
    """

    def send(self, message: Message) -> None:
        """Deliver the message once; return when the other side has taken it.

        Raises:
            ActionError: it was not taken; it may be sent again. The text names the host, never the
                rest of the address or another secret.
        """
        ...
