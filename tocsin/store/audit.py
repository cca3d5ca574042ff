"""The log of changes: every row holds the hash of the one before it."""

from dataclasses import dataclass
from datetime import datetime

from tocsin.store.questions import Page


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change: who did what to which object; `details` is canonical JSON."""

    seq: int
    time: datetime
    actor: str
    action: str
    object: str
    details: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditState:
    """What `verify` found.

    Attributes:
        rows: how many rows there are.
        head: hash of the last row; keep it elsewhere to expose a rewrite of the whole log.
        first_bad_seq: the first row that does not fit, `None` when all do.
        problem: what is wrong with it, "" when nothing is.
    """

    rows: int
    head: str
    first_bad_seq: int | None
    problem: str


class Audit:
    """Append only; rows are written in the transaction of the change that they describe."""

    def append(
        self, actor: str, action: str, object_: str, details: dict[str, object], now: datetime
    ) -> None:
        """Write a row for a change outside the store (settings loaded, a rule test run)."""
        raise NotImplementedError

    def list(
        self, *, limit: int = 100, cursor: str | None = None, actor: str | None = None
    ) -> Page[tuple[AuditRow, ...]]:
        """Return rows, newest first."""
        raise NotImplementedError

    def verify(self, *, known_head: str | None = None) -> AuditState:
        """Recompute the chain; with `known_head`, that hash must be in it."""
        raise NotImplementedError
