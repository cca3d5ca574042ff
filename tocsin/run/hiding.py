"""Share out what was found: what goes on to incidents, and what a suppression hides."""

from collections.abc import Iterable, Sequence
from itertools import chain

import pyarrow as pa

from tocsin import detect
from tocsin.conditions.suppression import Shares, Suppression, suppress
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, schemas
from tocsin.store import Store

MOST_FETCHED = 2_000
"""Events of earlier turns that are looked at together; others count as not at hand."""


def share(
    found: pa.Table,
    matches: pa.Table,
    events: Iterable[pa.Table],
    in_force: Sequence[Suppression],
    *,
    rules: detect.RuleSet,
    store: Store,
) -> Shares:
    """Share out what one batch found, or what was stored before.

    Args:
        found: rows of `ocsf.schemas.FINDINGS`.
        matches: rows of `ocsf.schemas.MATCHES` of these.
        events: those that are not stored yet.
        in_force: the suppressions that hold now.
        rules: read events as they do when they detect.
        store: gives the events of earlier turns.
    """

    def fetch(uids: tuple[str, ...]) -> pa.Table:
        try:
            return store.events.many(uids[:MOST_FETCHED], EVERYTHING)
        except UsageError:
            # It took too long: what is not seen is not hidden.
            return schemas.EVENT_COLUMNS.empty_table()

    named: Iterable[str] = ()
    if in_force:
        of_findings = found.column("event_uids").to_pylist()
        named = chain(matches.column("event_uid").to_pylist(), *of_findings)
    return suppress(in_force, found, matches, rules.evidence(events, named, fetch))
