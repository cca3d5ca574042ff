"""Notifiers and routes: whom to tell of which incident, entries of `notifiers:` and `routes:`.

`kind` names a plug of `tocsin.act.notifiers`; the other keys are the fields of the plug's own
settings dataclass. Plugs are found by name, so that one more needs no change here.
"""

from datetime import UTC, time
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from tocsin import plugins
from tocsin.settings.feeds import FeedName
from tocsin.settings.plugs import PlugKind, plug_kind
from tocsin.settings.section import Section
from tocsin.values import SEVERITY_IDS, Duration, Matching, SeverityName

# Loaded where routes are made: commands that read rules alone start without it.
if TYPE_CHECKING:
    from tocsin.respond import notifying

NOTIFIERS = "tocsin.act.notifiers"
# The sign of life has a section of its own.
_NO_KINDS = frozenset({"heartbeat"})

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
StageName = Literal["opened", "grown", "reopened", "closed"]
FieldName = Literal["severity", "entities", "accounts", "findings", "tactics", "times", "risk"]
Clock = Annotated[str, Matching(r"([01]\d|2[0-3]):[0-5]\d", 'a time in quotes such as "22:00"')]


def _known_zone(name: str) -> str:
    if name != "UTC":
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected a time zone of IANA such as Europe/Berlin") from None
    return name


class Notifier(Section):
    """What all kinds of notifiers have in common; each kind adds the settings of its plug."""

    name: FeedName
    """Unique name of the notifier: small letters, digits, `-` and `_`. Routes name it."""
    kind: str
    """How people are told."""


class Hours(Section):
    """A stretch of some days of the week; one that ends before it begins ends the next day."""

    start: Clock
    """When it begins."""
    end: Clock
    """When it ends."""
    weekdays: tuple[Weekday, ...] = WEEKDAYS
    """On which days it begins."""
    zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """The time zone of both, such as `Europe/Berlin`."""

    def made(self) -> "notifying.Hours":
        """Return them as routes use them."""
        from tocsin.respond import notifying

        return notifying.Hours(
            zone=UTC if self.zone == "UTC" else ZoneInfo(self.zone),
            start=time.fromisoformat(self.start),
            end=time.fromisoformat(self.end),
            weekdays=frozenset(WEEKDAYS.index(day) for day in self.weekdays),
        )


class Route(Section):
    """Which incidents are told, when, and to which notifiers; empty lists take everything."""

    name: FeedName
    """Unique name of the route."""
    notifiers: Annotated[tuple[FeedName, ...], Field(min_length=1)]
    """Names of the notifiers that tell."""
    min_severity: SeverityName = "high"
    """Tell of incidents of this severity or worse."""
    urgent_severity: SeverityName = "critical"
    """From this severity on nothing waits: not for quiet hours, not for a digest."""
    sources: tuple[str, ...] = ()
    """Sources of which one has findings in the incident; `aws.*` is a pattern."""
    entities: tuple[str, ...] = ()
    """Patterns of uid, name or `type:uid` of an entity of the incident, such as `user:*-admin`."""
    accounts: tuple[str, ...] = ()
    """Accounts of which one is the incident's."""
    stages: tuple[StageName, ...] = ("opened", "grown", "reopened", "closed")
    """What is told: that an incident is there, is worse, is open again, is over."""
    during: tuple[Hours, ...] = ()
    """Tell only of what happens inside one of these."""
    quiet: tuple[Hours, ...] = ()
    """Inside these, what is not urgent waits until they end."""
    digest: Duration | None = None
    """Gather what is not urgent for so long and tell it together."""
    fields: tuple[FieldName, ...] = ()
    """Which lines a message has; otherwise all."""

    def made(self) -> "notifying.Route":
        """Return it as the thinking room takes it."""
        from tocsin.respond import notifying

        return notifying.Route(
            name=self.name,
            targets=self.notifiers,
            severity_id=SEVERITY_IDS[self.min_severity],
            urgent_id=SEVERITY_IDS[self.urgent_severity],
            sources=self.sources,
            entities=self.entities,
            accounts=self.accounts,
            stages=frozenset(self.stages),
            during=tuple(hours.made() for hours in self.during),
            quiet=tuple(hours.made() for hours in self.quiet),
            digest=self.digest,
            fields=self.fields,
        )


def notifier_kinds(*, installed: bool = True) -> tuple[str, ...]:
    """Return what `kind` may be, sorted; with what other packages give unless not `installed`."""
    names = plugins.names(NOTIFIERS) if installed else plugins.own_names(NOTIFIERS)
    return tuple(name for name in names if name not in _NO_KINDS)


@cache
def notifier_kind(name: str) -> PlugKind[Notifier]:
    """Return a kind of `notifier_kinds()`.

    Raises:
        SettingsError: the plug cannot be loaded or breaks the convention.
    """
    return plug_kind(NOTIFIERS, name, Notifier, "How people are told.")


def notifier_section(kind: str) -> type[Notifier]:
    """Return what may be written of a kind of `notifier_kinds()`.

    Raises:
        SettingsError: see `notifier_kind`.
    """
    return notifier_kind(kind).section


def check_notifier(notifier: Notifier) -> None:
    """Make the plug, which refuses an address that can never be used.

    Raises:
        SettingsError: begins with the key that should change.
    """
    kind = notifier_kind(notifier.kind)
    kind.plug(kind.settings_of(notifier))
