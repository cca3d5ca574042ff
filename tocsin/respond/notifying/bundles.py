"""Make messages of what waits, few enough to be read.

Each lane of a route has an allowance, a token bucket. While it suffices, each incident has its own
message; where it does not, one message tells all that waits. Nothing is left out: a digest counts
everything and names the rarest first, so that one needle is seen in a haystack.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.ocsf import identifiers
from tocsin.respond.notifying.routes import Lane, Notice, Route

BURST = 5
"""Messages that a rested lane sends at once."""

EVERY: dict[Lane, timedelta] = {"urgent": timedelta(minutes=1), "normal": timedelta(minutes=5)}
"""How soon a lane may send one more: within a minute what is urgent is always told. In ten minutes
a route sends at most 5 + 10 urgent and 5 + 2 other messages, whatever comes."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many messages a lane may send, as of `time`."""

    tokens: float
    time: datetime

    @classmethod
    def rested(cls, now: datetime) -> "Allowance":
        """Return the allowance of a lane that has sent nothing for long."""
        return cls(float(BURST), now)

    def at(self, now: datetime, lane: Lane) -> "Allowance":
        """Return it as it has grown since; a clock that went back gives nothing."""
        passed = max(now - self.time, timedelta())
        return Allowance(min(float(BURST), self.tokens + passed / EVERY[lane]), now)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Notices that one message tells, at least one.

    Attributes:
        uid: of the message; derived, so that the same notices give the same one.
    """

    uid: str
    notices: tuple[Notice, ...]

    @property
    def is_single(self) -> bool:
        """Whether all of it is about one incident."""
        return len({notice.incident_uid for notice in self.notices}) == 1


def bundled(
    route: Route, lane: Lane, waiting: Sequence[Notice], allowance: Allowance, now: datetime
) -> tuple[tuple[Bundle, ...], Allowance]:
    """Return the messages to send now, and the allowance that is left.

    Args:
        route: whose they are.
        lane: of this lane.
        waiting: notices of the route and lane, any order.
        allowance: as it was left the last time.
        now: UTC.
    """
    allowance = allowance.at(now, lane)
    tokens = int(allowance.tokens)
    if not waiting or tokens < 1 or (lane == "normal" and _is_held(route, waiting, now)):
        return (), allowance
    incidents = _by_incident(waiting)
    is_digest = len(incidents) > tokens or (
        lane == "normal" and route.digest is not None and len(incidents) > 1
    )
    groups = [[notice for group in incidents for notice in group]] if is_digest else incidents
    bundles = tuple(_bundle(route, group) for group in groups)
    return bundles, replace(allowance, tokens=allowance.tokens - len(bundles))


def _is_held(route: Route, waiting: Iterable[Notice], now: datetime) -> bool:
    if route.is_quiet(now):
        return True
    oldest = min(notice.time for notice in waiting)
    return route.digest is not None and now - oldest < route.digest


def _by_incident(waiting: Iterable[Notice]) -> list[list[Notice]]:
    found: dict[str, list[Notice]] = {}
    for notice in sorted(waiting, key=lambda one: (-one.severity_id, one.time, one.uid)):
        found.setdefault(notice.incident_uid, []).append(notice)
    return list(found.values())


def _bundle(route: Route, notices: Sequence[Notice]) -> Bundle:
    ordered = tuple(sorted(notices, key=lambda one: (one.time, one.uid)))
    if len(ordered) == 1:
        return Bundle(ordered[0].uid, ordered)
    return Bundle(
        identifiers.derive("msg", route.name, *(notice.uid for notice in ordered)), ordered
    )
