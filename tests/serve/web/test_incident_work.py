"""Work on incidents over the API: attachments, many at once, clocks, requests that count once."""

import httpx

from tests.serve.web.conftest import csrf_of
from tocsin.ocsf import EVERYTHING
from tocsin.store import IncidentFilter, Store

API = "/api/v1"


def uids(store: Store) -> list[str]:
    return [each.uid for each in store.incidents.list(IncidentFilter(), EVERYTHING).rows]


def headers(client: httpx.Client, **more: str) -> dict[str, str]:
    return {"X-CSRF-Token": csrf_of(client), **more}


def test_tags_tasks_links_and_the_mark_are_attached(analyst: httpx.Client, store: Store) -> None:
    one, other = uids(store)[:2]
    path = f"{API}/incidents/{one}"
    for wish in (
        {"add_tags": ["Phishing"]},
        {"add_task": "Revoke the key", "owner": "ada"},
        {"task": 1, "is_done": True},
        {"add_link": other, "link_note": "same person"},
        {"report": "needed", "reason": "Personal data"},
    ):
        answer = analyst.patch(path, json=wish, headers=headers(analyst))
        assert answer.status_code == 200, answer.text

    told = analyst.get(path).json()
    assert told["tags"] == ["phishing"]
    assert told["tasks"] == [
        {"number": 1, "text": "Revoke the key", "owner": "ada", "is_done": True}
    ]
    assert told["references"] == [{"target": other, "note": "same person"}]
    assert told["report"]["since"].endswith("Z")
    found = analyst.get(f"{API}/incidents", params={"tag": "PHISHING"}).json()["items"]
    assert [each["uid"] for each in found] == [one]
    names = [each["name"] for each in analyst.get(f"{path}/clocks").json()]
    assert "report" in names


def test_many_are_changed_at_once(analyst: httpx.Client, store: Store) -> None:
    wish = {"uids": [*uids(store), "none"], "change": {"add_tags": ["sweep"]}}

    answer = analyst.post(f"{API}/incidents/changes", json=wish, headers=headers(analyst))

    problems = {each["uid"]: each["problem"] for each in answer.json()}
    assert problems == dict.fromkeys(uids(store), "") | {"none": "there is no incident none"}


def test_a_repeated_request_counts_once(analyst: httpx.Client, store: Store) -> None:
    path, wish = f"{API}/incidents/{uids(store)[0]}", {"comment": "looked at it"}
    keyed = headers(analyst, **{"Idempotency-Key": "try-1"})

    first = analyst.patch(path, json=wish, headers=keyed)
    again = analyst.patch(path, json=wish, headers=keyed)
    other = analyst.patch(path, json={"comment": "else"}, headers=keyed)
    wrong = analyst.patch(path, json=wish, headers=keyed | {"Idempotency-Key": "a b"})

    assert first.json() == again.json()
    assert (other.status_code, wrong.status_code) == (409, 409)
    moments = analyst.get(f"{path}/timeline").json()
    assert [each["title"] for each in moments].count("comment: looked at it") == 1


def test_mean_times_are_told_in_seconds(viewer: httpx.Client, store: Store) -> None:
    means = viewer.get(f"{API}/incidents/means").json()

    assert means["incidents"] == len(uids(store))
    assert means["detect_seconds"] >= 0


def test_incidents_are_merged_and_the_merge_taken_back(analyst: httpx.Client, store: Store) -> None:
    one, other = uids(store)[:2]
    wish = {"uids": [one, other], "reason": "One person"}
    keyed = headers(analyst, **{"Idempotency-Key": "merge-1"})

    merged = analyst.post(f"{API}/incidents/merge", json=wish, headers=keyed).json()
    again = analyst.post(f"{API}/incidents/merge", json=wish, headers=keyed).json()
    [decision] = analyst.get(f"{API}/incidents/{merged['uid']}/decisions").json()
    back = analyst.post(
        f"{API}/decisions/{decision['uid']}/undo", json={"reason": "No"}, headers=headers(analyst)
    )

    assert merged == again
    assert (decision["kind"], decision["actor"], decision["reason"]) == (
        "merge", "analyst", "One person",
    )  # fmt: skip
    assert back.status_code == 200
    assert {one, other} <= set(uids(store))


def test_an_incident_is_split(analyst: httpx.Client, store: Store) -> None:
    rows = store.incidents.list(IncidentFilter(), EVERYTHING).rows
    whole = max(rows, key=lambda each: each.finding_count)
    path = f"{API}/incidents/{whole.uid}/split"
    wish = {"finding_uids": [whole.finding_uids[0]], "reason": "Another matter"}

    new = analyst.post(path, json=wish, headers=headers(analyst))
    empty = analyst.post(path, json={"reason": "x"}, headers=headers(analyst))

    assert new.json()["finding_uids"] == [whole.finding_uids[0]]
    assert (empty.status_code, new.json()["uid"] == whole.uid) == (409, False)
    kept = analyst.get(f"{API}/incidents/{whole.uid}").json()
    assert kept["finding_count"] == whole.finding_count - 1


def test_figures_count_means_and_clocks_of_all_incidents(
    viewer: httpx.Client, store: Store
) -> None:
    told = viewer.get(f"{API}/incidents/figures", params={"since": "2020-01-01T00:00:00Z"}).json()

    assert told["means"]["incidents"] == len(uids(store))
    assert [each["name"] for each in told["clocks"]] == ["acknowledge", "close", "report"]
    assert told["means"]["detect_seconds"] is not None
