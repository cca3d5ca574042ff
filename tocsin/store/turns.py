"""The way in: what a turn reads from the store, and its one commit."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from tocsin.ocsf import RawBatch

if TYPE_CHECKING:
    from tocsin.detect import Windows
    from tocsin.incidents import Grouped, Incident
    from tocsin.normalize import Normalized


@dataclass(frozen=True, slots=True)
class Unseen:
    """What is left of a normalized batch without the records that are already stored.

    Attributes:
        normalized: events, findings, resources and rejects that are new, rejects of the batch's
            reader among them.
        duplicates: how many rows were left out.
        generation: lets `commit` refuse a turn that counted on another one which then failed.
    """

    normalized: "Normalized"
    duplicates: int
    generation: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One batch on its way into the commit.

    Attributes:
        batch: as its source gave it; `cursor` is stored unless `None`.
        unseen: what `Turns.unseen` gave for it.
        findings: rows of `ocsf.schemas.FINDINGS` of every origin, after suppressions.
        matches: rows of `ocsf.schemas.MATCHES`.
        failures: rows of `ocsf.schemas.FAILURES`.
        now: UTC; the time of the turn.
    """

    batch: RawBatch
    unseen: Unseen
    findings: pa.Table
    matches: pa.Table
    failures: pa.Table
    now: datetime


class Group(Protocol):
    """`tocsin.incidents.group` with its settings bound."""

    def __call__(
        self, open_incidents: "tuple[Incident, ...]", findings: pa.Table, now: datetime
    ) -> "Grouped":
        """Return what the findings change."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit stored: the incidents that it opened or changed, and how many rows."""

    changed: "tuple[Incident, ...]"
    events: int
    findings: int
    duplicates: int
    rejects: int


class Turns:
    """Reads and commits of the turn thread.

    Everything here but `cursor` happens while `lock` is held. A turn is: lock, `unseen`, evaluate
    with `windows`, `commit`, unlock, acknowledge. Several batches may pass `unseen` before one
    `commit` takes them all in order (group commit).
    """

    def lock(self, timeout_seconds: float | None = None) -> AbstractContextManager[None]:
        """Hold the turn lock of the folder against other threads and processes.

        Raises:
            StoreError: another process kept it for longer than `timeout_seconds`.
        """
        raise NotImplementedError

    def cursor(self, feed: str) -> str | None:
        """Return where `feed` resumes; `None` before its first commit."""
        raise NotImplementedError

    def windows(self) -> "Windows":
        """Return the windows as of the last commit of any process."""
        raise NotImplementedError

    def unseen(self, batch: RawBatch, normalized: "Normalized") -> Unseen:
        """Return `normalized` without what is stored, in flight, or twice in the batch.

        Rejects of the batch's reader (`batch.rejects`) are joined to those of the mapping.
        """
        raise NotImplementedError

    def commit(self, turns: Sequence[Turn], windows: "Windows", group: Group) -> Committed:
        """Store these turns as one: events are fsynced first, then one transaction holds the rest.

        `group` is called inside the transaction, once a turn that has findings and once for a turn
        without records, with the incidents as they are at that moment: a change that an analyst
        makes meanwhile is never overwritten. When this returns, every batch may be acknowledged. A
        turn without anything new writes nothing.

        Args:
            turns: in the order in which they passed `unseen`.
            windows: after the last of them.
            group: pure; decides which incidents change.

        Raises:
            StoreError: nothing is stored; every batch since the last commit must be read again.
        """
        raise NotImplementedError
