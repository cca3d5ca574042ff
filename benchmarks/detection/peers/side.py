"""What a row asks of a peer: run these rules over this file, tell seconds and pairs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.detection.children import Usage


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One run of a peer.

    Attributes:
        usage: its seconds.
        pairs: (the event's own identifier, uid of the rule).
        refused_rules: rules that it did not take.
    """

    usage: Usage
    pairs: frozenset[tuple[str, str]]
    refused_rules: int


class Side(Protocol):
    """A peer that is ready to run."""

    @property
    def name(self) -> str:
        """As the table shows it, with its version."""

    def run(self, rules: Path, events: Path, event_key: str) -> PeerRun:
        """Run the rules of a folder over a file of JSON lines.

        Args:
            rules: one YAML file for each rule.
            events: JSON lines.
            event_key: first-level field with the event's own identifier.

        Raises:
            FailedChildError: the peer failed.
        """
