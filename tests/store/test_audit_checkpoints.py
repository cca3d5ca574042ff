"""Ten thousand rows: whatever is changed, deleted, inserted, swapped, cut or rewritten is found."""

import random
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.store.tables import NOON
from tests.store.test_audit import tampering
from tocsin.errors import StoreError, UsageError
from tocsin.store import Store
from tocsin.store.audit import BEGINNING, AuditRow, _hash, examine
from tocsin.store.audit_checkpoints import Checkpoint, SigningKey, problem_of, read

ROWS = 10_000
Rows = list[AuditRow]


def chain(rows: int, words: Callable[[int], str] = str) -> Rows:
    head, made = BEGINNING, []
    for seq in range(1, rows + 1):
        row = {
            "seq": seq,
            "time": NOON + timedelta(seconds=seq),
            "actor": f"ada-{seq % 7}",
            "action": "incident.change",
            "object": f"inc_{seq:08}",
            "details": f'{{"number":"{words(seq)}"}}',
            "previous_hash": head,
        }
        head = _hash(**row)
        made.append(AuditRow(**row, hash=head))
    return made


@pytest.fixture(scope="module")
def rows() -> Rows:
    return chain(ROWS)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey(tmp_path_factory.mktemp("key") / "secrets" / "audit.key")


@pytest.fixture(scope="module")
def checkpoints(rows: Rows, key: SigningKey) -> list[Checkpoint]:
    return [key.sign(row.seq, row.time, row.hash) for row in rows if row.seq % 1_000 == 0]


def found_at(tampered: Rows, checkpoints: list[Checkpoint], before: int) -> int | None:
    """Return the first bad row; those up to `before` were not touched and are known to be right."""
    head = tampered[before - 1].hash if before else BEGINNING
    return examine(tampered[before:], checkpoints, after=before, head=head).first_bad_seq


def test_the_whole_chain_is_right(rows: Rows, checkpoints: list[Checkpoint]):
    state = examine(rows, checkpoints)

    assert (state.rows, state.first_bad_seq) == (ROWS, None)
    assert problem_of(checkpoints, None) is None


def test_a_thousand_changes_of_one_byte_are_all_found_and_named(
    rows: Rows, checkpoints: list[Checkpoint]
):
    chance, names = random.Random(1), [field.name for field in fields(AuditRow)]
    for _ in range(1_000):
        place = chance.randrange(ROWS)
        name = chance.choice(names)
        row = replace(rows[place], **{name: other(getattr(rows[place], name), chance)})

        assert found_at(rows[:place] + [row], checkpoints, place) == place + 1


def other(value: object, chance: random.Random) -> object:
    if isinstance(value, str):
        place = chance.randrange(len(value))
        return (
            value[:place] + chr(ord(value[place]) ^ (1 << chance.randrange(6))) + value[place + 1 :]
        )
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(8))
    return value + timedelta(microseconds=1 << chance.randrange(20))  # type: ignore[operator]


def test_two_hundred_deletions_insertions_and_swaps_are_all_found_and_named(
    rows: Rows, checkpoints: list[Checkpoint]
):
    chance = random.Random(2)
    for _ in range(200):
        place = chance.randrange(ROWS - 1)
        start, row, following = rows[:place], rows[place], rows[place + 1]
        forged = replace(row, actor="eve", hash="0" * 64)
        closed_up = replace(following, seq=row.seq)

        assert found_at([*start, following], checkpoints, place) == place + 1
        assert found_at([*start, closed_up], checkpoints, place) == place + 1
        assert found_at([*start, forged, row], checkpoints, place) == place + 1
        assert found_at([*start, row, row], checkpoints, place) == place + 2
        assert found_at([*start, following, row], checkpoints, place) == place + 1
        swapped = [replace(following, seq=row.seq), replace(row, seq=following.seq)]
        assert found_at([*start, *swapped], checkpoints, place) == place + 1


def test_two_hundred_cut_tails_are_all_found_and_named(rows: Rows, checkpoints: list[Checkpoint]):
    chance = random.Random(3)
    for place in chance.sample(range(ROWS), 200):
        assert found_at(rows[:place], checkpoints, place) == place + 1


def test_a_rewrite_with_the_stolen_key_does_not_fit_the_checkpoints_of_before(
    rows: Rows, checkpoints: list[Checkpoint], key: SigningKey
):
    for begin in (1, 1_000, 1_001, 5_432, 10_000):
        new = chain(ROWS, lambda seq, begin=begin: "no trace" if seq >= begin else str(seq))
        own = [key.sign(row.seq, row.time, row.hash) for row in new if row.seq % 1_000 == 0]
        assert examine(new, own).first_bad_seq is None
        assert problem_of(own, None) is None

        state = examine(new, [*checkpoints, *own])

        # The rows since the last checkpoint that still fits are those that were rewritten.
        assert state.first_bad_seq == (begin - 1) // 1_000 * 1_000 + 1
        assert f"checkpoint at row {state.first_bad_seq + 999}" in state.problem


def test_checkpoints_of_nobody_are_refused(
    rows: Rows, checkpoints: list[Checkpoint], tmp_path: Path
):
    stranger = SigningKey(tmp_path / "other.key").sign(1, NOON, rows[0].hash)
    one = checkpoints[3]

    assert problem_of([*checkpoints, stranger], None) == (
        1,
        "the checkpoint at entry 1 is signed by another key",
    )
    for forged in (
        replace(one, head="0" * 64),
        replace(one, seq=one.seq + 1),
        replace(one, time=one.time + timedelta(seconds=1)),
        replace(one, signature="00" * 64),
        replace(one, signature="x"),
    ):
        found = problem_of([*checkpoints, forged], None)
        assert found == (
            forged.seq,
            f"the checkpoint at entry {forged.seq} is not signed by its key",
        )
    assert problem_of(checkpoints, stranger.public_key) is not None


def test_a_store_makes_checkpoints_and_compares_with_them(store: Store):
    now = NOON
    assert not store.audit.checkpoint_is_due(now)
    assert store.audit.checkpoint(now) is None
    for number in range(30):
        store.audit.append("ada", "note", f"object-{number}", {}, now)
    first = store.audit.checkpoint(now)
    assert first is not None
    assert first.seq == 30
    assert store.audit.checkpoint(now) is None

    store.audit.append("ada", "note", "more", {}, now)
    assert not store.audit.checkpoint_is_due(now + timedelta(seconds=59))
    assert store.audit.checkpoint_is_due(now + timedelta(seconds=60))
    assert store.audit.verify(checkpoints=[first]).first_bad_seq is None

    with tampering(store) as connection:
        connection.execute("DELETE FROM audit WHERE seq > 20")
    assert store.audit.verify().first_bad_seq == 21
    with tampering(store) as connection:
        connection.execute("DELETE FROM audit_checkpoints")
    assert store.audit.verify().first_bad_seq is None
    state = store.audit.verify(checkpoints=[first])
    assert (state.first_bad_seq, state.problem) == (
        21,
        "rows 21 to 30 are gone: there is a checkpoint at row 30",
    )


def test_a_thousand_rows_are_enough_for_a_checkpoint(store: Store):
    store.audit.append("ada", "note", "x", {}, NOON)
    store.audit.checkpoint(NOON)
    for number in range(1_000):
        assert not store.audit.checkpoint_is_due(NOON)
        store.audit.append("ada", "note", f"object-{number}", {}, NOON)

    assert store.audit.checkpoint_is_due(NOON)


def test_the_key_is_made_once_and_is_the_owners_alone(store: Store):
    store.audit.append("ada", "note", "x", {}, NOON)
    first = store.audit.checkpoint(NOON)
    path = store.folder / "secrets" / "audit.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700

    store.audit.append("ada", "note", "y", {}, NOON)
    second = store.audit.checkpoint(NOON)
    assert first is not None
    assert second is not None
    assert first.public_key == second.public_key
    path.write_bytes(b"short")
    store.audit.append("ada", "note", "z", {}, NOON)
    with pytest.raises(StoreError, match="no key of the audit log"):
        store.audit.checkpoint(NOON)


def test_a_file_of_checkpoints_is_read_without_its_torn_end(
    checkpoints: list[Checkpoint], tmp_path: Path
):
    path = tmp_path / "checkpoints.jsonl"
    lines = [one.line() for one in checkpoints]
    path.write_text("\n".join(lines) + "\n" + lines[0][:40])
    assert list(read(path)) == checkpoints

    path.write_text("nonsense\n")
    with pytest.raises(UsageError, match="checkpoints.jsonl:1"):
        read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "lost")
