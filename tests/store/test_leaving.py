"""Messages and tickets are given page by page, and what is asked for once counts once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.store.tables import NOON
from tests.store.test_outbox import ALL, about, commit_findings, spoken
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.respond.notifying import Route
from tocsin.respond.notifying.tickets import TicketPolicy
from tocsin.store import IncidentFilter, Store
from tocsin.store.answers import Asking, Once, WhichMessages, WhichTickets

MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        commit_findings(opened, about("alice", "bob", "carol", severity=5))
        yield opened


def parked(store: Store, *routes: Route) -> None:
    for message in spoken(store, *routes):
        store.outbox.failed(message, "status 400", None)


def actions(store: Store) -> list[tuple[str, str, str]]:
    rows = store.audit.list(EVERYTHING).rows
    return [(row.actor, row.action, row.object) for row in rows if row.actor != "Tocsin"]


def test_messages_are_given_page_by_page_each_once(store):
    parked(store, Route("all", ("chat", "mail"), urgent_id=6))
    whole = store.leaving.messages(WhichMessages(), EVERYTHING).rows
    seen, cursor = [], None
    while True:
        page = store.leaving.messages(WhichMessages(), EVERYTHING, limit=1, cursor=cursor)
        seen += page.rows
        cursor = page.cursor
        if cursor is None:
            break

    assert tuple(seen) == whole
    assert len({(one.uid, one.target) for one in seen}) == len(seen) >= 2
    mail = store.leaving.messages(WhichMessages(target="mail"), EVERYTHING).rows
    assert {one.target for one in mail} == {"mail"}
    assert store.leaving.messages(WhichMessages(state="sent"), EVERYTHING).rows == ()


def test_a_cursor_of_another_question_is_refused(store):
    parked(store, Route("all", ("chat", "mail"), urgent_id=6))
    cursor = store.leaving.messages(WhichMessages(), EVERYTHING, limit=1).cursor

    with pytest.raises(UsageError, match="another query"):
        store.leaving.messages(WhichMessages("sent"), EVERYTHING, cursor=cursor)


def test_messages_are_kept_from_those_who_do_not_see_all(store):
    parked(store)

    assert store.leaving.messages(WhichMessages(), Scope(accounts=frozenset({"1"}))).rows == ()


def test_a_retry_with_a_key_counts_once_and_stands_in_the_audit_log(store):
    parked(store, ALL)
    asking = Asking("ada", NOON, Once.of("key-1", "retry"))
    count = store.leaving.retry_messages(asking, "chat")
    parked(store)

    assert store.leaving.retry_messages(asking, "chat") == count > 0
    assert store.leaving.by_route()["all", "parked"] == count
    assert actions(store) == [("ada", "notify.retry", "chat")]
    with pytest.raises(UsageError, match="another request"):
        store.leaving.retry_messages(Asking("ada", NOON, Once.of("key-1", "other")))


def test_one_message_alone_is_tried_again(store):
    parked(store, Route("all", ("chat", "mail"), urgent_id=6))
    one = store.leaving.messages(WhichMessages("parked", "mail"), EVERYTHING).rows[0]

    assert store.leaving.retry_messages(Asking("ada", NOON), "mail", one.uid) == 1
    assert store.leaving.messages(WhichMessages("waiting"), EVERYTHING).rows[0].uid == one.uid


def test_tickets_are_given_page_by_page_to_those_who_see_their_incidents(store):
    store.tickets.register(["jira", "github"])
    incident = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0]
    with store._database.write() as connection:
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO ticket_news (incident_uid) VALUES (?)", (incident.uid,)
        )
    both = {name: TicketPolicy(Route(name, (name,)), timedelta(0)) for name in ("jira", "github")}
    store.tickets.mark_due(both, NOON)
    first = store.leaving.tickets(WhichTickets(), EVERYTHING, limit=1)
    rest = store.leaving.tickets(WhichTickets(), EVERYTHING, cursor=first.cursor)

    systems = [(one.incident_uid, one.system) for one in (*first.rows, *rest.rows)]
    assert systems == sorted(set(systems))
    assert {system for _, system in systems} == {"github", "jira"}
    assert store.leaving.tickets(WhichTickets(), Scope(accounts=frozenset({"1"}))).rows == ()
    assert store.leaving.retry_tickets(Asking("ada", NOON), "jira") == 0
    work = store.tickets.lease("jira", timedelta(0), NOON, MINUTE)
    assert work is not None
    store.tickets.failed(work, "status 400", None, is_refused=True)
    assert store.leaving.retry_tickets(Asking("ada", NOON), "jira") == 1
