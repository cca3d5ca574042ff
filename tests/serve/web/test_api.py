"""The versioned API: pages of lists, filters, changes, errors, its own document."""

import httpx
import pytest

from tests.serve.web.conftest import csrf_of
from tocsin.ocsf import EVERYTHING
from tocsin.store import IncidentFilter, Store

API = "/api/v1"


def every(client: httpx.Client, path: str, **query: object) -> list[dict[str, object]]:
    """Return the items of all pages."""
    items: list[dict[str, object]] = []
    cursor: str | None = None
    for _ in range(100):
        page = client.get(API + path, params={**query, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200, page.text
        items += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return items
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize(
    ("path", "limit", "count"),
    [("/incidents", 3, 4), ("/findings", 5, 11), ("/rejects", 2, 3), ("/audit", 2, None)],
)
def test_pages_of_a_list_together_are_the_list(
    admin: httpx.Client, path: str, limit: int, count: int | None
) -> None:
    whole = every(admin, path, limit=1000)
    cut = every(admin, path, limit=limit)

    assert cut == whole
    assert len({str(item) for item in cut}) == len(cut)
    assert count is None or len(cut) == count


def test_events_come_page_by_page_as_ocsf(viewer: httpx.Client) -> None:
    events = every(viewer, "/events", q="actor.user.name:bob", limit=40)

    uids = [event["metadata"]["uid"] for event in events]  # type: ignore[index]
    assert len(set(uids)) == len(uids) > 80
    assert all(isinstance(event["time"], int) and event["class_uid"] for event in events)
    one = viewer.get(f"{API}/events/{uids[0]}").json()
    assert one == events[0]


def test_incidents_are_told_with_severity_and_zone(viewer: httpx.Client) -> None:
    item = every(viewer, "/incidents", min_severity_id=5)[0]

    assert (item["severity"], item["severity_id"]) == ("Critical", 5)
    assert str(item["opened_time"]).endswith("Z")
    uid = item["uid"]
    moments = viewer.get(f"{API}/incidents/{uid}/timeline").json()
    assert {"finding", "change"} <= {moment["kind"] for moment in moments}


def test_pollers_ask_for_what_changed(viewer: httpx.Client, store: Store) -> None:
    times = sorted(str(item["updated_time"]) for item in every(viewer, "/incidents"))

    later = every(viewer, "/incidents", updated_since=times[1])

    assert sorted(str(item["updated_time"]) for item in later) == times[1:]


def test_an_incident_is_changed_and_refusals_say_why(analyst: httpx.Client, store: Store) -> None:
    uid = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0].uid
    path, headers = f"{API}/incidents/{uid}", {"X-CSRF-Token": csrf_of(analyst)}

    taken = analyst.patch(
        path, json={"assignee": "analyst", "status": "In Progress"}, headers=headers
    )
    refused = analyst.patch(path, json={"status": "Closed"}, headers=headers)
    unknown = analyst.patch(path, json={"color": "x"}, headers=headers)
    absent = analyst.patch(f"{API}/incidents/none", json={"assignee": "x"}, headers=headers)

    assert (taken.json()["assignee"], taken.json()["status"]) == ("analyst", "In Progress")
    assert (refused.status_code, unknown.status_code, absent.status_code) == (409, 422, 404)
    assert "verdict" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/events?q=(", 400), ("/events?limit=1001", 422), ("/events?since=yesterday", 422),
        ("/findings?severity=high", 422), ("/incidents?cursor=nonsense", 400),
        ("/events?cursor=nonsense", 400), ("/findings?cursor=nonsense", 400), ("/nothing", 404),
        ("/findings/none", 404), ("/rules/none", 404), ("/rejects/none", 404),
        ("/events/none", 404), ("/incidents?since=0001-01-01T00:00:00%2B14:00", 422),
        ("/events?until=9999-12-31T23:59:59-14:00", 422),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_json(
    admin: httpx.Client, path: str, status: int
) -> None:
    answer = admin.get(API + path)

    assert answer.status_code == status
    assert answer.json()["error"]["status"] == status


def test_without_a_session_the_api_says_so(anonymous: httpx.Client) -> None:
    answer = anonymous.get(f"{API}/incidents")

    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "sign in first")


def test_counts_over_time_add_up(viewer: httpx.Client) -> None:
    query = {"q": "actor.user.name:alice"}
    bars = viewer.get(f"{API}/events/histogram", params=query).json()
    top = viewer.get(f"{API}/events/top-values", params={**query, "path": "actor.user.name"}).json()

    assert (
        sum(bar["count"] for bar in bars)
        == top[0]["count"]
        == len(every(viewer, "/events", **query, limit=1000))
    )


def test_sources_add_up_and_rules_count(viewer: httpx.Client) -> None:
    feeds = {feed["feed"]: feed for feed in viewer.get(f"{API}/sources").json()}
    rules = {rule["uid"]: rule for rule in viewer.get(f"{API}/rules").json()}

    trail = feeds["org-trail"]
    parts = ("events", "findings", "resources", "duplicates", "rejects")
    assert trail["received"] == sum(trail[part] for part in parts)
    assert feeds["lab-trail"]["is_silent"] is True
    assert (rules["r-enum"]["matches"], rules["r-org"]["last_time"]) == (2, None)
    assert viewer.get(f"{API}/rules/r-enum").json() == rules["r-enum"]


def test_fields_are_listed(viewer: httpx.Client) -> None:
    paths = {field["path"] for field in viewer.get(f"{API}/events/fields").json()}

    assert {"actor.user.name", "api.operation", "src_endpoint.ip"} <= paths


def test_the_document_describes_every_operation(viewer: httpx.Client) -> None:
    document = viewer.get(f"{API}/openapi.json").json()

    operations = [each for path in document["paths"].values() for each in path.values()]
    assert all(each["summary"] and each["description"] for each in operations)
    assert all("200" in each["responses"] for each in operations)
    assert "IncidentModel" in document["components"]["schemas"]


def test_the_visitor_is_named_with_rights(viewer: httpx.Client) -> None:
    me = viewer.get(f"{API}/me").json()

    assert (me["name"], me["role"]) == ("viewer", "viewer")
    assert me["permissions"] == ["metrics", "own_session", "read"]
