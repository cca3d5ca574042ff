"""Forwarders: where findings, incidents and events go, one entry of `forwarders:` each.

`kind` names a plug of `tocsin.act`; the other keys are the fields of the plug's own settings
dataclass. Plugs are found by name, so that one more needs no change here.
"""

from dataclasses import dataclass
from functools import cache
from inspect import getdoc
from sys import modules
from typing import Annotated, Literal

from pydantic import Field

from tocsin import plugins
from tocsin.settings.feeds import FeedName
from tocsin.settings.plugs import GivenField, defined, given_fields
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


@dataclass(frozen=True, slots=True)
class ForwarderKind:
    """One kind of forwarder, made of its plug.

    Attributes:
        name: as written in `kind`.
        plug: the class of the forwarder.
        values: the frozen dataclass that it takes.
        section: what may be written in `tocsin.yaml`.
        fields: the settings that the plug adds.
    """

    name: str
    plug: type
    values: type
    section: type[Forwarder]
    fields: tuple[GivenField, ...]

    def settings_of(self, forwarder: Forwarder) -> object:
        """Return the dataclass of one forwarder for its plug.

        Raises:
            SettingsError: the plug finds that settings do not fit together.
        """
        taken = {field.name: getattr(forwarder, field.key) for field in self.fields}
        made: object = self.values(**taken)
        return made


def forwarder_kinds(*, installed: bool = True) -> tuple[str, ...]:
    """Return what `kind` may be, sorted; with what other packages give unless not `installed`."""
    return plugins.names(FORWARDERS) if installed else plugins.own_names(FORWARDERS)


@cache
def forwarder_kind(name: str) -> ForwarderKind:
    """Return a kind of `forwarder_kinds()`.

    Raises:
        SettingsError: the plug cannot be loaded or breaks the convention.
    """
    plug = plugins.find(FORWARDERS, name)
    values = plugins.settings_type(plug)
    fields, _ = given_fields(values)
    given: dict[str, tuple[object, object]] = {
        "kind": (Literal[name], Field(description="What takes the records.")),
        **{field.key: (field.annotation, field.info) for field in fields},
    }
    called = "".join(part.capitalize() for part in name.split("_")) + "Forwarder"
    about = getdoc(modules[plug.__module__]) or getdoc(plug) or ""
    section = defined(called, Forwarder, " ".join(about.split("\n\n")[0].split()), given)
    return ForwarderKind(name, plug, values, section, fields)


def forwarder_section(kind: str) -> type[Forwarder]:
    """Return what may be written of a kind of `forwarder_kinds()`.

    Raises:
        SettingsError: see `forwarder_kind`.
    """
    return forwarder_kind(kind).section
