"""`tocsin resources`: what sources describe."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tests.serve.cli.shell import tocsin
from tocsin.ocsf import schemas
from tocsin.store import Store
from tocsin.store.resources import record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {
            "uid": "arn:aws:s3:::logs",
            "type": "bucket",
            "name": "logs",
            "observed_time": datetime(2026, 11, 3, hour),  # noqa: DTZ001 (UTC without a zone)
            "configuration": f'{{"hour":{hour}}}',
        }
        for hour in (11, 12)
    ]
    with Store.open(tmp_path / "data") as store, store._database.write() as connection:
        record(connection, pa.Table.from_pylist(rows, schema=schemas.RESOURCES))
    return tmp_path / "data"


def told(data: Path, *words: str) -> list[dict[str, object]]:
    ended = tocsin("resources", *words, "-o", "json", "--data", data)
    assert ended.code == 0, ended.err
    rows: list[dict[str, object]] = ended.json
    return rows


def test_things_are_listed_as_they_were_last_seen(folder: Path) -> None:
    (row,) = told(folder, "list")

    assert (row["uid"], row["type"], row["configuration"]) == (
        "arn:aws:s3:::logs",
        "bucket",
        '{"hour":12}',
    )
    assert told(folder, "list", "--type", "pod") == told(folder, "list", "--text", "none") == []


def test_a_thing_is_shown_as_it_is_and_as_it_was(folder: Path) -> None:
    shown = told(folder, "show", "arn:aws:s3:::logs")
    history = told(folder, "show", "arn:aws:s3:::logs", "--history")

    assert [row["configuration"] for row in shown] == ['{"hour":12}']
    assert [row["configuration"] for row in history] == ['{"hour":12}', '{"hour":11}']


def test_of_an_unknown_thing_it_is_said_so(folder: Path) -> None:
    ended = tocsin("resources", "show", "none", "--data", folder)

    assert ended.code == 2
    assert "tocsin resources list" in ended.err
