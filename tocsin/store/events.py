"""Questions about events: search, histogram, top values, SQL. Parquet read in place by DuckDB."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from tocsin.ocsf import Scope
from tocsin.store.questions import Page, Span, SqlLimits

EVERYWHEN = Span()


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bar of a histogram: events with `start` <= time < the next bar's start."""

    start: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Field:
    """A path that can be searched: dotted OCSF path and its kind.

    `kind` is text, number, time, boolean, address or object.
    """

    path: str
    kind: str


class Events:
    """The `events` view over all sources, asked in the search language (docs/guides/search.md)."""

    def search(
        self,
        query: str,
        scope: Scope,
        span: Span = EVERYWHEN,
        *,
        limit: int = 100,
        cursor: str | None = None,
        timeout_seconds: float = 30.0,
    ) -> Page[pa.Table]:
        """Return events that match, newest first; "" matches all.

        Rows have the columns of `ocsf.schemas.EVENT_COLUMNS` and the OCSF attributes of the sources
        that were found, null where a source has none.

        Raises:
            UsageError: the query cannot be understood (with position and suggestion), the cursor is
                of another query, or the time is up.
        """
        raise NotImplementedError

    def count(self, query: str, scope: Scope, span: Span = EVERYWHEN) -> int:
        """Return how many events match."""
        raise NotImplementedError

    def histogram(
        self, query: str, scope: Scope, span: Span = EVERYWHEN, *, buckets: int = 60
    ) -> tuple[Bucket, ...]:
        """Return counts in about `buckets` bars of a round width, empty ones among them.

        An unbounded side of `span` is taken from the stored events. () where nothing is stored.
        """
        raise NotImplementedError

    def get(self, uid: str, scope: Scope) -> pa.Table:
        """Return the event with this identifier: one row, or none."""
        raise NotImplementedError

    def many(self, uids: tuple[str, ...], scope: Scope) -> pa.Table:
        """Return the events with these identifiers that still exist, oldest first."""
        raise NotImplementedError

    def top_values(
        self, path: str, query: str, scope: Scope, span: Span = EVERYWHEN, *, limit: int = 10
    ) -> tuple[tuple[str, int], ...]:
        """Return the most frequent values at `path` as text with their counts."""
        raise NotImplementedError

    def fields(self) -> tuple[Field, ...]:
        """Return every path that stored events have, sorted."""
        raise NotImplementedError

    def sql(self, statement: str, scope: Scope, limits: SqlLimits | None = None) -> pa.Table:
        """Answer one SELECT over the views `events`, `findings`, `incidents`, `matches`, `rejects`,
        `failures`, `sources`, `audit`, and one view a source (`"aws.cloudtrail"`).

        The statement is checked on its parse tree and runs on a connection of its own that can
        reach no file, no network and no setting.

        Raises:
            UsageError: not one SELECT over these views, or over its limits.
        """
        raise NotImplementedError
