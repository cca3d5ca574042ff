"""Run correlations without rules and tables: events are told to them as if rules had matched."""

from collections import defaultdict
from datetime import timedelta

from tocsin.detect.correlations import Correlator, Definition, Observation, Seen, bind
from tocsin.detect.correlations.model import Bound, Correlation
from tocsin.detect.windows import Windows

MINUTE = 60_000_000
UID = "correlation"
LATENESS = 3
SOURCE = "aws.cloudtrail"
RULES = ("a", "b", "c", "d")
# Away from the beginning of time, at a multiple of every period used.
BEGIN = 1_000 * 1440


def definition(asked, **changes):
    """Return the definition of what an oracle was asked."""
    correlation = Correlation(
        kind=asked.kind,
        rules=asked.rules,
        timespan=timedelta(minutes=asked.span),
        without=asked.without,
        group_by=("group",),
        bounds=tuple(Bound(name, number) for name, number in asked.bounds),
        percentile=asked.percent,
        lateness=timedelta(minutes=asked.lateness),
        learning=timedelta(minutes=asked.learning),
        history=timedelta(minutes=asked.history),
        times=asked.times,
        at_least=asked.at_least,
        **changes,
    )
    return Definition(UID, correlation, timedelta(minutes=asked.period))


def seen(happening):
    """Yield what a correlation sees of an event, once for each rule that matched."""
    fields = {f"field{at}": tuple(each) for at, each in enumerate(happening.fields) if each}
    observation = Observation(
        uid=happening.uid,
        time_us=(BEGIN + happening.minute) * MINUTE,
        source=SOURCE,
        values={"group": (happening.group,), **fields},
        personas={},
    )
    for rule in sorted(happening.rules):
        yield Seen(rule, observation)


class Runner:
    """Runs correlations over turns and gathers what they tell."""

    def __init__(self, definitions, rules=RULES):
        self.plans = bind(definitions, {rule: frozenset((SOURCE,)) for rule in rules})
        self.correlator = Correlator(self.plans.plans)
        self.windows = Windows()
        self.told = defaultdict(list)
        self.lost, self.late = defaultdict(int), defaultdict(int)
        self.outcomes = []

    def turn(self, happenings, now_minute):
        """Take one turn with these events, at a time of the clock."""
        now_us = int((BEGIN + now_minute) * MINUTE)
        times = [(BEGIN + each.minute) * MINUTE for each in happenings]
        newest = {SOURCE: max(times)} if times else {}
        clock = self.windows.clock.at(newest, now_us)
        marks = clock.marks(self.plans.plans, now_us)
        every = [one for each in happenings for one in seen(each)]
        outcome = self.correlator.run(self.windows.memories, every, marks)
        self.windows = self.windows.correlated(outcome.memories, clock)
        for each in outcome.told:
            minute = each.telling.period_us // MINUTE - BEGIN
            key = (each.plan.uid, *each.group, minute)
            self.told[key] += [event.uid for event in each.telling.events]
        for counts, more in ((self.lost, outcome.lost), (self.late, outcome.late)):
            for uid, count in more.items():
                counts[uid] += count
        self.outcomes.append(outcome)

    def restart(self):
        """Go on with what was written as rows."""
        before = self.windows
        self.windows = Windows.from_rows(before.to_rows())
        assert self.windows.memories == before.memories

    def finish(self, now_minute):
        """Let time pass without events until everything is decided."""
        self.windows = self.windows.at_rest()
        self.turn([], now_minute)

    def findings(self, uid=UID):
        """Return the events of each finding, of which none is told twice."""
        found = {}
        for (of, group, minute), uids in self.told.items():
            if of == uid:
                assert len(uids) == len(set(uids)), "an event is told twice"
                found[group, minute] = set(uids)
        return found


def found_in_order(asked, happenings, **changes):
    """Return what a correlation finds where each event comes in order, in a turn of its own."""
    runner = Runner([definition(asked, **changes)])
    for each in sorted(happenings, key=lambda one: (one.minute, one.uid)):
        runner.turn([each], each.minute)
    runner.finish(100_000)
    return runner.findings()
