"""Dated statements "A is B from t1 to t2 because …", and what an entity resolves to at a time.

A statement has a relation. Within one relation an entity is one other at a time: two that are
claimed for the same moment make it a shared thing, such as the address of a gateway, and a shared
thing is nobody. Statements that are not of identity say on what an entity stands: the node of a
pod, who let a bucket be read.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.identity.forms import told_by_form
from tocsin.ocsf import Entity

Key = tuple[str, str]
"""Type and uid of an entity as they are compared."""

FARTHEST = 6
"""Steps from an entity to what it is; more are a circle or a mistake."""

_RANKS = {
    "user": 6,
    "service_account": 5,
    "pod": 5,
    "function": 5,
    "instance": 4,
    "role": 3,
    "host": 2,
    "interface": 1,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One entity is another, or stands on it, for a time.

    Attributes:
        one: the narrower: an address, a key, a session, a pod.
        other: what it is.
        relation: names what is said, such as `address`; one other at a time.
        is_same: whether it is the other, rather than stands on it.
        since: when that began or was first seen, UTC and aware; `until` when it was last seen.
        before: how long before `since` it may be believed, where nothing else is said.
        after: how long after `until`.
        reason: from where that is known, in words.
        scope: account in which `one` means something; "" for everywhere.
    """

    one: Entity
    other: Entity
    relation: str
    is_same: bool
    since: datetime
    until: datetime
    before: timedelta
    after: timedelta
    reason: str
    scope: str = ""

    def sentence(self) -> str:
        """Return what is said as people read it."""
        verb = "was" if self.is_same else "stood on"
        moment = self.since.strftime("%Y-%m-%d %H:%M")
        names = f"{shown(self.one)} {verb} {shown(self.other)}"
        always = self.since.year <= 1970
        return f"{names} ({self.reason})" if always else f"{names} from {moment} ({self.reason})"


@dataclass(frozen=True, slots=True)
class Step:
    """One step from an entity to what it is, with the sentence that explains it."""

    one: Entity
    other: Entity
    sentence: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an entity is at a time.

    Attributes:
        entity: itself, where nothing more is known.
        steps: how one gets there, in order.
    """

    entity: Entity
    steps: tuple[Step, ...] = ()


def key_of(entity: Entity) -> Key:
    """Return by what an entity is compared: persons and hosts whatever their letters."""
    is_named = entity.type in ("host", "node") or (entity.type == "user" and "@" in entity.uid)
    return entity.type, entity.uid.lower() if is_named else entity.uid


def shown(entity: Entity) -> str:
    """Return how sentences name an entity."""
    return entity.name or entity.uid


class Identities:
    """Statements in memory, and the questions to them."""

    def __init__(self, statements: Iterable[Statement] = ()) -> None:
        self._same: defaultdict[Key, defaultdict[str, list[Statement]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._on: defaultdict[Key, defaultdict[str, list[Statement]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for each in statements:
            relations = self._same if each.is_same else self._on
            relations[key_of(each.one)][each.relation].append(each)

    def knows(self, entity: Entity) -> bool:
        """Return whether anything is said of an entity, at whatever time."""
        key = key_of(entity)
        return key in self._same or key in self._on

    def resolve(self, entity: Entity, at: datetime, scope: str = "") -> Resolved:
        """Return the one entity that `entity` is at `at`, and the reasons.

        Args:
            entity: as a finding names it.
            at: UTC and aware.
            scope: the account in which the entity was seen; "" where that is not known.
        """
        seen = {key_of(entity)}
        steps: list[Step] = []
        for _ in range(FARTHEST):
            step = self._step(entity, at, scope)
            if step is None or key_of(step.other) in seen:
                break
            steps.append(step)
            entity = step.other
            seen.add(key_of(entity))
        return Resolved(entity, tuple(steps))

    def grounds(self, entity: Entity, at: datetime, scope: str = "") -> tuple[Resolved, ...]:
        """Return what an entity stands on at `at`, each resolved, with its reasons."""
        found: list[Resolved] = []
        for told in self._on.get(key_of(entity), {}).values():
            held = _held(told, at, scope)
            if held is None:
                continue
            first = Step(held.one, held.other, held.sentence())
            beyond = self.resolve(held.other, at, scope)
            found.append(Resolved(beyond.entity, (first, *beyond.steps)))
        return tuple(found)

    def _step(self, entity: Entity, at: datetime, scope: str) -> Step | None:
        known = self._same.get(key_of(entity))
        if known is None:
            told = told_by_form(entity)
            if told is None:
                return None
            other, reason = told
            return Step(entity, other, f"{shown(entity)} is {shown(other)} ({reason})")
        held = [one for said in known.values() if (one := _held(said, at, scope))]
        best = max((_rank(one) for one in held), default=0)
        finest = [one for one in held if _rank(one) == best]
        if len({key_of(one.other) for one in finest}) != 1:
            return None
        return Step(finest[0].one, finest[0].other, finest[0].sentence())


def _rank(statement: Statement) -> int:
    return _RANKS.get(statement.other.type, 1)


def _held(statements: Sequence[Statement], at: datetime, scope: str) -> Statement | None:
    """Return what is said for a moment, `None` where nothing is or two things are."""
    mine = [one for one in statements if not scope or not one.scope or one.scope == scope]
    inside = [one for one in mine if one.since <= at <= one.until]
    if inside:
        alone = len({key_of(one.other) for one in inside}) == 1
        return max(inside, key=lambda one: one.since) if alone else None
    near = [one for one in mine if one.since - one.before <= at <= one.until + one.after]
    closest = min(near, key=lambda one: _distance(one, at), default=None)
    if closest is None:
        return None
    rivals = {key_of(one.other) for one in near if _distance(one, at) == _distance(closest, at)}
    return closest if len(rivals) == 1 else None


def _distance(statement: Statement, at: datetime) -> timedelta:
    return max(statement.since - at, at - statement.until)
