"""How far time has come: event times of each source, moved by the clock where nothing arrives.

History that is loaded later is decided as it was lived: only events move the time of a source,
until none has arrived for the lateness.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from tocsin.detect.correlations.plan import Mark, Plan

_ROWS = "clock/"


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """The newest event of a source, and when its last event arrived; microseconds since 1970."""

    newest_us: int
    arrived_us: int


_ARRIVAL = msgspec.msgpack.Decoder(Arrival)


@dataclass(frozen=True, slots=True)
class Clock:
    """The arrivals of each source.

    Attributes:
        is_resumed: whether they were read from rows: nothing is known of the time since then.
        is_over: whether nothing will arrive any more.
    """

    arrivals: Mapping[str, Arrival] = field(default_factory=dict)
    is_resumed: bool = False
    is_over: bool = False

    @staticmethod
    def of(rows: Iterable[tuple[str, bytes]]) -> "Clock":
        """Return the clock read from rows; other rows are left out.

        Raises:
            msgspec.DecodeError: a payload was not written here.
        """
        arrivals = {
            key.removeprefix(_ROWS): _ARRIVAL.decode(payload)
            for key, payload in rows
            if key.startswith(_ROWS)
        }
        return Clock(arrivals, is_resumed=bool(arrivals))

    def rows(self, before: "Clock") -> list[tuple[str, bytes, int]]:
        """Return key, payload and expiry of the arrivals that differ from earlier ones."""
        return [
            (f"{_ROWS}{source}", msgspec.msgpack.encode(each), each.arrived_us)
            for source, each in sorted(self.arrivals.items())
            if before.arrivals.get(source) != each
        ]

    def at(self, newest: Mapping[str, int], now_us: int) -> "Clock":
        """Return the clock after events have arrived.

        Args:
            newest: time of the newest event by source.
            now_us: the present moment.
        """
        arrivals = dict(self.arrivals)
        if self.is_resumed:
            # Sources may have more waiting than a silence before the restart suggests.
            arrivals = {
                source: msgspec.structs.replace(each, arrived_us=now_us)
                for source, each in arrivals.items()
            }
        for source, time_us in newest.items():
            newest_us = min(time_us, now_us)
            if source in arrivals:
                newest_us = max(newest_us, arrivals[source].newest_us)
            arrivals[source] = Arrival(newest_us, now_us)
        if arrivals == self.arrivals and not self.is_resumed:
            return self
        return replace(self, arrivals=arrivals, is_resumed=False)

    def marks(self, plans: Iterable[Plan], now_us: int) -> Mapping[str, Mark]:
        """Return how far time has come for each correlation, by its uid."""
        return {plan.uid: Mark(self._watermark(plan, now_us), now_us) for plan in plans}

    def _watermark(self, plan: Plan, now_us: int) -> int:
        if self.is_over:
            return now_us
        quiet_us = now_us - plan.late_us
        return min(
            (
                each.newest_us
                for source, each in self.arrivals.items()
                if source in plan.sources and each.arrived_us > quiet_us
            ),
            default=now_us,
        )
