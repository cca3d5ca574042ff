"""Upkeep: sweeping, compaction, retention, fsck, backup and restore."""

import json
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.store.tables import (
    NOON,
    batch,
    event,
    finding,
    group,
    match,
    naive,
    normalized,
    reject,
    store_events,
    turn,
    uid,
)
from tocsin.errors import StoreError
from tocsin.ocsf import EVERYTHING
from tocsin.store import FindingFilter, IncidentFilter, Retention, Store
from tocsin.store.files import GRACE

DAY = timedelta(days=1)
SOON = NOON + GRACE + timedelta(seconds=1)


def files(store: Store) -> list[Path]:
    return sorted((store.folder / "lake").rglob("*.parquet"))


def everything(store: Store) -> list[object]:
    """Return all that can be asked, for comparing two stores."""
    events = store.events.search("", EVERYTHING, limit=1000).rows
    return [
        events.sort_by("event_uid").to_pylist(),
        store.findings.list(FindingFilter(), EVERYTHING).rows.to_pylist(),
        store.incidents.list(IncidentFilter(), EVERYTHING).rows,
        store.sources.list(EVERYTHING, NOON),
        store.rejects.list(EVERYTHING).rows.to_pylist(),
        store.audit.verify(),
    ]


def fill(store: Store, turns: int = 12, each: int = 5) -> None:
    for number in range(turns):
        names = [f"{number}-{place}" for place in range(each)]
        found = finding(f"f{number % 3}", names[:1])
        store_events(
            store,
            [event(name, (number * 7) % 50 + place) for place, name in enumerate(names)],
            findings=[found],
            matches=[match(found, uid(names[0]))],
        )


def test_files_of_a_turn_that_never_committed_are_swept_at_start(store: Store) -> None:
    store_events(store, [event("a")])
    kept = files(store)[0]
    (kept.parent / "lost.parquet").write_bytes(b"half a file")
    (kept.parent / "lost.parquet.tmp").write_bytes(b"")

    with Store.open(store.folder):
        pass

    assert [path for path in kept.parent.iterdir()] == [kept]


def test_nothing_is_swept_while_a_turn_is_under_way(store: Store) -> None:
    store_events(store, [event("a")])
    half = files(store)[0].with_name("half.parquet")
    half.write_bytes(b"")

    with store.turns.lock(), Store.open(store.folder):
        assert half.exists()


def test_small_files_are_merged_into_one_sorted_file(store: Store) -> None:
    fill(store)
    before = everything(store)

    assert store.maintenance.compact(NOON) == 11

    assert everything(store) == before
    assert store.maintenance.figures().files == 1
    assert store.maintenance.fsck() == ()
    newest = max(files(store), key=lambda path: path.stat().st_mtime_ns)
    times = pq.read_table(newest, columns=["time"]).column("time").to_pylist()
    assert times == sorted(times)
    assert len(times) == 60


def test_replaced_files_wait_for_running_queries(store: Store) -> None:
    fill(store)
    store.maintenance.compact(NOON)
    assert len(files(store)) == 13

    store.maintenance.compact(SOON)
    assert len(files(store)) == 1


def test_few_files_of_today_are_left_alone_and_those_of_a_past_day_are_not(store: Store) -> None:
    fill(store, turns=3)

    assert store.maintenance.compact(NOON) == 0
    assert store.maintenance.compact(NOON + DAY) == 2
    assert store.maintenance.compact(NOON + DAY) == 0


def test_a_merged_event_is_still_known(store: Store) -> None:
    fill(store)
    store.maintenance.compact(NOON)

    assert store_events(store, [event("3-2", 23)]).duplicates == 1
    assert store.events.get(uid("3-2"), EVERYTHING).num_rows == 1


def test_files_of_other_shape_are_not_merged_together(store: Store) -> None:
    fill(store)
    odd = pa.Table.from_pylist([event("odd")])
    odd = odd.cast(normalized([event("odd")]).events.select(odd.schema.names).schema)
    store_events(store, odd.drop_columns(["is_mfa"]))

    store.maintenance.compact(NOON + DAY)

    assert store.maintenance.figures().files == 2
    assert store.events.count("", EVERYTHING) == 61


def test_turns_and_questions_go_on_while_files_are_merged(store: Store) -> None:
    fill(store, turns=10, each=20)
    counts: list[int] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            counts.append(store.events.count("eventID", EVERYTHING))

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(3):
        store.maintenance.compact(NOON + DAY)
    store_events(store, [event("late")])
    stop.set()
    thread.join()

    assert set(counts) <= {200, 201}
    assert store.events.count("", EVERYTHING) == 201


def test_retention_takes_whole_files_by_day_of_receipt(store: Store) -> None:
    for age in (3, 2, 1, 0):
        now = NOON - age * DAY
        store_events(store, [event(f"d{age}", time=now, received_time=naive(now))], now=now)

    removed = store.maintenance.retain(Retention(days=2), NOON)

    assert (removed.files, removed.events) == (2, 2)
    assert store.events.count("", EVERYTHING) == 2
    assert store.audit.list(EVERYTHING).rows[0].action == "retention"


def test_a_forged_date_neither_deletes_nor_keeps(store: Store) -> None:
    store_events(store, [event("old", time=NOON - 30 * DAY), event("new", minutes=60 * 20)])

    assert store.maintenance.retain(Retention(days=1), NOON).files == 0
    assert store.maintenance.retain(Retention(days=1), NOON + DAY).files == 2


def test_an_event_that_retention_took_may_come_again(store: Store) -> None:
    store_events(store, [event("a")])
    store.maintenance.retain(Retention(days=1), NOON + 2 * DAY)
    store.maintenance.retain(Retention(days=1), NOON + 2 * DAY + GRACE + timedelta(seconds=1))

    assert files(store) == []
    assert store_events(store, [event("a")]).events == 1
    assert store.maintenance.fsck() == ()


def test_retention_by_bytes_keeps_the_newest(store: Store) -> None:
    for age in (2, 1, 0):
        now = NOON - age * DAY
        store_events(store, [event(f"d{age}", time=now, received_time=naive(now))], now=now)
    size = store.maintenance.figures().lake_bytes

    removed = store.maintenance.retain(Retention(size_bytes=size - 1), NOON)

    assert removed.files == 1
    assert store.maintenance.figures().oldest_event == NOON - DAY


def test_retention_without_limits_takes_nothing(store: Store) -> None:
    store_events(store, [event("a")])

    assert store.maintenance.retain(Retention(), NOON + 1000 * DAY).files == 0


def test_old_rejects_go_with_the_days(store: Store) -> None:
    with store.turns.lock():
        windows = store.turns.windows()
        one = turn(store, batch(1), normalized([], [reject(1)]))
        store.turns.commit([one], windows, group)

    assert store.maintenance.retain(Retention(days=1), NOON).rejects == 0
    assert store.maintenance.retain(Retention(days=1), NOON + DAY).rejects == 1


def test_a_healthy_store_has_no_damage(store: Store) -> None:
    fill(store)

    assert store.maintenance.fsck() == ()
    assert store.maintenance.glance() == ()


def whats(store: Store, *, repair: bool = False) -> str:
    return "; ".join(damage.what for damage in store.maintenance.fsck(repair=repair))


def test_fsck_names_a_file_that_is_gone(store: Store) -> None:
    store_events(store, [event("a")])
    files(store)[0].unlink()

    assert "the file is gone" in whats(store)
    assert "the file is gone" in store.maintenance.glance()[0].what


@pytest.mark.parametrize("place", [4, -20])
def test_fsck_names_a_file_whose_bytes_changed(store: Store, place: int) -> None:
    store_events(store, [event(str(number)) for number in range(50)])
    path = files(store)[0]
    content = bytearray(path.read_bytes())
    for offset in range(12):
        content[place + offset if place > 0 else len(content) + place + offset] ^= 0xFF
    path.write_bytes(content)

    assert "cannot be read" in whats(store)


def test_fsck_names_a_cut_file(store: Store) -> None:
    store_events(store, [event("a")])
    path = files(store)[0]
    path.write_bytes(path.read_bytes()[:-10])

    assert "bytes instead of" in whats(store)


def test_fsck_names_and_removes_unknown_files(store: Store) -> None:
    store_events(store, [event("a")])
    lost = files(store)[0].with_name("lost.parquet")
    lost.write_bytes(b"")

    assert "no turn knows this file" in whats(store)
    assert lost.exists()
    assert [damage.repaired for damage in store.maintenance.fsck(repair=True)] == [True]
    assert whats(store) == ""


def test_fsck_names_and_mends_missing_keys(store: Store) -> None:
    store_events(store, [event("a"), event("b")])
    with sqlite3.connect(store.folder / "state.sqlite") as connection:
        connection.execute("DELETE FROM seen WHERE key = (SELECT min(key) FROM seen)")
    connection.close()

    assert whats(store).startswith("1 events lack their key")
    store.maintenance.fsck(repair=True)
    assert whats(store) == ""
    assert store_events(store, [event("a"), event("b")]).duplicates == 2


def test_fsck_names_an_event_that_is_stored_twice(store: Store) -> None:
    store_events(store, [event("a")])
    path = files(store)[0]
    double = path.with_name("double.parquet")
    double.write_bytes(path.read_bytes())
    with sqlite3.connect(store.folder / "state.sqlite") as connection:
        connection.execute(
            "INSERT INTO segments SELECT ?, source, day, received_day, shape, rows, size_bytes,"
            " min_time, max_time, turn_id FROM segments",
            (str(double.relative_to(store.folder / "lake")),),
        )
    connection.close()

    assert "1 rows are stored twice" in whats(store)


def test_fsck_names_counters_that_do_not_add_up(store: Store) -> None:
    store_events(store, [event("a")])
    with sqlite3.connect(store.folder / "state.sqlite") as connection:
        connection.execute("UPDATE feeds SET received = 5")
    connection.close()

    assert "5 records received, 1 accounted for" in whats(store)


def test_a_restored_backup_answers_the_same(store: Store, tmp_path: Path) -> None:
    fill(store)
    store.maintenance.compact(NOON)
    store.audit.append("ada", "note", "", {}, NOON)

    store.maintenance.backup(tmp_path / "backup")
    before = everything(store)
    store_events(store, [event("later")])
    Store.restore(tmp_path / "backup", tmp_path / "again")

    with Store.open(tmp_path / "again") as restored:
        assert everything(restored) == before
        assert restored.maintenance.fsck() == ()
        assert store_events(restored, [event("later")]).events == 1


def test_a_backup_is_whole_while_turns_go_on(store: Store, tmp_path: Path) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def feed() -> None:
        number = 0
        while not stop.is_set():
            try:
                store_events(store, [event(f"{number}-{place}") for place in range(3)])
                number += 1
                if number % 10 == 0:
                    store.maintenance.compact(NOON)
            except BaseException as error:
                failures.append(error)
                return

    thread = threading.Thread(target=feed)
    thread.start()
    for number in range(3):
        store.maintenance.backup(tmp_path / f"backup-{number}")
    stop.set()
    thread.join()

    assert failures == []
    for number in range(3):
        Store.restore(tmp_path / f"backup-{number}", tmp_path / f"again-{number}")
        with Store.open(tmp_path / f"again-{number}") as restored:
            assert restored.maintenance.fsck() == ()
            assert restored.events.count("", EVERYTHING) % 3 == 0


def test_a_backup_never_overwrites(store: Store, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()

    with pytest.raises(StoreError, match="not empty"):
        store.maintenance.backup(tmp_path / "full")
    store.maintenance.backup(tmp_path / "backup")
    with pytest.raises(StoreError, match="not empty"):
        Store.restore(tmp_path / "backup", tmp_path / "full")


def test_a_damaged_backup_is_not_restored(store: Store, tmp_path: Path) -> None:
    fill(store, turns=1)
    store.maintenance.backup(tmp_path / "backup")
    listed = json.loads((tmp_path / "backup" / "backup.json").read_text())
    path = tmp_path / "backup" / next(name for name in listed if name.endswith("parquet"))
    path.unlink()
    path.write_bytes(b"other")

    with pytest.raises(StoreError, match="missing or was changed"):
        Store.restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_backup_that_names_files_elsewhere_is_not_restored(store: Store, tmp_path: Path) -> None:
    store.maintenance.backup(tmp_path / "backup")
    (tmp_path / "backup" / "backup.json").write_text('{"../../etc/cron.d/x": "00"}')

    with pytest.raises(StoreError, match="outside the backup"):
        Store.restore(tmp_path / "backup", tmp_path / "again")


def test_what_is_no_backup_is_not_restored(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no whole backup"):
        Store.restore(tmp_path, tmp_path / "again")


def test_figures_tell_the_size(store: Store) -> None:
    fill(store, turns=2)

    figures = store.maintenance.figures()
    assert (figures.events, figures.findings, figures.incidents, figures.files) == (10, 2, 1, 2)
    assert figures.lake_bytes == sum(path.stat().st_size for path in files(store))
    assert figures.state_bytes > 0
