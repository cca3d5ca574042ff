"""Let correlations look at what rules matched in a turn, inner correlations first."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import msgspec

from tocsin.detect.correlations.forms import form_of, order_of
from tocsin.detect.correlations.orders import Order
from tocsin.detect.correlations.plan import Form, Mark, Observation, Plan, Telling
from tocsin.detect.correlations.state import (
    NEVER,
    Group,
    Head,
    Memory,
    Sighting,
    group_key,
)

MAX_GROUPS = 10_000
"""Groups that a correlation remembers; those seen longest ago go first."""

MAX_ROWS = 200_000
"""Groups, sightings and values that all correlations remember together."""

MAX_SIGHTINGS = 2_000
"""Sightings that a group remembers, or twice what its condition counts to."""

MAX_VALUES = 20_000
"""Values that a group of `new_value` remembers."""

MAX_MEMBERSHIPS = 16
"""Groups that one event may belong to where a path has several values."""

_GRID_US = 60_000_000
_GONE_US = 31 * 24 * 3600 * 1_000_000
_NOBODY = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule, or an inner correlation, saw: one event."""

    rule_uid: str
    observation: Observation


@dataclass(frozen=True, slots=True)
class Told:
    """What one group of one correlation tells."""

    plan: Plan
    group: tuple[str, ...]
    telling: Telling


@dataclass(slots=True)
class Outcome:
    """What came of a turn.

    Attributes:
        memories: by key of the plan; those that did not change are the same objects.
        lost: groups, sightings and values that were forgotten early, by rule uid.
        late: sightings that came after everything about their time was decided, by rule uid.
    """

    memories: dict[str, Memory]
    told: list[Told] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)


class Correlator:
    """Every bound correlation, inner ones before outer ones."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self.plans = tuple(plans)
        self._uids = {plan.key: plan.uid for plan in self.plans}
        self._forms: Mapping[str, Form] = {plan.uid: form_of(plan) for plan in self.plans}
        self._orders: Mapping[str, Order | None] = {
            plan.key: order_of(self._forms[plan.uid]) for plan in self.plans
        }
        self.readers: Mapping[str, tuple[Plan, ...]] = self._by_reference()

    def _by_reference(self) -> Mapping[str, tuple[Plan, ...]]:
        found: dict[str, list[Plan]] = {}
        for plan in self.plans:
            for uid in plan.bits:
                found.setdefault(uid, []).append(plan)
        return {uid: tuple(plans) for uid, plans in found.items()}

    def kept(self, memories: Mapping[str, Memory], now_us: int) -> Mapping[str, Memory]:
        """Return the memories without those of rules that have been gone for long.

        A rule that is broken or switched off for a day must not have to learn again.
        """
        return {
            key: memory
            for key, memory in memories.items()
            if key in self._uids or _last_us(memory) > now_us - _GONE_US
        }

    def run(
        self, memories: Mapping[str, Memory], seen: Iterable[Seen], marks: Mapping[str, Mark]
    ) -> Outcome:
        """Look at what was seen, and at what has become due.

        Args:
            memories: by key of the plan, before; those of no plan stay as they are.
            seen: by rules that correlations refer to; any order.
            marks: by uid of the plan.
        """
        outcome = Outcome(dict(memories))
        waiting: dict[str, list[Seen]] = {}
        for each in seen:
            for plan in self.readers.get(each.rule_uid, ()):
                waiting.setdefault(plan.uid, []).append(each)
        for plan in self.plans:
            closings = self._look(plan, waiting.get(plan.uid, ()), marks[plan.uid], outcome)
            for outer in self.readers.get(plan.uid, ()):
                waiting.setdefault(outer.uid, []).extend(closings)
        self._shrink(outcome)
        return outcome

    def _shrink(self, outcome: Outcome) -> None:
        """Forget groups of the largest correlations where all together are too large."""
        total = sum(memory.size for memory in outcome.memories.values())
        while total > MAX_ROWS:
            key = max(outcome.memories, key=lambda name: (outcome.memories[name].size, name))
            before = outcome.memories[key].size
            wanted = max(before - (total - MAX_ROWS), before // 2)
            order = self._orders.get(key)
            outcome.memories[key], lost = _bounded(outcome.memories[key], MAX_GROUPS, wanted, order)
            _count(outcome.lost, self._uids.get(key, "*"), lost)
            total += outcome.memories[key].size - before

    def _look(self, plan: Plan, seen: Sequence[Seen], mark: Mark, outcome: Outcome) -> list[Seen]:
        memory = outcome.memories.get(plan.key) or Memory()
        if not seen and memory.due_us > mark.watermark_us:
            return []
        touched = _sorted_in(plan, seen, mark)
        for key in memory.due(mark.watermark_us):
            touched.setdefault(key, ((), []))
        changed: dict[str, Group | None] = {}
        closings: list[Seen] = []
        for key in sorted(touched):
            values, sightings = touched[key]
            group = memory.get(key) or Group(Head(values=values))
            changed[key], closed = self._step(plan, group, sightings, mark, outcome)
            closings += [Seen(plan.uid, _observed(each)) for each in closed]
        order = self._orders[plan.key]
        memory, lost = _bounded(memory.changed(changed), MAX_GROUPS, MAX_ROWS, order)
        _count(outcome.lost, plan.uid, lost)
        outcome.memories[plan.key] = memory
        if not memory.count:
            del outcome.memories[plan.key]
        return closings

    def _step(
        self,
        plan: Plan,
        group: Group,
        sightings: Sequence[Sighting],
        mark: Mark,
        outcome: Outcome,
    ) -> tuple[Group | None, tuple[Sighting, ...]]:
        form = self._forms[plan.uid]
        grown, since_us = _grown(group, sightings)
        step = form.step(grown, since_us, mark)
        outcome.told += [Told(plan, group.head.values, each) for each in step.tellings]
        _count(outcome.late, plan.uid, step.late)
        order = self._orders[plan.key]
        after, lost = _pruned(step.group, plan, mark, order)
        _count(outcome.lost, plan.uid, lost)
        return _scheduled(after, form, plan, mark, order), step.closings


def _last_us(memory: Memory) -> int:
    return max((group.head.last_us for _, group in memory.items()), default=-NEVER)


def _count(counts: dict[str, int], uid: str, more: int) -> None:
    if more:
        counts[uid] = counts.get(uid, 0) + more


def _sorted_in(
    plan: Plan, seen: Iterable[Seen], mark: Mark
) -> dict[str, tuple[tuple[str, ...], list[Sighting]]]:
    """Return the sightings by group."""
    found: dict[str, tuple[tuple[str, ...], list[Sighting]]] = {}
    for each in seen:
        values = each.observation.values
        sighting = _sighting(plan, each, mark)
        paths = plan.groups[each.rule_uid]
        choices = [values.get(path, _NOBODY)[:MAX_MEMBERSHIPS] for path in paths]
        for number, group in enumerate(product(*choices)):
            if number == MAX_MEMBERSHIPS:
                break
            found.setdefault(group_key(group), (group, []))[1].append(sighting)
    return found


def _sighting(plan: Plan, seen: Seen, mark: Mark) -> Sighting:
    observation, values = seen.observation, seen.observation.values
    # A clock that is ahead must not keep a group alive for years.
    time_us = min(observation.time_us, mark.now_us + plan.late_us)
    keep_us = max(time_us + plan.span_us + plan.late_us, mark.now_us + plan.late_us)
    return Sighting(
        uid=observation.uid,
        time_us=time_us,
        source=observation.source,
        steps=1 << plan.bits[seen.rule_uid],
        fields=tuple(values.get(path, _NOBODY) for path in plan.fields[seen.rule_uid]),
        values={path: values[path] for path in plan.carried if path in values},
        personas={
            key: observation.personas[key] for key in plan.personas if key in observation.personas
        },
        account=observation.account,
        keep_us=keep_us,
    )


def _observed(sighting: Sighting) -> Observation:
    return Observation(
        sighting.uid,
        sighting.time_us,
        sighting.source,
        sighting.values,
        sighting.personas,
        sighting.account,
    )


def _grown(group: Group, sightings: Sequence[Sighting]) -> tuple[Group, int]:
    """Return the group with new sightings in their places, and the time of the first new one."""
    if not sightings:
        return group, NEVER
    since_us = NEVER
    first = min(each.order for each in sightings)
    place = bisect_left(group.sightings, first, key=lambda each: each.order)
    ordered = list(group.sightings[:place])
    known = {id(each) for each in group.sightings[place:]}
    # What is known comes before what is new of the same event: sorting keeps their order.
    for sighting in sorted((*group.sightings[place:], *sightings), key=lambda each: each.order):
        before = ordered[-1] if ordered else None
        if before is None or before.order != sighting.order:
            ordered.append(sighting)
        elif (joined := before.joined(sighting)) is not before:
            ordered[-1] = joined
        else:
            continue
        if id(sighting) not in known:
            since_us = min(since_us, sighting.time_us)
    if since_us == NEVER:
        return group, NEVER
    head = msgspec.structs.replace(
        group.head,
        first_us=min(group.head.first_us, since_us),
        last_us=max(group.head.last_us, *(each.time_us for each in sightings)),
    )
    return Group(head, tuple(ordered), group.seen), since_us


def _pruned(group: Group, plan: Plan, mark: Mark, order: Order | None) -> tuple[Group, int]:
    """Return the group without what is past, and how much more had to go."""
    kept = group.sightings
    # Those to come are in order of their end, nearly; what stays a while longer does no harm.
    if kept and kept[0].keep_us <= mark.watermark_us:
        kept = tuple(each for each in kept if each.keep_us > mark.watermark_us)
    if order is not None:
        kept, missed = order.fitting(order.without_vain(kept, mark.watermark_us), MAX_SIGHTINGS)
        return replace(group, sightings=kept), missed
    most = max(MAX_SIGHTINGS, 2 * plan.counted)
    lost = kept[: max(0, len(kept) - most)]
    seen, many = group.seen, max(0, len(group.seen) - MAX_VALUES - 1)
    if many:
        oldest = sorted(seen, key=lambda key: (seen[key].last_us, key))[:many]
        seen = {key: each for key, each in seen.items() if key not in oldest}
    # What is told, or counted, and pushed out by newer sightings is missed by nobody.
    is_counted = plan.correlation.kind in ("rate", "beacon")
    missed = 0 if is_counted else sum(1 for each in lost if not each.told)
    if len(lost) == many == 0 and kept is group.sightings:
        return group, 0
    return Group(group.head, kept[len(lost) :], seen), missed + many


def _scheduled(
    group: Group, form: Form, plan: Plan, mark: Mark, order: Order | None
) -> Group | None:
    """Return the group with the time at which to look again; `None` where nothing is left of it."""
    keep_us = _kept_until(group.head, plan)
    if not group.sightings and not group.seen:
        if keep_us <= mark.watermark_us:
            return None
        due_us = keep_us
    else:
        due_us = group.sightings[0].keep_us if group.sightings else NEVER
        due_us = min(due_us, order.due(group)) if order is not None else due_us
        due_us = (due_us // _GRID_US + 1) * _GRID_US
    due_us = min(due_us, form.due(group))
    head = msgspec.structs.replace(group.head, due_us=due_us, keep_us=keep_us)
    return Group(head, group.sightings, group.seen)


def _kept_until(head: Head, plan: Plan) -> int:
    """Return until when a group without sightings must be remembered."""
    if plan.correlation.kind == "rate":
        return head.last_us + plan.history_us + plan.span_us + plan.late_us
    # As long again as a decision takes: what comes later still is looked at alone.
    return head.closed_us + plan.delay_us


def _bounded(
    memory: Memory, most_groups: int, most_rows: int, order: Order | None
) -> tuple[Memory, int]:
    """Return the memory without the groups that are too many, and how many of those are missed."""
    count, size = memory.count, memory.size
    if count <= most_groups and size <= most_rows:
        return memory, 0
    gone: dict[str, Group | None] = {}
    missed = 0
    ranked = [
        (order is None or not order.waits(group), group.head.last_us, key, group.size)
        for key, group in memory.items()
    ]
    for is_missed, _, key, rows in sorted(ranked):
        if count <= most_groups and size <= most_rows:
            break
        gone[key] = None
        count, size, missed = count - 1, size - rows, missed + is_missed
    return memory.changed(gone), missed
