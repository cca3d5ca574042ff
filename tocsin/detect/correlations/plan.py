"""A correlation bound to the rules it refers to, and what its forms work with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.detect.correlations.model import Correlation
from tocsin.detect.correlations.state import Group, Persona, Sighting


@dataclass(frozen=True, slots=True)
class Observation:
    """One event that a rule matched, or with which an inner correlation closed.

    Attributes:
        values: texts by path.
        personas: by rule uid of the correlations that choose whom the event is about, and empty.
    """

    uid: str
    time_us: int
    source: str
    values: Mapping[str, tuple[str, ...]]
    personas: Mapping[str, Persona]
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One correlation as it runs.

    Attributes:
        uid: of its rule.
        key: names what it remembers: another definition has another key.
        span_us: timespan.
        late_us: how late its sightings may come: its own lateness, and what inner ones wait.
        delay_us: how long after a closing's time outer ones may hear of it.
        period_us: closings of one period are one finding.
        learning_us: how long a group must be known.
        history_us: how far back the average reaches.
        counted: how many events its condition counts to.
        needed: how many different rules must occur before it can find anything.
        bits: number of each reference, by rule uid.
        groups: paths of `group-by`, by rule uid.
        fields: paths of its fields, by rule uid.
        carried: paths that outer correlations need.
        personas: keys of the personas that it and outer ones need.
        outers: uids of the correlations that refer to it.
        leaves: rules on single events that it refers to, however far in.
        sources: where its events come from.
    """

    uid: str
    key: str
    correlation: Correlation
    span_us: int
    late_us: int
    delay_us: int
    period_us: int
    learning_us: int = 0
    history_us: int = 0
    counted: int = 0
    needed: int = 0
    bits: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    carried: tuple[str, ...] = ()
    personas: tuple[str, ...] = ("",)
    outers: tuple[str, ...] = ()
    leaves: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Mark:
    """How far time has come for a correlation.

    Attributes:
        watermark_us: events up to here have been seen, or come late.
        now_us: the clock.
    """

    watermark_us: int
    now_us: int


@dataclass(frozen=True, slots=True)
class Telling:
    """What a finding of one period learns: events that it did not name yet.

    Attributes:
        period_us: when the period begins.
        events: in order.
        closing: the first event with which the condition held.
        window: what the last window that held was made of.
        value: what was measured there.
        usual: what is usual (`rate`).
    """

    period_us: int
    events: tuple[Sighting, ...]
    closing: Sighting
    window: tuple[Sighting, ...]
    value: float | str
    usual: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one group.

    Attributes:
        closings: sightings that outer correlations do not know yet.
        late: sightings that came after everything about their time was decided.
    """

    group: Group
    tellings: tuple[Telling, ...] = ()
    closings: tuple[Sighting, ...] = ()
    late: int = 0


class Form(Protocol):
    """How one type of correlation looks at a group."""

    def step(self, group: Group, since_us: int, mark: Mark) -> Step:
        """Return what becomes of a group.

        Args:
            group: with new sightings among those it has.
            since_us: time of the first new sighting; `NEVER` where there is none.
            mark: how far time has come.
        """

    def due(self, group: Group) -> int:
        """Return the watermark at which there is something to decide; `NEVER` where there is not.

        Microseconds since 1970.
        """
