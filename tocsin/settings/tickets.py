"""Systems of tickets: where incidents get one, entries of `tickets:`.

`kind` names a plug of `tocsin.act.tickets`; the other keys are the fields of the plug's own
settings dataclass. Plugs are found by name, so that one more needs no change here.
"""

from functools import cache
from typing import Literal

from pydantic import Field

from tocsin import plugins
from tocsin.settings.feeds import FeedName
from tocsin.settings.plugs import PlugKind, plug_kind
from tocsin.settings.section import Section
from tocsin.values import Duration, SeverityName

TICKETS = "tocsin.act.tickets"


class Tickets(Section):
    """What all systems of tickets have in common; each kind adds the settings of its plug."""

    name: FeedName
    """Unique name of the system: small letters, digits, `-` and `_`. It owns its tickets."""
    kind: str
    """Which system it is."""
    min_severity: SeverityName = "high"
    """Open tickets for incidents of this severity or worse."""
    sources: tuple[str, ...] = ()
    """Sources of which one has findings in the incident; `aws.*` is a pattern. Empty for all."""
    entities: tuple[str, ...] = ()
    """Patterns of uid, name or `type:uid` of an entity of the incident. Empty for all."""
    accounts: tuple[str, ...] = ()
    """Accounts of which one is the incident's. Empty for all."""
    comment_every: Duration = Field(default="15m", validate_default=True)
    """Comment on what changed at most once in so long."""
    sync_every: Duration = Field(default="5m", validate_default=True)
    """How often the status of an open ticket is read."""
    on_close: Literal["note", "resolve"] = "note"
    """What follows when people close a ticket: a line in the incident's timeline, or the incident
    is resolved too."""


def ticket_kinds(*, installed: bool = True) -> tuple[str, ...]:
    """Return what `kind` may be, sorted; with what other packages give unless not `installed`."""
    return plugins.names(TICKETS) if installed else plugins.own_names(TICKETS)


@cache
def ticket_kind(name: str) -> PlugKind[Tickets]:
    """Return a kind of `ticket_kinds()`.

    Raises:
        SettingsError: the plug cannot be loaded or breaks the convention.
    """
    return plug_kind(TICKETS, name, Tickets, "Which system it is.")


def ticket_section(kind: str) -> type[Tickets]:
    """Return what may be written of a kind of `ticket_kinds()`.

    Raises:
        SettingsError: see `ticket_kind`.
    """
    return ticket_kind(kind).section


def check_tickets(tickets: Tickets) -> None:
    """Make the plug, which refuses an address that can never be used.

    Raises:
        SettingsError: begins with the key that should change.
    """
    kind = ticket_kind(tickets.kind)
    kind.plug(kind.settings_of(tickets))
