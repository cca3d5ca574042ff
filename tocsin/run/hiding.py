"""Share out what was found: what goes on to incidents, and what a suppression hides."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain

import pyarrow as pa

from tocsin import detect
from tocsin.conditions.suppression import Shares, Suppression, suppress
from tocsin.run.earlier import fetch
from tocsin.store import Store


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
    named: Iterable[str] = ()
    if in_force:
        of_findings = found.column("event_uids").to_pylist()
        named = chain(matches.column("event_uid").to_pylist(), *of_findings)
    return suppress(in_force, found, matches, rules.evidence(events, named, partial(fetch, store)))
