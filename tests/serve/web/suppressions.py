"""Suppressions for the tests of the pages, and findings that they hide."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.serve.web import seed
from tocsin.conditions.suppression import Sighting, Suppression, suppress
from tocsin.detect import Windows
from tocsin.normalize import Normalized
from tocsin.ocsf import EVERYTHING, RawBatch, empty, from_rows, schemas
from tocsin.run import suppressing
from tocsin.store import FindingFilter, Store, Turn

BEFORE = seed.NOW - timedelta(days=2)


def put(
    store: Store, uid: str, *rules: str, created: datetime = BEFORE, **written: str
) -> Suppression:
    """Keep a suppression of these rules."""
    words = {"reason": "A test.", "owner": "tests", "expires": "30d", "origin": "tests"} | written
    one = suppressing.read(suppressing.Written(rules=rules, uid=uid, **words), created, EVERYTHING)
    store.suppressions.put((one,), "ada", created, EVERYTHING)
    return one


def hide(store: Store, one: Suppression) -> None:
    """Let the findings of its rules happen once more, now that it hides them."""
    findings: list[dict[str, object]] = []
    for rule in one.rules:
        page = store.findings.list(FindingFilter(rule_uid=rule), EVERYTHING).rows
        findings += page.select(schemas.FINDINGS.names).to_pylist()
    found = from_rows(findings, schemas.FINDINGS)
    shares = suppress((one,), found, empty(schemas.MATCHES), lambda row, uid: Sighting(_holds))
    nothing = Normalized(
        empty(seed.EVENTS),
        empty(schemas.FINDINGS),
        empty(schemas.RESOURCES),
        empty(schemas.REJECTS),
    )
    batch = RawBatch(seed.AWS, seed.TRAIL, empty(schemas.RAW), None, None, empty(schemas.REJECTS))
    with store.turns.lock():
        windows = store.turns.windows()
        turn = Turn(
            batch=batch,
            unseen=store.turns.unseen(batch, nothing),
            findings=shares.findings,
            matches=shares.matches,
            failures=empty(schemas.FAILURES),
            now=seed.NOW,
            hidden=shares.hidden,
            hidden_matches=shares.hidden_matches,
        )
        store.turns.commit([turn], windows or Windows(), seed.GROUP)


def _holds(condition: str) -> bool:
    return True


def fill(store: Store, attacks: Sequence[str] = ()) -> None:
    """Add suppressions in every state, and one for each attack string with the string in it."""
    hide(store, put(store, "nightly-report", "r-secrets", reason="It reads them each night."))
    put(store, "old", "r-org", "r-key", created=seed.NOW - timedelta(days=40), expires="90d")
    put(store, "soon", "*", entity="role:*:role/ci-*", expires="5d")
    put(store, "gone", "r-trail")
    store.suppressions.end("gone", "The move is over.", "ada", seed.NOW, EVERYTHING)
    for place, text in enumerate(attacks):
        # Blanks alone are refused; something to read stands before them.
        word = f"x{text[:150]}"
        written = {"reason": f"x{text}", "owner": word, "origin": text, "entity": f"{word}:{word}"}
        condition = f"finding.title: {json.dumps(text.encode('utf-8', 'replace').decode())}"
        uid = f"hostile-{place}"
        hide(store, put(store, uid, f"r-hostile-{place}", condition=condition, **written))
        if place % 3 == 0:
            store.suppressions.end(uid, text, text, seed.NOW, EVERYTHING)
