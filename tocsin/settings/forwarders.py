"""Forwarders: where findings, incidents and events go, one entry of `forwarders:` each.

`kind` names a plug of `tocsin.act`; the other keys are the fields of the plug's own settings
dataclass. Plugs are found by name, so that one more needs no change here.
"""

from functools import cache
from typing import Annotated

from tocsin import plugins
from tocsin.settings.feeds import FeedName
from tocsin.settings.plugs import PlugKind, plug_kind
from tocsin.settings.section import Section
from tocsin.values import SeverityName, Within

FORWARDERS = "tocsin.act.forwarders"
NO_EVENTS = "none"
MATCHED_EVENTS = "matched"


class Forwarder(Section):
    """What all kinds of forwarders have in common; each kind adds the settings of its plug."""

    name: FeedName
    """Unique name of the forwarder: small letters, digits, `-` and `_`. It owns its position."""
    kind: str
    """What takes the records."""
    findings: bool = True
    """Send findings, again whenever they grow."""
    incidents: bool = True
    """Send incidents, again whenever they change."""
    events: str = NO_EVENTS
    """Which events to send: `none`, `matched` (those that findings name), or a search such as
    `severity:>=high OR source:aws.cloudtrail`."""
    min_severity: SeverityName = "informational"
    """Send findings and incidents of this severity or worse."""
    batch: Annotated[int, Within(1, 5_000)] = 500
    """Send this many at once, or fewer where the target wants that."""


def forwarder_kinds(*, installed: bool = True) -> tuple[str, ...]:
    """Return what `kind` may be, sorted; with what other packages give unless not `installed`."""
    return plugins.names(FORWARDERS) if installed else plugins.own_names(FORWARDERS)


@cache
def forwarder_kind(name: str) -> PlugKind[Forwarder]:
    """Return a kind of `forwarder_kinds()`.

    Raises:
        SettingsError: the plug cannot be loaded or breaks the convention.
    """
    return plug_kind(FORWARDERS, name, Forwarder, "What takes the records.")


def forwarder_section(kind: str) -> type[Forwarder]:
    """Return what may be written of a kind of `forwarder_kinds()`.

    Raises:
        SettingsError: see `forwarder_kind`.
    """
    return forwarder_kind(kind).section
