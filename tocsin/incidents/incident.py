"""What an incident is: findings about one entity that people handle as one.

Status and verdict speak the words of OCSF Incident Finding (2005), version 1.8.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from tocsin.ocsf import Entity

Status = Literal["New", "In Progress", "On Hold", "Resolved", "Closed"]
Verdict = Literal[
    "False Positive",
    "True Positive",
    "Disregard",
    "Suspicious",
    "Benign",
    "Test",
    "Insufficient Data",
    "Security Risk",
    "Managed Externally",
    "Duplicate",
]


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do in an incident.

    Attributes:
        number: from 1, unique in its incident; never given again.
        text: what to do.
        owner: name of the person who does it; empty while nobody does.
        is_done: whether it is.
    """

    number: int
    text: str
    owner: str = ""
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """Where to read on: another incident's uid, or an https address that is shown, not linked."""

    target: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The mark *reportable*: somebody outside must be told, within a time that the law sets.

    Attributes:
        since: when the mark was set, UTC; the clock runs from there.
        reason: why it must be reported, in the words of who set the mark.
        sent: when it was reported, UTC; `None` while that is open.
    """

    since: datetime
    reason: str
    sent: datetime | None = None


Bond = Literal["about", "tied", "stands"]
"""How an entity belongs to a finding: it is about it, the rule names it too, or it only lies there:
an address that was reached, a bucket that was read."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An entity as findings named it, and when: what it is, is asked anew each time.

    Attributes:
        bond: how it belongs to its findings.
        first: of the events, UTC; `last` of them.
        scope: account in which it was seen; "" where none is known.
        sessions: of a role: the sessions and keys in which it acted.
    """

    entity: Entity
    bond: Bond
    first: datetime
    last: datetime
    scope: str = ""
    sessions: tuple[Entity, ...] = ()


@dataclass(frozen=True, slots=True)
class Tie:
    """Why two entities belong together, in a sentence that people read."""

    one: Entity
    other: Entity
    reason: str


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings that belong together, what people made of them, and the risk with its reasons.

    Every time is UTC and aware. `finding_uids` are the latest ones only (`grouping.KEPT_FINDINGS`);
    `finding_count` and `match_count` count all of them.

    Attributes:
        uid: derived from the first finding; stays the same for the life of the incident.
        title: that of the most severe finding, with the name of its entity.
        verdict_reason: why the verdict, in the analyst's words; empty while there is no verdict.
        assignee: name of the person who has it; empty while nobody has.
        severity_id: the highest of the findings, OCSF 1 to 6.
        risk_score: 0 to 100; `risk_reasons` are the sentences that explain it.
        entities: what the findings are about, the first finding's entity first, then the others
            and those that the findings are tied to.
        first_time: of the first event; `last_time` of the last.
        opened_time: when Tocsin opened it; `updated_time` when it last changed.
        merged_into: uid of the incident that absorbed this one; empty otherwise.
        version: counts changes from 1; a writer refuses a version that it has already seen.
        tags: words of the team, in lower case, sorted.
        tasks: what is to do, in order of their numbers.
        references: other incidents and addresses that belong to it.
        report: the mark *reportable*; `None` where nobody must be told.
        acknowledged_time: when somebody first took or moved it, UTC.
        finished_time: when it was last resolved or closed, UTC; `None` while it is open.
        roots: entities whose findings belong to it because people merged theirs into it.
        apart: marks of splits by people, `decision:side`; two incidents on different sides of one
            decision are never joined.
        subjects: entities as its findings named them, with their times.
        anchors: what those are, by the identities that are known; later findings join by them.
        ties: why what belongs together does, where that is not plain from one name.
    """

    uid: str
    title: str
    status: Status
    severity_id: int
    risk_score: int
    risk_reasons: tuple[str, ...]
    entities: tuple[Entity, ...]
    accounts: tuple[str, ...]
    finding_uids: tuple[str, ...]
    rule_uids: tuple[str, ...]
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    first_time: datetime
    last_time: datetime
    opened_time: datetime
    updated_time: datetime
    finding_count: int
    match_count: int
    verdict: Verdict | None = None
    verdict_reason: str = ""
    assignee: str = ""
    merged_into: str = ""
    version: int = 1
    tags: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    references: tuple[Reference, ...] = ()
    report: Report | None = None
    acknowledged_time: datetime | None = None
    finished_time: datetime | None = None
    roots: tuple[Entity, ...] = ()
    apart: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()
    anchors: tuple[Entity, ...] = ()
    ties: tuple[Tie, ...] = ()


@dataclass(frozen=True, slots=True)
class Grouped:
    """What one turn did to the incidents.

    Attributes:
        changed: opened, grown and absorbed ones, in order of entity; unchanged ones are left out.
        open: those that later findings may still join; the argument of the next turn.
    """

    changed: tuple[Incident, ...]
    open: tuple[Incident, ...]


def as_utc(moment: datetime) -> datetime:
    """Return the moment with its zone; the lake writes UTC without one."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
