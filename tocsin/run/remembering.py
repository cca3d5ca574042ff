"""What correlations remember in a data folder, and which of their groups still learn."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tocsin import detect
from tocsin.run.wiring import load_rules, log_sources, rules_of
from tocsin.settings import Settings
from tocsin.store import Store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_NAMED = 1_000


@dataclass(frozen=True, slots=True)
class LearningGroup:
    """A group of a correlation that cannot find anything yet: its values, and until when."""

    values: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class CorrelationMemory:
    """What one correlation remembers.

    Attributes:
        uid, title: of its rule.
        kind: its type, such as `new_value`.
        groups, events, values: how many it remembers.
        learns: whether its groups must be known for a time before they find anything.
        learning: how many groups are not.
        until: when the last of them is; `None` where none is learning.
        learning_groups: those, the last to have learned first; the first thousand.
    """

    uid: str
    title: str
    kind: str
    groups: int
    events: int
    values: int
    learns: bool
    learning: int
    until: datetime | None
    learning_groups: tuple[LearningGroup, ...]


@dataclass(frozen=True, slots=True)
class Learning:
    """How far a correlation has learned what is usual.

    Attributes:
        groups: how many it knows; none before the first event.
        learning: how many of them cannot find anything yet.
        until: when the last of these can; `None` before the first event.
    """

    groups: int
    learning: int
    until: datetime | None


def learning(rules: detect.RuleSet, store: Store, now: datetime) -> Mapping[str, Learning]:
    """Return the enabled correlations that cannot find everything yet, by uid."""
    if not any(plan.learning_us for plan in rules.plans.plans):
        return {}
    found = {}
    for each in store.turns.look().remembered(rules.plans, now):
        if each.learns and (each.learning or not each.groups):
            ends = (_EPOCH + timedelta(microseconds=group.until_us) for group in each.learning[:1])
            found[each.uid] = Learning(each.groups, len(each.learning), next(ends, None))
    return found


def correlation_memories(settings: Settings, store: Store) -> tuple[CorrelationMemory, ...]:
    """Return what each correlation in force remembers, in order of title."""
    loaded = load_rules(rules_of(settings), settings)
    rules = detect.RuleSet.build(loaded.rules, log_sources(settings))
    by_uid = rules.correlation_rules
    found = store.turns.windows().remembered(rules.plans, datetime.now(UTC))
    memories = []
    for each in found:
        rule = by_uid[each.uid]
        groups = tuple(
            LearningGroup(group.values, _EPOCH + timedelta(microseconds=group.until_us))
            for group in each.learning[:_MOST_NAMED]
        )
        memories.append(
            CorrelationMemory(
                uid=each.uid,
                title=rule.title,
                kind=rule.correlation.kind if rule.correlation else "",
                groups=each.groups,
                events=each.events,
                values=each.values,
                learns=each.learns,
                learning=len(each.learning),
                until=groups[0].until if groups else None,
                learning_groups=groups,
            )
        )
    return tuple(sorted(memories, key=lambda each: (each.title, each.uid)))
