"""Things that sources describe, as the API lists them."""

from datetime import datetime

import httpx
import pyarrow as pa
import pytest

from tests.serve.web.test_api import API, every
from tocsin.ocsf import schemas
from tocsin.store import Store
from tocsin.store.resources import record

SEEN = datetime(2026, 11, 3, 12)  # noqa: DTZ001 (the lake keeps UTC without zone)


@pytest.fixture(scope="module", autouse=True)
def things(store: Store) -> None:
    rows = [
        {
            "uid": f"arn:aws:s3:::logs/{number}",
            "type": "bucket",
            "name": f"logs-{number}",
            "observed_time": SEEN.replace(minute=number),
            "configuration": '{"public": true}' if number else "null",
        }
        for number in range(5)
    ]
    with store._database.write() as connection:
        record(connection, pa.Table.from_pylist(rows, schema=schemas.RESOURCES))


def test_pages_of_things_together_are_the_list(viewer: httpx.Client) -> None:
    whole = every(viewer, "/resources", gone=True)

    assert [each["name"] for each in whole] == [f"logs-{number}" for number in (4, 3, 2, 1, 0)]
    assert every(viewer, "/resources", gone=True, limit=2) == whole
    assert whole[0]["configuration"] == {"public": True}
    assert whole[-1]["configuration"] is None
    assert len(every(viewer, "/resources")) == 4
    assert [each["name"] for each in every(viewer, "/resources", text="LOGS-3")] == ["logs-3"]
    assert every(viewer, "/resources", type="pod") == []


def test_the_history_of_a_thing_is_asked_for_by_its_uid(viewer: httpx.Client) -> None:
    answer = viewer.get(f"{API}/resources/history", params={"uid": "arn:aws:s3:::logs/2"})

    assert [each["observed_time"] for each in answer.json()] == ["2026-11-03T12:02:00Z"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/resources/history?uid=none", 404),
        ("/resources/history", 422),
        ("/resources?kind=x", 422),
        ("/resources?cursor=nonsense", 400),
    ],
)
def test_what_cannot_be_answered_is_refused(viewer: httpx.Client, path: str, status: int) -> None:
    assert viewer.get(API + path).status_code == status
