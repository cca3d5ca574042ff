"""The data folder: its kind, its mode, its tables."""

import os
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from tests.store.tables import event, store_events
from tocsin.errors import StoreError
from tocsin.ocsf import EVERYTHING
from tocsin.store import Store, migrations
from tocsin.store.tables import METADATA


def test_a_new_folder_is_its_owners_only(tmp_path: Path) -> None:
    with Store.open(tmp_path / "deep" / "data") as store:
        store_events(store, [event("a")])

    assert (tmp_path / "deep" / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "deep" / "data" / "state.sqlite").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True)])
def test_demo_and_real_data_never_share_a_folder(tmp_path: Path, first: bool, then: bool) -> None:
    Store.open(tmp_path / "data", demo=first).close()

    with pytest.raises(StoreError, match="choose another data folder"):
        Store.open(tmp_path / "data", demo=then)
    with Store.open(tmp_path / "data", demo=first) as store:
        assert store.is_demo is first


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")

    with pytest.raises(StoreError, match="no data folder of Tocsin"):
        Store.open(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["thesis.txt"]


def test_a_damaged_marker_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    Store.open(tmp_path / "data").close()
    for content in ("", "{", "[]", '{"kind": "real"}'):
        (tmp_path / "data" / "marker.json").write_text(content)
        with pytest.raises(StoreError, match="restore the folder from a backup"):
            Store.open(tmp_path / "data")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match="cannot be used as data folder"):
        Store.open(tmp_path / "file" / "data")


def test_a_newer_folder_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path / "data").close()
    with sqlite3.connect(tmp_path / "data" / "state.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {migrations.newest() + 1}")
    connection.close()

    with pytest.raises(StoreError, match="install the newer Tocsin"):
        Store.open(tmp_path / "data")


def test_a_state_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    Store.open(tmp_path / "data").close()
    (tmp_path / "data" / "state.sqlite").write_bytes(b"not a database, certainly not" * 100)

    with pytest.raises(StoreError, match="not a database"):
        Store.open(tmp_path / "data")


def test_migrations_create_the_tables_that_queries_name(tmp_path: Path) -> None:
    Store.open(tmp_path / "data").close()
    engine = create_engine(f"sqlite:///{tmp_path}/data/state.sqlite", poolclass=NullPool)
    found = inspect(engine)

    assert sorted(found.get_table_names()) == sorted(METADATA.tables)
    for name, table in METADATA.tables.items():
        columns = {column["name"]: column for column in found.get_columns(name)}
        assert list(columns) == [column.name for column in table.columns]
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable, f"{name}.{column.name}"
        keys = found.get_pk_constraint(name)["constrained_columns"]
        assert keys == [column.name for column in table.primary_key]
        indexes = {index["name"]: index["column_names"] for index in found.get_indexes(name)}
        assert indexes == {index.name: [c.name for c in index.columns] for index in table.indexes}
    engine.dispose()


def test_migrations_are_numbered_without_gaps() -> None:
    folder = Path(migrations.__file__).parent
    names = sorted(path.name for path in folder.glob("*.sql"))

    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.sql", name) for name in names)


def test_an_older_store_is_migrated_after_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(tmp_path / "data") as store:
        store_events(store, [event("a")])
    known = migrations._numbered()
    addition = {
        **known,
        len(known) + 1: "CREATE TABLE added (a INTEGER); CREATE INDEX i ON added (a)",
    }
    monkeypatch.setattr(migrations, "_numbered", lambda: addition)

    with Store.open(tmp_path / "data") as store:
        assert store.events.count("", EVERYTHING) == 1

    with sqlite3.connect(tmp_path / "data" / "state.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(addition),)
    connection.close()
    backups = list((tmp_path / "data" / "backups").iterdir())
    with sqlite3.connect(backups[0]) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(known),)
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (1,)
    connection.close()


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store.open(tmp_path / "data").close()
    known = migrations._numbered()
    broken = {**known, len(known) + 1: "CREATE TABLE added (a INTEGER); NONSENSE"}
    monkeypatch.setattr(migrations, "_numbered", lambda: broken)

    with pytest.raises(StoreError, match="NONSENSE"):
        Store.open(tmp_path / "data")

    monkeypatch.undo()
    Store.open(tmp_path / "data").close()


def test_a_store_opens_from_a_copied_folder(store: Store, tmp_path: Path) -> None:
    store_events(store, [event("a")])
    store.close()
    shutil.copytree(store.folder, tmp_path / "copy")

    with Store.open(tmp_path / "copy") as copy:
        assert copy.events.count("", EVERYTHING) == 1


def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # Root may write anywhere: the refusal is shown by a path that cannot exist.
        with pytest.raises(StoreError, match="cannot be used as data folder"):
            Store.open(Path("/proc/nowhere/data"))
        return
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="cannot be used as data folder"):
        Store.open(tmp_path / "locked" / "data")
