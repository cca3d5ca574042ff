"""Records that no mapping could read."""

from collections.abc import Iterator

import pyarrow as pa

from tocsin.ocsf import RawBatch
from tocsin.store.questions import Page


class Rejects:
    """Rejects wait here until their mapping is mended, or retention takes them.

    Rows have the columns of `ocsf.schemas.REJECTS` and `uid`, `feed`.
    """

    def list(
        self, *, feed: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[pa.Table]:
        """Return rejects, newest first; `raw` holds the first 4 KiB only."""
        raise NotImplementedError

    def get(self, uid: str) -> pa.Table:
        """Return one reject with all that was kept of it: one row, or none."""
        raise NotImplementedError

    def by_reason(self, feed: str | None = None) -> tuple[tuple[str, str, int], ...]:
        """Return (feed, code of the reason, count), most frequent first."""
        raise NotImplementedError

    def replay(self, *, max_records: int = 2_000) -> Iterator[RawBatch]:
        """Yield the replayable rejects as batches to normalize and commit again.

        A record that becomes an event leaves the rejects in that commit; one that is rejected again
        stays, with its new reason. The feed's counters move accordingly.
        """
        raise NotImplementedError
