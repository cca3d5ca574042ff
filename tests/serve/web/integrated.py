"""Settings and a store with notifiers, a ticket, a forwarder and a schedule, some of it refused."""

from datetime import timedelta
from pathlib import Path

from tests.serve.web import seed
from tocsin.ocsf import EVERYTHING
from tocsin.respond.notifying import Route
from tocsin.respond.notifying.tickets import TicketPolicy
from tocsin.run.notifying import routes_of
from tocsin.settings import Settings, load
from tocsin.store import IncidentFilter, Store

SECRET = "hunter2-of-no-one"  # noqa: S105 - obviously none
MINUTE = timedelta(minutes=1)
FILE = """\
data: data
notifiers:
  - {name: hook, kind: webhook, url: {env: HOOK}, allow_private: [127.0.0.0/8]}
  - {name: chat, kind: webhook, url: {env: HOOK}, allow_private: [127.0.0.0/8]}
routes:
  - {name: on-call, notifiers: [hook], min_severity: low, digest: 30m}
  - {name: team, notifiers: [hook], min_severity: low}
tickets:
  - name: desk
    kind: jira
    url: https://example.atlassian.net
    project: SEC
    user: tocsin@example.org
    token: {env: HOOK}
forwarders:
  - {name: lake, kind: splunk_hec, url: "https://splunk.example.org:8088", token: {env: HOOK}}
"""


def settings_in(folder: Path, port: int = 9) -> Settings:
    """Return settings whose notifiers post to a port of this machine."""
    path = folder / "tocsin.yaml"
    path.write_text(FILE)
    return load(path, {"HOOK": f"http://127.0.0.1:{port}/{SECRET}"})


def fill(store: Store, settings: Settings, problem: str, url: str) -> str:
    """Write a parked message, a ticket and a schedule; return the incident of the ticket."""
    incident = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0]
    now = incident.updated_time + MINUTE
    while store.outbox.route(routes_of(settings), now):
        pass
    store.outbox.bundle(routes_of(settings), now)
    message = store.outbox.lease("hook", now, MINUTE)
    assert message is not None
    store.outbox.failed(message, problem, None)
    store.tickets.register(["desk"])
    with store._database.write() as connection:
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO ticket_news (incident_uid) VALUES (?)", (incident.uid,)
        )
    none = timedelta(0)
    store.tickets.mark_due({"desk": TicketPolicy(Route("desk", ("desk",)), none)}, now)
    work = store.tickets.lease("desk", none, now, MINUTE)
    assert work is not None
    store.tickets.opened(work, "1", "SEC-1", url, now, is_open=True)
    store.schedules.plan("tickets", "*/5 * * * *", lambda last: last + MINUTE, seed.NOW)
    return work.incident.uid
