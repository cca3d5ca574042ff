"""The audit log: whatever is changed in it, shows."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.store.tables import NOON
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import Store
from tocsin.store.audit import BEGINNING

ROWS = 60


@pytest.fixture
def written(store: Store) -> Store:
    for number in range(ROWS):
        store.audit.append("ada", "note", f"object-{number}", {"number": number}, NOON)
    return store


@contextmanager
def tampering(store: Store) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(store.folder / "state.sqlite")
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def test_a_whole_chain_is_found_whole(written: Store) -> None:
    state = written.audit.verify()

    assert (state.rows, state.first_bad_seq, state.problem) == (ROWS, None, "")
    assert state.head == written.audit.list(EVERYTHING, limit=1).rows[0].hash


def test_an_empty_chain_is_whole(store: Store) -> None:
    assert store.audit.verify().head == BEGINNING


@pytest.mark.parametrize("column", ["time", "actor", "action", "object", "details"])
def test_a_changed_row_is_named(written: Store, column: str) -> None:
    seq = random.Random(column).randint(1, ROWS)
    with tampering(written) as connection:
        value = "1" if column == "time" else "'other'"
        connection.execute(f"UPDATE audit SET {column} = {value} WHERE seq = {seq}")

    assert written.audit.verify().first_bad_seq == seq


def test_a_deleted_row_is_named(written: Store) -> None:
    with tampering(written) as connection:
        connection.execute("DELETE FROM audit WHERE seq = 7")

    state = written.audit.verify()
    assert (state.first_bad_seq, state.problem) == (7, "row 7 is missing")


def test_a_deletion_that_is_closed_up_is_named(written: Store) -> None:
    with tampering(written) as connection:
        connection.execute("DELETE FROM audit WHERE seq = 7")
        for seq in range(8, ROWS + 1):
            connection.execute(f"UPDATE audit SET seq = {seq - 1} WHERE seq = {seq}")

    assert written.audit.verify().first_bad_seq == 7


def test_swapped_rows_are_named(written: Store) -> None:
    with tampering(written) as connection:
        for old, new in ((5, 1000), (6, 5), (1000, 6)):
            connection.execute(f"UPDATE audit SET seq = {new} WHERE seq = {old}")

    assert written.audit.verify().first_bad_seq == 5


def test_a_row_before_the_first_is_named(written: Store) -> None:
    with tampering(written) as connection:
        connection.execute(
            "INSERT INTO audit SELECT 0, time, actor, action, object, details, previous_hash, hash"
            " FROM audit WHERE seq = 1"
        )

    assert written.audit.verify().first_bad_seq == 1


def test_a_cut_end_shows_against_a_head_that_was_kept(written: Store) -> None:
    head = written.audit.verify().head
    with tampering(written) as connection:
        connection.execute("DELETE FROM audit WHERE seq > 50")

    assert written.audit.verify().first_bad_seq is None
    state = written.audit.verify(known_head=head)
    assert (state.first_bad_seq, state.problem[:14]) == (51, "the known head")


def test_a_head_that_others_have_followed_is_still_known(written: Store) -> None:
    head = written.audit.verify().head
    written.audit.append("ada", "note", "more", {}, NOON)

    assert written.audit.verify(known_head=head).first_bad_seq is None


def test_fsck_tells_of_a_broken_chain(written: Store) -> None:
    with tampering(written) as connection:
        connection.execute("UPDATE audit SET actor = 'eve' WHERE seq = 3")

    assert [damage.what for damage in written.maintenance.fsck()] == [
        "audit log: row 3 was changed"
    ]


def test_the_log_is_listed_newest_first_in_pages(written: Store) -> None:
    seen: list[int] = []
    cursor = None
    while True:
        page = written.audit.list(EVERYTHING, limit=25, cursor=cursor)
        seen += [row.seq for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == list(range(ROWS, 0, -1))
    assert written.audit.list(EVERYTHING, actor="eve").rows == ()
    assert len(written.audit.list(EVERYTHING, object_="object-3").rows) == 1
    with pytest.raises(UsageError, match="another query"):
        written.audit.list(
            EVERYTHING, actor="eve", cursor=written.audit.list(EVERYTHING, limit=1).cursor
        )


def test_odd_text_is_chained_like_any_other(store: Store) -> None:
    store.audit.append("a\0b", "ü", "\u2028", {"🙂": ["\x1b[31m", None, 1.5]}, NOON)

    assert store.audit.verify().first_bad_seq is None


def test_a_limited_scope_sees_no_row_of_the_log(written: Store) -> None:
    mine = Scope(accounts=frozenset({"111122223333"}))

    assert written.audit.list(mine).rows == ()
    assert written.audit.list(mine, object_="object-3").rows == ()
