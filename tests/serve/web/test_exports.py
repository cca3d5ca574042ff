"""What is taken away can do no harm where it is opened."""

import json

import httpx
import pytest

from tests.serve.test_exports import is_formula, parse
from tests.serve.web import seed
from tests.serve.web.attacks import FORMULAS
from tests.serve.web.conftest import add_people, console_over, served, signed_in
from tocsin.serve.web import create_app
from tocsin.store import Store


@pytest.mark.parametrize("path", ["/search/export?format=csv&since=7d"])
def test_the_csv_of_hostile_events_holds_no_formula(empty_store: Store, path: str) -> None:
    seed.fill(empty_store, attacks=FORMULAS)
    add_people(empty_store)
    with (
        served(create_app(console_over(empty_store))) as address,
        signed_in(address, "viewer") as client,
    ):
        answer = client.get(path)

    cells = [cell for row in parse(answer.text) for cell in row]
    assert len(cells) > 8000
    assert not [cell for cell in cells if is_formula(cell)]
    assert "\r\n\r\n" not in answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="events.csv"'


def test_json_lines_are_ocsf_events(viewer: httpx.Client) -> None:
    answer = viewer.get("/search/export?format=json&since=7d&q=actor.user.name:alice")

    events = [json.loads(line) for line in answer.text.splitlines()]
    assert len(events) > 50
    assert {event["actor"]["user"]["name"] for event in events} == {"alice"}
    assert all(event["metadata"]["uid"].startswith("evt_") for event in events)


def test_a_broken_query_is_an_error_and_no_file(viewer: httpx.Client) -> None:
    answer = viewer.get("/search/export?format=csv&q=(")

    assert answer.status_code == 400
    assert "content-disposition" not in answer.headers
