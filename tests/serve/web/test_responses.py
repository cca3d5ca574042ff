"""Action requests on their pages and over the API: read, approved, refused, taken back, stopped."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.serve.web import seed, wishes
from tests.serve.web.conftest import (
    add_people,
    console_over,
    csrf_of,
    served,
    signed_in,
    visitor,
)
from tocsin.ocsf import EVERYTHING
from tocsin.respond.actions import Change, Plan
from tocsin.serve.web import create_app
from tocsin.store import Store

API = "/api/v1/responses"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        add_people(opened)
        yield opened


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    with served(create_app(console_over(store))) as found:
        yield found


@pytest.fixture
def analyst(address: str) -> Iterator[httpx.Client]:
    with signed_in(address, "analyst") as client:
        yield client


@pytest.fixture
def viewer(address: str) -> Iterator[httpx.Client]:
    with signed_in(address, "viewer") as client:
        yield client


def headers(client: httpx.Client, **more: str) -> dict[str, str]:
    return {"X-CSRF-Token": csrf_of(client), **more}


def sent(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client), **form})


def digest_of(store: Store, uid: str) -> str:
    kept = store.requests.get(uid, EVERYTHING)
    assert kept is not None
    return kept.digest


def state_of(store: Store, uid: str) -> str:
    kept = store.requests.get(uid, EVERYTHING)
    assert kept is not None
    return kept.request.state


def audited(store: Store) -> list[str]:
    return [row.action for row in store.audit.list(EVERYTHING).rows if "respond" in row.action]


def test_a_plan_is_shown_whole_and_approved_by_its_digest(
    store: Store, analyst: httpx.Client
) -> None:
    wishes.put(store, "req_1")

    page = analyst.get("/responses/req_1").text
    for text in (
        "Disable an access key",
        "named by the finding",
        "access key of mallory",
        "Inactive",
        "What uses this key stops working.",
        "iam.update_access_key",
        "iam:UpdateAccessKey",
        "1 person must still approve",
        digest_of(store, "req_1"),
    ):
        assert text in page
    answer = sent(
        analyst,
        "/responses/req_1",
        do="approve",
        digest=digest_of(store, "req_1"),
        reason="it is in a public repository",
    )

    assert answer.headers["location"] == "/responses/req_1?done=approved"
    assert state_of(store, "req_1") == "approved"
    page = analyst.get("/responses/req_1").text
    assert "approves: it is in a public repository" in page
    assert 'value="approve"' not in page


def test_the_api_shows_what_a_person_needs_to_decide(store: Store, viewer: httpx.Client) -> None:
    made = wishes.put(store, "req_1")

    told = viewer.get(f"{API}/req_1").json()

    assert (told["state"], told["missing_approvals"]) == ("proposed", 1)
    assert told["digest"] == digest_of(store, "req_1")
    assert told["plan"]["changes"][0]["after"] == "Inactive"
    assert told["plan"]["calls"][0]["parameters"]["Status"] == "Inactive"
    assert told["target"]["uid"] == made.target.uid
    assert "iam:UpdateAccessKey" in [each["permission"] for each in told["rights"]]
    assert [each["who"] for each in told["history"]] == ["playbook:leaked_access_key", "tocsin"]


def test_a_changed_plan_is_not_approved(store: Store, analyst: httpx.Client) -> None:
    made = wishes.put(store, "req_1")
    seen = digest_of(store, "req_1")
    lease = store.request_work.lease("tests", seed.NOW)
    assert lease is not None
    other = Plan(wishes.PLAN.calls, (Change("access key of mallory", "Active", "gone"),))
    store.request_work.planned(lease, made, other, 1, seed.NOW)

    page = sent(analyst, "/responses/req_1", do="approve", digest=seen)
    answer = analyst.post(f"{API}/req_1/approve", json={"digest": seen}, headers=headers(analyst))

    assert (page.status_code, answer.status_code) == (409, 409)
    assert "the plan has changed" in page.text
    assert "the plan has changed" in answer.json()["error"]["message"]
    assert state_of(store, "req_1") == "proposed"
    assert store.requests.approvals("req_1") == ()


def test_a_person_does_not_approve_what_they_asked_for(store: Store, address: str) -> None:
    wishes.put(store, "req_1", author="local:analyst", playbook_uid="")
    with signed_in(address, "analyst") as author, signed_in(address, "admin") as other:
        body = {"digest": digest_of(store, "req_1")}
        own = author.post(f"{API}/req_1/approve", json=body, headers=headers(author))
        page = author.get("/responses/req_1").text
        second = other.post(f"{API}/req_1/approve", json=body, headers=headers(other))

    assert (own.status_code, second.status_code) == (409, 200)
    assert "somebody else must approve" in page
    assert 'value="approve"' not in page
    assert second.json()["state"] == "approved"


def test_a_destructive_one_needs_two(store: Store, address: str) -> None:
    wishes.put(store, "req_1", needed_approvals=2)
    with signed_in(address, "analyst") as one, signed_in(address, "admin") as two:
        body = {"digest": digest_of(store, "req_1")}
        first = one.post(f"{API}/req_1/approve", json=body, headers=headers(one))
        again = one.post(f"{API}/req_1/approve", json=body, headers=headers(one))
        second = two.post(f"{API}/req_1/approve", json=body, headers=headers(two))

    assert (first.json()["state"], first.json()["missing_approvals"]) == ("proposed", 1)
    assert again.status_code == 409
    assert second.json()["state"] == "approved"


def test_a_team_of_one_may_put_a_delay_in_place_of_the_other_person(store: Store) -> None:
    wishes.put(store, "req_1", author="analyst", playbook_uid="")
    console = console_over(store, lone_delay=timedelta(minutes=15))
    with served(create_app(console)) as address, signed_in(address, "analyst") as author:
        body = {"digest": digest_of(store, "req_1")}
        answer = author.post(f"{API}/req_1/approve", json=body, headers=headers(author))
        page = author.get("/responses/req_1").text

    assert (answer.status_code, answer.json()["state"]) == (200, "proposed")
    assert "or nobody else from 2026-11-23 09:45:00 UTC on" in page


def test_repeated_words_count_once(store: Store, analyst: httpx.Client) -> None:
    wishes.put(store, "req_1", needed_approvals=2)
    keyed = headers(analyst, **{"Idempotency-Key": "word-1"})
    body = {"digest": digest_of(store, "req_1")}

    first = analyst.post(f"{API}/req_1/approve", json=body, headers=keyed)
    again = analyst.post(f"{API}/req_1/approve", json=body, headers=keyed)
    other = analyst.post(f"{API}/req_1/refuse", json={"reason": "no"}, headers=keyed)

    assert (first.status_code, again.json()) == (200, first.json())
    assert other.status_code == 409
    assert len(store.requests.approvals("req_1")) == 1


def test_a_request_is_refused_with_a_reason(store: Store, analyst: httpx.Client) -> None:
    wishes.put(store, "req_1")
    wishes.put(store, "req_2")

    silent = sent(analyst, "/responses/req_1", do="refuse", reason="  ")
    page = sent(analyst, "/responses/req_1", do="refuse", reason="it is the build's")
    answer = analyst.post(f"{API}/req_2/refuse", json={"reason": "no"}, headers=headers(analyst))

    assert (silent.status_code, page.status_code, answer.status_code) == (409, 303, 200)
    assert state_of(store, "req_1") == state_of(store, "req_2") == "refused"
    assert audited(store) == ["respond.refuse", "respond.refuse"] + ["respond.request"] * 2


def test_what_was_done_is_taken_back_once(store: Store, analyst: httpx.Client) -> None:
    wishes.put(store, "req_1")
    wishes.carry_out(store, "req_1")

    page = analyst.get("/responses/req_1").text
    assert "It is taken back by itself in 1h" in page and "done and read back" in page
    answer = sent(analyst, "/responses/req_1", do="undo", reason="a false alarm")
    kept = store.requests.get("req_1", EVERYTHING)

    assert answer.headers["location"] == "/responses/req_1?done=undone"
    assert kept is not None and kept.undo_by == "analyst"
    told = analyst.get(f"{API}/req_1").json()
    assert told["calls"][0]["outcome"] == "done"
    assert told["history"][-1]["detail"] == "to be taken back: a false alarm"


def test_nothing_is_taken_back_that_was_not_done(store: Store, analyst: httpx.Client) -> None:
    wishes.put(store, "req_1")

    answer = analyst.post(f"{API}/req_1/undo", json={"reason": "x"}, headers=headers(analyst))

    assert answer.status_code == 409
    assert "nothing to take back" in answer.json()["error"]["message"]


def test_everything_is_stopped_and_goes_on(store: Store, analyst: httpx.Client) -> None:
    silent = sent(analyst, "/responses/stop", reason="")
    assert (silent.status_code, store.response_stop.is_set) == (409, False)

    sent(analyst, "/responses/stop", reason="we look into it")
    assert store.response_stop.is_set
    page = analyst.get("/responses").text
    assert "Responding is stopped" in page and "we look into it" in page and "analyst" in page
    told = analyst.get(f"{API}/switch").json()
    assert (told["is_stopped"], told["who"], told["since"]) == (
        True,
        "analyst",
        "2026-11-23T09:30:00Z",
    )
    on = analyst.post(f"{API}/resume", json={"reason": "done"}, headers=headers(analyst))

    assert (on.json()["is_stopped"], store.response_stop.is_set) == (False, False)
    off = analyst.post(f"{API}/stop", json={"reason": "again"}, headers=headers(analyst))
    assert off.json()["reason"] == "again"
    sent(analyst, "/responses/resume", reason="all is well")
    assert not store.response_stop.is_set
    assert audited(store) == ["respond.resume", "respond.stop"] * 2


def test_the_list_tells_first_what_waits_for_the_visitor(store: Store, address: str) -> None:
    wishes.put(store, "req_mine", reason="Reason of mine")
    wishes.put(store, "req_own", author="analyst", playbook_uid="", reason="Reason of my own")
    wishes.put(store, "req_force", reason="Reason in force")
    wishes.carry_out(store, "req_force")
    wishes.put(store, "req_seen", None, state="observed", mode="observe", reason="Reason seen")
    with signed_in(address, "analyst") as analyst, signed_in(address, "viewer") as viewer:
        page, theirs = analyst.get("/responses").text, viewer.get("/responses").text
        observed = analyst.get("/responses", params={"show": "observed"}).text

    heads = [page.index(text) for text in ("Waits for you", "Waits for others", "In force")]
    reasons = ("Reason of mine", "Reason of my own", "Reason in force")
    places = [page.index(text) for text in reasons]
    assert heads[0] < places[0] < heads[1] < places[1] < places[2]
    assert "taken back in 1h" in page and "Reason seen" not in page
    assert "Reason seen" in observed
    assert "Waits for you" not in theirs and "Stop everything" not in theirs


def test_the_api_pages_and_filters(store: Store, viewer: httpx.Client) -> None:
    for number in range(5):
        wishes.put(store, f"req_{number}", incident_uid=f"inc_{number % 2}")
    store.requests.refuse("req_0", "ada", "no", seed.NOW, EVERYTHING)

    found, cursor = [], None
    while True:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = viewer.get(API, params=asked).json()
        found += [each["uid"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    of_one = viewer.get(API, params={"incident": "inc_0", "state": ["proposed"]}).json()["items"]

    assert sorted(found) == [f"req_{number}" for number in range(5)]
    assert found[0] == "req_0"
    assert sorted(each["uid"] for each in of_one) == ["req_2", "req_4"]
    assert viewer.get(API, params={"state": "nonsense"}).status_code == 422
    assert viewer.get(API, params={"stat": "proposed"}).status_code == 422


def test_an_incident_lists_its_requests(store: Store, viewer: httpx.Client) -> None:
    seed.fill(store)
    made = wishes.put(store, "req_1")

    page = viewer.get(f"/incidents/{made.incident_uid}").text

    assert 'href="/responses/req_1"' in page


def test_an_open_page_is_told_when_it_is_out_of_date(store: Store, analyst: httpx.Client) -> None:
    wishes.put(store, "req_1")
    mark = f"proposed {digest_of(store, 'req_1')}"

    same = analyst.get("/parts/responses/req_1", params={"mark": mark})
    store.requests.refuse("req_1", "ada", "no", seed.NOW, EVERYTHING)
    moved = analyst.get("/parts/responses/req_1", params={"mark": mark})

    assert (same.status_code, "HX-Refresh" in same.headers) == (204, False)
    assert moved.headers["HX-Refresh"] == "true"


def test_a_link_of_a_message_leads_through_sign_in_to_the_plan(store: Store, address: str) -> None:
    wishes.put(store, "req_1")
    with visitor(address) as person:
        first = person.get("/responses/req_1")
        assert first.headers["location"] == "/sign-in?next=%2Fresponses%2Freq_1"
        form = {"name": "analyst", "password": "correct horse battery staple"}
        there = person.post("/sign-in", data={**form, "next": "/responses/req_1"})
        for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
            away = person.post("/sign-in", data={**form, "next": elsewhere})
            assert away.headers["location"] == "/"

    assert there.headers["location"] == "/responses/req_1"


@pytest.mark.parametrize("path", ["/responses/none", f"{API}/none", "/responses/req"])
def test_a_request_that_is_not_there_is_not_found(
    store: Store, viewer: httpx.Client, path: str
) -> None:
    wishes.put(store, "req_1")

    assert viewer.get(path).status_code == 404
