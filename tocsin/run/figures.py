"""How long incidents took, and which clocks were kept: over all that were opened since a time."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tocsin.incidents import Incident
from tocsin.incidents.clocks import ClockName, Means, Targets, clocks_of, finished_time, means_of
from tocsin.ocsf import Scope
from tocsin.settings import SEVERITY_IDS, Settings
from tocsin.store import IncidentFilter, Store

PAGE = 1_000
CLOCKS: tuple[ClockName, ...] = ("acknowledge", "close", "report")


@dataclass(frozen=True, slots=True)
class ClockFigures:
    """What became of one kind of clock.

    Attributes:
        kept: ended in time.
        missed: ended too late.
        running: still run and are in time; `late` ones still run and are not.
    """

    name: ClockName
    kept: int
    missed: int
    running: int
    late: int


@dataclass(frozen=True, slots=True)
class IncidentFigures:
    """Figures over incidents; merged ones are left out.

    Attributes:
        means: mean times of all of them.
        by_severity: mean times by OCSF severity id, the worst first.
        still_open: how many are not resolved or closed.
        clocks: one of each kind.
    """

    means: Means
    by_severity: tuple[tuple[int, Means], ...]
    still_open: int
    clocks: tuple[ClockFigures, ...]


def figures_of(
    store: Store, scope: Scope, targets: Targets, now: datetime, since: datetime | None
) -> IncidentFigures:
    """Return figures over the incidents that were opened since a time; over all for `None`."""
    found = list(opened_since(store, scope, since))
    severities = sorted({one.severity_id for one in found}, reverse=True)
    return IncidentFigures(
        means=means_of(found),
        by_severity=tuple(
            (each, means_of(one for one in found if one.severity_id == each)) for each in severities
        ),
        still_open=sum(finished_time(one) is None for one in found),
        clocks=clock_figures(found, targets, now),
    )


def targets_of(settings: Settings) -> Targets:
    """Return how long incidents may take by these settings."""
    chosen = settings.incidents
    return Targets(
        acknowledge={SEVERITY_IDS[name]: time for name, time in chosen.acknowledge_within.items()},
        close={SEVERITY_IDS[name]: time for name, time in chosen.close_within.items()},
        report=chosen.report_within,
    )


def clock_figures(
    incidents: Iterable[Incident], targets: Targets, now: datetime
) -> tuple[ClockFigures, ...]:
    """Return what became of the clocks of incidents, one row for each kind."""
    counts: Counter[tuple[str, bool, bool]] = Counter()
    for one in incidents:
        for clock in clocks_of(one, targets):
            counts[clock.name, clock.ended is not None, clock.is_late(now)] += 1
    return tuple(
        ClockFigures(
            name,
            kept=counts[name, True, False],
            missed=counts[name, True, True],
            running=counts[name, False, False],
            late=counts[name, False, True],
        )
        for name in CLOCKS
    )


def opened_since(store: Store, scope: Scope, since: datetime | None) -> Iterator[Incident]:
    """Yield the incidents that were opened since a time, last activity first."""
    cursor: str | None = None
    while True:
        page = store.incidents.list(IncidentFilter(), scope, limit=PAGE, cursor=cursor)
        yield from (one for one in page.rows if since is None or one.opened_time >= since)
        cursor = page.cursor
        if cursor is None:
            return
