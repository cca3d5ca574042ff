"""The page of one entity, and the same over the API."""

from urllib.parse import quote

import httpx
import pytest

from tests.serve.web.test_pages import text_of
from tocsin.ocsf import EVERYTHING
from tocsin.serve.web import rendering
from tocsin.store import IncidentFilter, Store


@pytest.fixture(scope="module")
def alice(store: Store) -> tuple[str, str]:
    (found,) = [
        each.entities[0]
        for each in store.incidents.list(IncidentFilter(), EVERYTHING).rows
        if each.entities[0].name == "alice"
    ]
    return found.type, found.uid


def test_the_page_tells_findings_incidents_links_and_days(
    viewer: httpx.Client, alice: tuple[str, str]
) -> None:
    answer = viewer.get(rendering.entity_url({"type": alice[0], "uid": alice[1]}))

    shown = text_of(answer)
    assert answer.status_code == 200
    assert "svc-report" in shown and "Risk by day" in shown
    assert "Access key is created for another user" in shown


def test_its_events_come_in_a_part_of_their_own(
    viewer: httpx.Client, alice: tuple[str, str]
) -> None:
    query = {"type": alice[0], "uid": alice[1], "name": "alice"}

    shown = viewer.get("/parts/entity-events", params=query).text

    assert 'data-href="/events/evt_' in shown and "alice" in shown


def test_entities_of_an_incident_lead_to_their_pages(
    viewer: httpx.Client, store: Store, alice: tuple[str, str]
) -> None:
    (incident,) = [
        each
        for each in store.incidents.list(IncidentFilter(), EVERYTHING).rows
        if each.entities[0].uid == alice[1]
    ]

    page = viewer.get(f"/incidents/{incident.uid}").text

    assert f'href="{rendering.entity_url(incident.entities[0])}"' in page


@pytest.mark.parametrize(
    "uid", ["arn:aws:iam::111122223333:user/a/b", "../../users", "?x=1#y", "100%", "a b", "//evil"]
)
def test_any_uid_has_a_page(viewer: httpx.Client, uid: str) -> None:
    address = rendering.entity_url({"type": "user", "uid": uid})

    answer = viewer.get(address)

    assert answer.status_code == 200
    assert "No finding names it." in text_of(answer)
    assert quote(uid, safe="") in answer.request.url.raw_path.decode()


def test_a_uid_with_a_line_break_has_a_page(viewer: httpx.Client) -> None:
    address = rendering.entity_url({"type": "user", "uid": "line\nbreak\x00"})

    assert viewer.get(address).status_code == 200


def test_the_api_tells_the_same(viewer: httpx.Client, alice: tuple[str, str]) -> None:
    query = {"type": alice[0], "uid": alice[1]}

    told = viewer.get("/api/v1/entities", params=query).json()
    events = viewer.get("/api/v1/entities/events", params=query).json()

    assert told["entity"]["name"] == "alice"
    assert len(told["days"]) == 30 and told["days"][-1]["risk"] > 0
    assert told["links"][0]["reasons"] and told["findings"] and told["incidents"]
    assert events["problem"] == "" and events["items"]
