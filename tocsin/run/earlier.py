"""Fetch the events of earlier turns that a turn's findings name: those of correlations, most often.

The store keeps in a few words what each matched event did, and whom it concerned; of an event that
came in an earlier turn it would know neither.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, schemas
from tocsin.store import Store

MOST_FETCHED = 2_000
"""Events of earlier turns that are looked at together; others count as not at hand."""


def fetch(store: Store, uids: Sequence[str]) -> pa.Table:
    """Return the stored events with these uids, as far as they are found in time."""
    try:
        return store.events.many(uids[:MOST_FETCHED], EVERYTHING)
    except UsageError:
        # It took too long; a turn does not wait for words.
        return schemas.EVENT_COLUMNS.empty_table()


def earlier_events(
    tables: Iterable[pa.Table], events: pa.Table, before: Iterable[pa.Table], store: Store
) -> pa.Table:
    """Return the events that findings and matches name and that are not among those of the turn.

    Args:
        tables: rows of findings or of matches.
        events: those of the turn.
        before: those of turns that come before it in the same commit: they are not stored yet.
        store: gives the rest.
    """
    named: set[str] = set()
    for table in tables:
        if "event_uids" in table.column_names:
            named.update(*table.column("event_uids").to_pylist())
        elif table.num_rows:
            named.update(table.column("event_uid").to_pylist())
    named -= _uids(_among(events, named))
    found = []
    for table in before:
        found.append(_among(table, named))
        named -= _uids(found[-1])
    if named:
        found.append(fetch(store, sorted(named)))
    kept = [table for table in found if table.num_rows]
    if not kept:
        return schemas.EVENT_COLUMNS.empty_table()
    return pa.concat_tables(kept, promote_options="permissive")


def _among(events: pa.Table, named: set[str]) -> pa.Table:
    if not named:
        return events.slice(0, 0)
    return events.filter(pc.is_in(events.column("event_uid"), pa.array(sorted(named), pa.string())))


def _uids(events: pa.Table) -> set[str]:
    return set(events.column("event_uid").to_pylist())
