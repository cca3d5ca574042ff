"""Ways out in the API and on their page: honest, without secrets, and tried again once."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.act.servers import Server, serve
from tests.serve.web import integrated, seed
from tests.serve.web.conftest import (
    PASSWORD,
    add_people,
    console_over,
    csrf_of,
    served,
    signed_in,
)
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.serve.web import create_app
from tocsin.store import Store

API = "/api/v1"
URL = "https://example.atlassian.net/browse/SEC-1"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Server]:
    with serve() as found:
        yield found


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, receiver: Server
) -> Iterator[tuple[str, Store]]:
    folder = tmp_path_factory.mktemp("integrated")
    settings = integrated.settings_in(folder, receiver.port)
    with Store.open(folder / "data") as store:
        seed.fill(store)
        add_people(store)
        integrated.fill(store, settings, "status 403: <b>no</b>", URL)
        with served(create_app(console_over(store, settings))) as address:
            yield address, store


@pytest.fixture
def store(filled: tuple[str, Store]) -> Store:
    return filled[1]


@pytest.fixture
def analyst(filled: tuple[str, Store]) -> Iterator[httpx.Client]:
    with signed_in(filled[0], "analyst") as client:
        yield client


@pytest.fixture
def viewer(filled: tuple[str, Store]) -> Iterator[httpx.Client]:
    with signed_in(filled[0], "viewer") as client:
        yield client


def sent(client: httpx.Client, path: str, body: object, key: str = "") -> httpx.Response:
    headers = {"X-CSRF-Token": csrf_of(client)} | ({"Idempotency-Key": key} if key else {})
    return client.post(f"{API}{path}", json=body, headers=headers)


def pressed(client: httpx.Client, **form: str) -> httpx.Response:
    return client.post("/integrations", data={"csrf": csrf_of(client), **form})


def audited(store: Store, action: str) -> list[tuple[str, str]]:
    rows = store.audit.list(EVERYTHING).rows
    return [(row.actor, row.object) for row in rows if row.action == action]


def test_everything_that_leaves_is_listed_without_secrets(viewer: httpx.Client) -> None:
    names = ("notifiers", "routes", "messages", "tickets", "tickets/systems", "forwarders")
    texts = {name: viewer.get(f"{API}/{name}") for name in (*names, "schedules")}

    assert {answer.status_code for answer in texts.values()} == {200}
    assert not any(integrated.SECRET in answer.text for answer in texts.values())
    assert [one["name"] for one in texts["notifiers"].json()] == ["hook", "chat"]
    on_call, team = texts["routes"].json()
    assert (on_call["name"], on_call["digest_seconds"]) == ("on-call", 1800.0)
    assert (team["severity"], team["notifiers"]) == ("Low", ["hook"])
    assert on_call["held"] + on_call["sent"] + on_call["waiting"] + on_call["parked"] > 0
    (ticket,) = texts["tickets"].json()["items"]
    assert (ticket["key"], ticket["url"], ticket["is_open"]) == ("SEC-1", URL, True)
    (system,) = texts["tickets/systems"].json()
    assert (system["name"], system["min_severity"]) == ("desk", "high")
    (forwarder,) = texts["forwarders"].json()
    assert (forwarder["name"], forwarder["does"], forwarder["waiting"]) == ("lake", "never run", 0)
    (schedule,) = texts["schedules"].json()
    assert (schedule["name"], schedule["ended_time"]) == ("tickets", None)


def test_a_refused_message_is_tried_again_once_by_its_key(
    analyst: httpx.Client, store: Store
) -> None:
    (parked,) = analyst.get(f"{API}/messages", params={"state": "parked"}).json()["items"]
    assert (parked["problem"], parked["notifier"]) == ("status 403: <b>no</b>", "hook")
    body = {"notifier": "hook", "uid": parked["uid"]}

    answers = [sent(analyst, "/messages/retry", body, "retry-1") for _ in range(2)]

    assert [answer.json() for answer in answers] == [{"count": 1}, {"count": 1}]
    assert audited(store, "notify.retry") == [("analyst", "hook")]
    assert sent(analyst, "/messages/retry", {"notifier": "chat"}, "retry-1").status_code == 400
    assert analyst.get(f"{API}/messages", params={"state": "parked"}).json()["items"] == []
    message = store.outbox.lease("hook", seed.NOW + integrated.MINUTE, integrated.MINUTE)
    assert message is not None
    store.outbox.failed(message, "status 403: <b>no</b>", None)


def test_tickets_and_forwarders_are_tried_again(analyst: httpx.Client, store: Store) -> None:
    assert sent(analyst, "/tickets/retry", {"system": "desk"}, "t-1").json() == {"count": 0}
    assert ("analyst", "desk") in audited(store, "ticket.retry")
    assert sent(analyst, "/forwarders/lake/retry", {}).status_code == 404
    store.forwarding.register(["lake"])
    assert sent(analyst, "/forwarders/lake/retry", {}).json() == {"count": 0}
    assert audited(store, "forwarder.replay") == [("analyst", "lake")]
    store.forwarding.register([])


def test_a_test_message_arrives_and_a_refusal_says_why(
    analyst: httpx.Client, store: Store, receiver: Server
) -> None:
    before = len(receiver.seen)
    assert sent(analyst, "/notifiers/hook/test", {}).json() == {"name": "hook"}
    assert len(receiver.seen) == before + 1
    receiver.status = 403
    refused = sent(analyst, "/notifiers/hook/test", {})
    receiver.status = 200

    assert refused.status_code == 409
    assert "status 403" in refused.json()["error"]["message"]
    assert integrated.SECRET not in refused.text
    assert sent(analyst, "/notifiers/lost/test", {}).status_code == 404
    assert audited(store, "notify.test") == [("analyst", "hook")] * 2


def test_a_viewer_sees_and_changes_nothing(viewer: httpx.Client) -> None:
    assert sent(viewer, "/messages/retry", {}).status_code == 403
    assert sent(viewer, "/notifiers/hook/test", {}).status_code == 403
    assert pressed(viewer, do="messages").status_code == 403
    assert '<button class="btn btn-quiet">' not in viewer.get("/integrations").text


def test_a_limited_person_reads_no_messages_and_no_reasons(
    filled: tuple[str, Store], store: Store
) -> None:
    scope = Scope(accounts=frozenset({"999900001111"}))
    store.accounts.add_user("limited", PASSWORD, "viewer", "admin", seed.NOW, scope=scope)
    with signed_in(filled[0], "limited") as client:
        assert client.get(f"{API}/messages").json() == {"items": [], "next_cursor": None}
        assert client.get(f"{API}/tickets").json()["items"] == []
        page = client.get("/integrations").text

    assert "status 403" not in page
    assert "SEC-1" not in page


def test_the_page_shows_all_four_and_escapes_reasons(viewer: httpx.Client) -> None:
    page = viewer.get("/integrations")

    assert page.status_code == 200
    for name in ("messages", "tickets", "forwarding", "schedules"):
        assert f'id="{name}"' in page.text
    assert "&lt;b&gt;no&lt;/b&gt;" in page.text
    assert f'href="{URL}"' in page.text
    assert "nothing: no route names it" in page.text
    assert integrated.SECRET not in page.text


def test_the_page_tests_and_tries_again(
    analyst: httpx.Client, store: Store, receiver: Server
) -> None:
    before = len(receiver.seen)
    assert pressed(analyst, do="test", name="hook").headers["location"].endswith("done=tested")
    assert len(receiver.seen) == before + 1
    assert pressed(analyst, do="messages", name="hook").status_code == 303
    assert store.outbox.list("parked") == ()
    assert pressed(analyst, do="tickets", name="desk").status_code == 303
    refused = pressed(analyst, do="test", name="lost")
    assert (refused.status_code, "choose one of hook, chat" in refused.text) == (400, True)
    assert pressed(analyst, do="sing").status_code == 400


def test_empty_sections_name_their_guides(viewer: httpx.Client, empty_store: Store) -> None:
    add_people(empty_store)
    with (
        served(create_app(console_over(empty_store))) as address,
        signed_in(address, "viewer") as client,
    ):
        page = client.get("/integrations").text

    guides = Path(__file__).resolve().parents[3] / "docs" / "guides"
    for name in ("notify", "connect-tickets", "forward-to-a-siem", "operate"):
        assert f"docs/guides/{name}.md" in page
        assert (guides / f"{name}.md").is_file()


def test_the_page_of_an_incident_shows_its_ticket(viewer: httpx.Client) -> None:
    (ticket,) = viewer.get(f"{API}/tickets").json()["items"]
    page = viewer.get(f"/incidents/{ticket['incident_uid']}").text

    assert f'href="{URL}"' in page
    assert ">SEC-1</a>" in page
