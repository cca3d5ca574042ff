"""Questions about findings."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from tocsin.ocsf import Scope
from tocsin.store.questions import FindingFilter, Page


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one rule has found: numbers of findings and matches, entities, first and last match."""

    rule_uid: str
    rule_title: str
    severity_id: int
    findings: int
    matches: int
    entities: int
    first_time: datetime
    last_time: datetime


class Findings:
    """Findings with counts over all turns.

    Rows have the columns of `ocsf.schemas.FINDINGS` (`match_count` over all turns, `event_uids` the
    newest 100 at most) and `incident_uid` (null), `created_time`, `updated_time`.
    """

    def list(
        self,
        which: FindingFilter,
        scope: Scope,
        *,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[pa.Table]:
        """Return findings, last match first."""
        raise NotImplementedError

    def get(self, uid: str, scope: Scope) -> pa.Table:
        """Return one finding: one row, or none."""
        raise NotImplementedError

    def matches(
        self, uid: str, scope: Scope, *, limit: int = 100, cursor: str | None = None
    ) -> Page[pa.Table]:
        """Return rows of `ocsf.schemas.MATCHES` of one finding, newest first."""
        raise NotImplementedError

    def by_rule(self, which: FindingFilter, scope: Scope) -> tuple[RuleCount, ...]:
        """Return one row a rule, worst and most frequent first."""
        raise NotImplementedError

    def by_severity(self, which: FindingFilter, scope: Scope) -> dict[int, int]:
        """Return the number of findings of each severity id that occurs."""
        raise NotImplementedError

    def count(self, which: FindingFilter, scope: Scope) -> int:
        """Return how many findings there are."""
        raise NotImplementedError
