"""The ticket of an incident stands in the API for everybody who sees the incident."""

from datetime import timedelta

import httpx

from tocsin.ocsf import EVERYTHING
from tocsin.respond.notifying import Route
from tocsin.respond.notifying.tickets import TicketPolicy
from tocsin.store import IncidentFilter, Store

API = "/api/v1"


def test_the_tickets_of_an_incident_are_listed(viewer: httpx.Client, store: Store) -> None:
    incident = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0]
    now, none = incident.updated_time + timedelta(minutes=1), timedelta(0)
    assert viewer.get(f"{API}/incidents/{incident.uid}/tickets").json() == []

    store.tickets.register(["jira"])
    with store._database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO ticket_news (incident_uid) VALUES (?)", (incident.uid,)
        )
    store.tickets.mark_due({"jira": TicketPolicy(Route("jira", ("jira",)), none)}, now)
    work = store.tickets.lease("jira", none, now, timedelta(minutes=1))
    assert work is not None
    store.tickets.opened(work, "1", "SEC-1", "https://jira.example.org/SEC-1", now, is_open=True)
    store.tickets.register([])

    assert viewer.get(f"{API}/incidents/{incident.uid}/tickets").json() == [
        {
            "system": "jira",
            "key": "SEC-1",
            "url": "https://jira.example.org/SEC-1",
            "is_open": True,
            "synced_time": None,
        }
    ]
    assert viewer.get(f"{API}/incidents/none/tickets").status_code == 404
