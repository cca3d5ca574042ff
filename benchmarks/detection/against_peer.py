"""Measure Tocsin's detection against a peer: whole programs over the same rules and events."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.detection import answers, event_sets
from benchmarks.detection.children import FailedChildError
from benchmarks.detection.peers.environments import AbsentPeerError
from benchmarks.detection.peers.side import PeerRun, Side
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import PROCESSES
from benchmarks.detection.turns import Seconds, extended, interleave
from benchmarks.detection.workplace import Ours, Workplace

GOAL = 200_000
_QUICK = 100_000
_SHARE_FOR_START = 20


@dataclass(frozen=True, slots=True)
class Match:
    """What is compared.

    Attributes:
        source: whose rules and events.
        rules: how many rules.
        events: name of the event set.
        peer_events: how many events the peer is given; fewer in a quick run.
    """

    source: str
    rules: int
    events: str
    peer_events: int

    @property
    def event_key(self) -> str:
        """The field with the event's own identifier."""
        return "ProcessGuid" if self.source == PROCESSES else "eventID"


def against(
    workplace: Workplace, target: Target, match: Match, peer: Callable[[Workplace], Side]
) -> Result:
    """Return by what factor a peer needs more seconds of processors for 200,000 events.

    A side that is given fewer events is extended to 200,000, its start counted once.
    """
    if not workplace.with_peers:
        return Result(target, None, "peers are left out by option")
    try:
        side = peer(workplace)
        workplace.say(f"{target.row}: {match.rules:,} rules over {match.events}, {side.name}")
        return _Comparison(workplace, target, match, side).result()
    except (AbsentPeerError, FailedChildError) as error:
        return Result(target, None, str(error).replace("\n", " "))


@dataclass(slots=True)
class _Comparison:
    """One comparison while it is made.

    Attributes:
        first: the pairs of Tocsin's first run, which have been checked.
        asking: seconds of each run of Tocsin for the events alone.
    """

    workplace: Workplace
    target: Target
    match: Match
    side: Side
    first: answers.Pairs | None = None
    asking: list[float] = field(default_factory=list)

    def result(self) -> Result:
        """Check the answers, then measure."""
        place, match = self.workplace, self.match
        count = _QUICK if place.is_quick else GOAL
        rules = place.rule_folder(match.source, match.rules)
        events = place.event_file(match.events, count)
        few = place.first_events(events, _few(count))
        self.first = answers.read(place.ours(rules, events, match.source).pairs)
        place.check(match.source, match.rules, match.events, count, self.first)
        peer_count = min(match.peer_events // (4 if place.is_quick else 1), count)
        peer_events = place.first_events(events, peer_count)
        peer_few = place.first_events(events, _few(peer_count))
        misses = self._misses(self._peer(rules, peer_events), peer_count)
        place.misses[f"{self.side.name}, {match.rules:,} rules over {match.events}"] = misses
        sides = interleave(
            {
                "ours, few": partial(self._ours_few, rules, few),
                "ours": partial(self._ours_seconds, rules, events),
                "peer, few": partial(self._peer_seconds, rules, peer_few),
                "peer": partial(self._peer_seconds, rules, peer_events),
            },
            place.turns,
        )
        counts = {"ours": count, "peer": peer_count}
        return self._told(sides, counts, misses)

    def _told(
        self, sides: dict[str, Seconds], counts: dict[str, int], misses: answers.Misses
    ) -> Result:
        whole = {
            name: _at_goal(sides[f"{name}, few"], sides[name], count)
            for name, count in counts.items()
        }
        of_peer = sides["peer"].median - sides["peer, few"].median
        rates = {
            "ours": counts["ours"] / statistics.median(self.asking),
            "peer": (counts["peer"] - _few(counts["peer"])) / max(of_peer, 1e-3),
        }
        given = "" if counts["peer"] == GOAL else f", given {counts['peer']:,} events"
        note = (
            f"{whole['ours']:,.1f} s against {whole['peer']:,.1f} s of {self.side.name}{given};"
            f" without the start {rates['ours']:,.0f} against {rates['peer']:,.0f} events/s"
            f" (×{rates['ours'] / rates['peer']:,.0f}); the peer {misses}"
        )
        figures = {
            "seconds": {name: list(side.turns) for name, side in sides.items()},
            "events": counts,
            "seconds_for_200000": whole,
            "events_per_second_without_start": rates,
            "peer": self.side.name,
            "peer_misses": misses.share,
        }
        return Result(self.target, whole["peer"] / whole["ours"], note, figures)

    def _ours_few(self, rules: Path, events: Path) -> float:
        return self._ours(rules, events).usage.cpu_seconds

    def _ours_seconds(self, rules: Path, events: Path) -> float:
        run = self._ours(rules, events)
        self.asking.append(run.figure("events"))
        return run.usage.cpu_seconds

    def _ours(self, rules: Path, events: Path) -> Ours:
        run = self.workplace.ours(rules, events, self.match.source)
        found = answers.read(run.pairs)
        count = sum(1 for _ in events.open("rb"))
        assert self.first is not None
        answers.must_be_equal(answers.of_numbers(self.first, range(count)), found, "a later turn")
        return run

    def _peer(self, rules: Path, events: Path) -> PeerRun:
        return self.side.run(rules, events, self.match.event_key)

    def _peer_seconds(self, rules: Path, events: Path) -> float:
        return self._peer(rules, events).usage.cpu_seconds

    def _misses(self, run: PeerRun, count: int) -> answers.Misses:
        assert self.first is not None
        numbers = {event_sets.event_id(number): number for number in range(count)}
        expected = answers.of_numbers(self.first, range(count))
        return answers.compare(expected, answers.numbered(run.pairs, numbers), run.refused_rules)


def _at_goal(few: Seconds, many: Seconds, count: int) -> float:
    return extended(few.median, many.median, (_few(count), count), GOAL)


def _few(count: int) -> int:
    """Return how many events tell what the start takes."""
    return max(count // _SHARE_FOR_START, 100)
