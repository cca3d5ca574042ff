"""Say what correlations remember, and which of their groups still learn what is usual."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tocsin.detect.correlations.novelty import known_since
from tocsin.detect.correlations.plan import Mark, Plan
from tocsin.detect.correlations.state import Group, Memory

_LEARNING = ("new_value", "rate")


@dataclass(frozen=True, slots=True)
class LearningGroup:
    """A group that cannot fire yet.

    Attributes:
        values: of the group.
        until_us: when it has learned, microseconds since 1970.
    """

    values: tuple[str, ...]
    until_us: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """What one correlation remembers.

    Attributes:
        uid: of its rule.
        groups: how many.
        events: sightings kept.
        values: values remembered (`new_value`).
        learns: whether its groups must learn before they can fire.
        learning: those that still do, the last to have learned first.
    """

    uid: str
    groups: int
    events: int
    values: int
    learns: bool
    learning: tuple[LearningGroup, ...]


def remembered(
    plans: Iterable[Plan], memories: Mapping[str, Memory], marks: Mapping[str, Mark]
) -> tuple[Remembered, ...]:
    """Return what each correlation remembers, in the order of the plans.

    Args:
        plans: any.
        memories: by key of the plan.
        marks: how far time has come, by uid of the plan.
    """
    return tuple(
        _of(plan, memories.get(plan.key) or Memory(), marks[plan.uid].watermark_us)
        for plan in plans
    )


def _of(plan: Plan, memory: Memory, now_us: int) -> Remembered:
    groups = [group for _, group in memory.items()]
    learns = plan.correlation.kind in _LEARNING
    learning = [
        LearningGroup(group.head.values, until_us)
        for group in groups
        if learns and (until_us := _until(plan, group)) > now_us
    ]
    return Remembered(
        uid=plan.uid,
        groups=len(groups),
        events=sum(len(group.sightings) for group in groups),
        values=sum(max(0, len(group.seen) - 1) for group in groups),
        learns=learns,
        learning=tuple(sorted(learning, key=lambda each: (-each.until_us, each.values))),
    )


def _until(plan: Plan, group: Group) -> int:
    if plan.correlation.kind == "rate":
        return group.head.first_us + plan.learning_us
    return known_since(group.seen) + plan.learning_us
