"""The ATT&CK matrix as rules cover it: tactics, their techniques, and what would be noticed."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["seen", "blind", "uncovered"]


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique under one tactic.

    Attributes:
        seeing: uids of enabled rules that read a source which speaks, sorted.
        blind: uids of the enabled rules whose sources are all silent or fed by nobody, sorted.
    """

    uid: str
    name: str
    seeing: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """Whether the technique would be noticed."""
        return "seen" if self.seeing else "blind" if self.blind else "uncovered"


@dataclass(frozen=True, slots=True)
class Tactic:
    """One tactic with all its techniques, sub-techniques among them, in order of identifier."""

    name: str
    techniques: tuple[Technique, ...]

    def count(self, state: State) -> int:
        """Return how many techniques are in a state."""
        return sum(each.state == state for each in self.techniques)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The ATT&CK matrix, in the order in which an attack goes through it.

    Attributes:
        unplaced: techniques of rules that ATT&CK does not know or has retired, sorted.
    """

    tactics: tuple[Tactic, ...]
    unplaced: tuple[str, ...] = ()
