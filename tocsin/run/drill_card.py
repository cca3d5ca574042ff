"""The score card of a drill: what was found of each attack, how soon, and what cried wrongly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

COUNTED_SEVERITY_ID = 3
"""Findings of medium and above count, as found attacks and as false findings."""


@dataclass(frozen=True, slots=True)
class Label:
    """What an attack is, as far as anybody said.

    Attributes:
        techniques: ATT&CK identifiers, such as `T1078.004`.
        tactics: ATT&CK short names, such as `defense-evasion`.
    """

    techniques: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether anything was said."""
        return bool(self.techniques or self.tactics)

    def fits(self, techniques: Iterable[str], tactics_of: Mapping[str, Sequence[str]]) -> bool:
        """Return whether a finding with these techniques is about this attack.

        It is where it names the labelled technique, its parent or one of its parts, or any
        technique of the labelled tactic; without a label every finding is.
        """
        if not self.is_known:
            return True
        return any(
            _is_related(found, self.techniques)
            or set(self.tactics) & set(tactics_of.get(found, ()))
            for found in techniques
        )


@dataclass(frozen=True, slots=True)
class Detection:
    """One rule that had a finding on an attack.

    Attributes:
        severity_id: of its first finding.
        after: from the attack's first event to the event at which the finding was there.
        fits: whether it is severe enough and about the labelled technique or tactic.
    """

    rule_uid: str
    title: str
    severity_id: int
    after: timedelta
    fits: bool


@dataclass(frozen=True, slots=True)
class AttackScore:
    """One attack and what was found of it.

    Attributes:
        file: inside the folder.
        detections: in order of time; those that do not fit, too.
        problem: why it could not be replayed, empty where it could.
        unread: records that no mapping could read.
    """

    file: str
    name: str
    label: Label
    event_count: int = 0
    first_time: datetime | None = None
    detections: tuple[Detection, ...] = ()
    problem: str = ""
    unread: int = 0

    @property
    def detected_by(self) -> tuple[Detection, ...]:
        """The detections that count."""
        return tuple(each for each in self.detections if each.fits)

    @property
    def is_detected(self) -> bool:
        """Whether a finding of medium or above fits the label."""
        return bool(self.detected_by)

    @property
    def after(self) -> timedelta | None:
        """From the first event to the first finding that counts."""
        return min((each.after for each in self.detected_by), default=None)


@dataclass(frozen=True, slots=True)
class FalseFindings:
    """One rule that cried on the benign day.

    Attributes:
        entities: names of whom it accuses, some.
    """

    rule_uid: str
    title: str
    severity_id: int
    count: int
    entities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BenignScore:
    """The benign day: how much happened and what was found though nothing was wrong.

    Attributes:
        event_counts: events of the day by source.
        quiet_count: findings below medium, which nobody is called for.
    """

    event_counts: Mapping[str, int]
    false_findings: tuple[FalseFindings, ...]
    quiet_count: int = 0

    @property
    def event_count(self) -> int:
        """Events of all sources."""
        return sum(self.event_counts.values())

    @property
    def false_count(self) -> int:
        """Findings of medium or above."""
        return sum(each.count for each in self.false_findings)


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """The result of a drill.

    Attributes:
        benign: `None` where no benign day was played.
        problems: rules that could not be used, and rules that failed, ready to print.
    """

    attacks: tuple[AttackScore, ...] = ()
    benign: BenignScore | None = None
    problems: tuple[str, ...] = ()
    technique_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def detected_count(self) -> int:
        """How many attacks were detected."""
        return sum(1 for each in self.attacks if each.is_detected)


def _is_related(found: str, labelled: Iterable[str]) -> bool:
    return any(
        found == each or found.startswith(f"{each}.") or each.startswith(f"{found}.")
        for each in labelled
    )
