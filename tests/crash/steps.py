"""A short story of a store, from turns over a merge to retention; it goes on where it was killed.

`python -m tests.crash.steps FOLDER` prints a line for every turn that is stored.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.store.tables import NOON, event, finding, match, store_events, uid
from tocsin.store import Retention, Store
from tocsin.store.files import GRACE

TURNS = 12
EACH = 3
FINDINGS = 2
LATER = NOON + timedelta(days=1)


def names(turn: int) -> list[str]:
    return [f"{turn}-{place}" for place in range(EACH)]


def play(folder: Path, tell: Callable[[int], None]) -> None:
    """Play the story to its end, and tell of each turn once it is stored."""
    with Store.open(folder) as store:
        cursor = store.turns.cursor("trail")
        for turn in range(0 if cursor is None else int(cursor) + 1, TURNS):
            found = finding(str(turn % FINDINGS), names(turn)[:1])
            store_events(
                store,
                [event(name, turn) for name in names(turn)],
                findings=[found],
                matches=[match(found, uid(names(turn)[0]), turn)],
                cursor=str(turn),
            )
            tell(turn)
        store.maintenance.compact(LATER)
        store.maintenance.compact(LATER + 2 * GRACE)
        store.maintenance.retain(Retention(days=30), LATER + 2 * GRACE)
        store.audit.append("ada", "note", "", {}, LATER)


def say(turn: int) -> None:
    sys.stdout.write(f"{turn}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    play(Path(sys.argv[1]), say)
