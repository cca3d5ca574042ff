"""What a forwarder promises, and what it is given to send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from tocsin.errors import ActionError

Kind: TypeAlias = Literal["finding", "incident", "event"]


@dataclass(frozen=True, slots=True)
class Record:
    """One finding, incident or event on its way to another system.

    Attributes:
        kind: what it is.
        uid: the same for every attempt and every later state, so that a receiver can replace or
            drop repetitions.
        time: of an event when it happened, of all else when it last changed; UTC.
        severity_id: OCSF, 0 to 6, or 99.
        title: one line; may hold text of attackers.
        content: the whole as OCSF 1.8 JSON; holds nothing but what JSON has words for.
    """

    kind: Kind
    uid: str
    time: datetime
    severity_id: int
    title: str
    content: Mapping[str, object]


class RecordsRefused(ActionError):  # noqa: N818 - says what happened, as `Forged` does
    """The target answers, and does not take some records as they are; it takes others.

    Attributes:
        reasons: why, by uid; all other records of the call were taken. Empty where the target
            refused the call as a whole: whoever called finds out by sending fewer at a time.
    """

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = dict(reasons or {})


class Forwarder(Protocol):
    """Sends records to one kind of system.

    The constructor takes the plug's own frozen settings dataclass, does no input or output, and
    raises `SettingsError` for an address that can never be used.

    Attributes:
        kinds: what the target has a place for.
        target: host and port that records go to, `None` where that is a cloud or a folder.
        most: records that it takes at once.
    """

    kinds: frozenset[Kind]
    target: tuple[str, int] | None
    most: int

    def forward(self, records: Sequence[Record]) -> None:
        """Send the records; return when the other side has taken all of them.

        Raises:
            RecordsRefused: some of them cannot be taken.
            ActionError: the target does not answer or takes nothing at present; all may be sent
                again. No text holds a secret.
        """
        ...


EVERY_KIND: frozenset[Kind] = frozenset({"finding", "incident", "event"})
