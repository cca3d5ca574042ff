"""Count what rules find in a long stretch of events, in bounded memory.

Findings are open while further matches may join them; whatever is older is counted and forgotten.
Two sets of rules are counted side by side, so that each finding of the one is compared with the
same finding of the other.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from tocsin.conditions import lookup
from tocsin.ocsf import Entity

SAMPLES = 3
SHOWN_ENTITIES = 10
SHOWN_CHANGES = 5
MOST_ENTITIES = 10_000
MOST_OPEN = 200_000
MOST_REASONS = 20
_GRACE = timedelta(days=1)
_OPERATION = ("api.operation", "activity_name")
_ACTOR = ("actor.user.name", "actor.user.uid", "user.name", "actor.app_name")
_ADDRESS = ("src_endpoint.ip", "src_endpoint.domain", "src_endpoint.svc_name")
_TOLD_ROOTS = ("api", "activity_name", "actor", "user", "src_endpoint")

Row: TypeAlias = Mapping[str, object]
Kind: TypeAlias = Literal["new", "gone", "changed"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One event that a rule matched; "" where the event does not say."""

    event_uid: str
    time: datetime
    operation: str
    actor: str
    address: str

    @staticmethod
    def of(event_uid: str, time: datetime, row: Row) -> "Sample":
        """Return the sample of a row with the columns of `TOLD`."""
        said = (_first(row, paths) for paths in (_OPERATION, _ACTOR, _ADDRESS))
        return Sample(event_uid, time, *said)

    @staticmethod
    def columns(names: Iterable[str]) -> list[str]:
        """Return those of the columns that samples are made of."""
        return [name for name in names if name in _TOLD_ROOTS]


@dataclass(slots=True)
class RuleTally:
    """What one rule found so far.

    Attributes:
        entities: matches by entity; the rarest are forgotten where there are too many.
        distinct: how many entities there were, exact while none was forgotten.
        failures: events by the reason for which the rule gave no answer.
    """

    matches: int = 0
    findings: int = 0
    matches_by_day: Counter[date] = field(default_factory=Counter)
    findings_by_day: Counter[date] = field(default_factory=Counter)
    entities: Counter[Entity] = field(default_factory=Counter)
    distinct: int = 0
    samples: list[Sample] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def matched(self, row: Row, *, is_new: bool) -> None:
        """Count what one batch says of one finding."""
        count, day = _number(row["match_count"]), _moment(row["first_time"]).date()
        self.matches += count
        self.matches_by_day[day] += count
        if is_new:
            self.findings += 1
            self.findings_by_day[day] += 1
        entity = _entity(row["entity"])
        self.distinct += entity not in self.entities
        self.entities[entity] += count
        if len(self.entities) > MOST_ENTITIES:
            self.entities = Counter(dict(self.entities.most_common(MOST_ENTITIES // 2)))

    def failed(self, reason: str, count: int) -> None:
        """Count events on which the rule gave no answer; rare reasons are counted together."""
        is_known = reason in self.failures or len(self.failures) < MOST_REASONS
        self.failures[reason if is_known else "other reasons"] += count


@dataclass(slots=True)
class _Open:
    """A finding as one set of rules tells it."""

    rule_uid: str
    title: str
    severity_id: int
    entity: Entity
    first_time: datetime
    last_time: datetime
    matches: int


@dataclass(frozen=True, slots=True)
class Change:
    """One finding that the two sets of rules do not tell alike; `how` says what changed."""

    kind: Kind
    finding_uid: str
    title: str
    entity: Entity
    time: datetime
    how: str = ""


@dataclass(slots=True)
class Difference:
    """How the findings of one rule differ between two sets of rules."""

    new: int = 0
    gone: int = 0
    changed: int = 0
    same: int = 0
    examples: list[Change] = field(default_factory=list)

    @property
    def is_any(self) -> bool:
        """Whether some finding is not told alike."""
        return bool(self.new or self.gone or self.changed)

    def count(self, uid: str, before: _Open | None, after: _Open | None) -> None:
        """Count one finding, as the old rules tell it and as the new ones do."""
        told = after or before
        if told is None or before == after:
            self.same += told is not None
            return
        kind: Kind = "new" if before is None else "gone" if after is None else "changed"
        self.new += kind == "new"
        self.gone += kind == "gone"
        self.changed += kind == "changed"
        alike = sum(each.kind == kind for each in self.examples)
        if alike < SHOWN_CHANGES:
            how = _how(before, after) if before and after else ""
            self.examples.append(Change(kind, uid, told.title, told.entity, told.first_time, how))


class Ledger:
    """The findings of one or two sets of rules over time: the last set is the one that is tested.

    Args:
        periods: how long matches of each rule join one finding.
        is_comparing: whether there are two sets.
    """

    def __init__(self, periods: Mapping[str, timedelta], *, is_comparing: bool) -> None:
        self.tallies: dict[str, RuleTally] = {}
        self.differences: dict[str, Difference] = {}
        self._periods = periods
        self._is_comparing = is_comparing
        self._open: dict[str, list[_Open | None]] = {}
        self._sweep_at = 10_000

    def tally(self, rule_uid: str) -> RuleTally:
        """Return the counts of one rule of the tested set."""
        return self.tallies.setdefault(rule_uid, RuleTally())

    def take(self, findings: Iterable[Row], *, is_tested: bool) -> None:
        """Add what one batch says: rows of `ocsf.schemas.FINDINGS`."""
        for row in sorted(findings, key=lambda each: _moment(each["first_time"])):
            sides = self._open.setdefault(str(row["uid"]), [None, None])
            known = sides[is_tested]
            if is_tested:
                self.tally(str(row["rule_uid"])).matched(row, is_new=known is None)
            sides[is_tested] = _grown(known, row)

    def advance(self, now: datetime) -> None:
        """Close findings that no later event can join; `now` is the time of the latest event."""
        if len(self._open) < self._sweep_at:
            return
        ended = [uid for uid, sides in self._open.items() if self._is_over(sides, now)]
        # Whoever chose the dedup keys chose very many: the oldest are told as they are.
        excess = len(self._open) - len(ended) - MOST_OPEN
        if excess > 0:
            gone = set(ended)
            ended += [uid for uid in self._open if uid not in gone][:excess]
        self._close(ended)
        self._sweep_at = max(10_000, 2 * len(self._open))

    def finish(self) -> None:
        """Close every finding."""
        self._close(list(self._open))

    def _is_over(self, sides: Sequence[_Open | None], now: datetime) -> bool:
        last = max(each.last_time for each in sides if each)
        uid = next(each.rule_uid for each in sides if each)
        return last + 2 * self._periods.get(uid, timedelta()) + _GRACE < now

    def _close(self, uids: Iterable[str]) -> None:
        for uid in uids:
            before, after = self._open.pop(uid)
            told = after or before
            if self._is_comparing and told:
                difference = self.differences.setdefault(told.rule_uid, Difference())
                difference.count(uid, before, after)


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield every day from the first to the last, both among them."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _grown(known: _Open | None, row: Row) -> _Open:
    if known is None:
        return _Open(
            rule_uid=str(row["rule_uid"]),
            title=str(row["title"]),
            severity_id=_number(row["severity_id"]),
            entity=_entity(row["entity"]),
            first_time=_moment(row["first_time"]),
            last_time=_moment(row["last_time"]),
            matches=_number(row["match_count"]),
        )
    known.severity_id = max(known.severity_id, _number(row["severity_id"]))
    known.first_time = min(known.first_time, _moment(row["first_time"]))
    known.last_time = max(known.last_time, _moment(row["last_time"]))
    known.matches += _number(row["match_count"])
    return known


def _how(before: _Open, after: _Open) -> str:
    told = []
    if before.matches != after.matches:
        told.append(f"{after.matches} matches instead of {before.matches}")
    if before.severity_id != after.severity_id:
        told.append(f"severity {after.severity_id} instead of {before.severity_id}")
    if before.entity != after.entity:
        told.append(f"about {after.entity.name} instead of {before.entity.name}")
    return "; ".join(told) or "another title, or other times"


def _first(row: Row, paths: Sequence[str]) -> str:
    for path in paths:
        for value in lookup(row, path):
            if isinstance(value, str) and value:
                return value[:200]
    return ""


def _entity(value: object) -> Entity:
    found = value if isinstance(value, Mapping) else {}
    kind, uid, name = (str(found.get(key) or "") for key in ("type", "uid", "name"))
    return Entity(kind, uid, name)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError("times of findings are timestamp columns")
    return value
