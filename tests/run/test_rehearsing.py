"""History and ledger say what a playbook would have done, and how often wrongly."""

from dataclasses import replace
from datetime import timedelta

from tests.run.batches import batch
from tests.run.crank import NOW, stopped_trail, turned
from tests.run.proposals import key_playbook, with_playbooks
from tocsin.incidents import Change
from tocsin.ocsf import EVERYTHING
from tocsin.run.rehearsing import ledger, rehearse
from tocsin.run.tools import Tools
from tocsin.store import Store

LATER = NOW + timedelta(hours=1)
SINCE = NOW - timedelta(days=30)


def of_user(name: str) -> dict[str, object]:
    record = stopped_trail(user=name)
    record["userIdentity"] = {**record["userIdentity"], "accessKeyId": f"AKIA{name.upper()}"}
    return record | {"requestParameters": {"name": f"trail-of-{name}"}}


def filled(tools: Tools, store: Store) -> None:
    """Two incidents of history; the first turned out to be harmless."""
    told = replace(tools, is_told=False)
    changed = turned(told, store, batch(of_user("ann"), of_user("ben"))).changed
    closing = Change(status="Closed", verdict="False Positive", reason="a planned move")
    store.incidents.change(changed[0].uid, closing, "olga", LATER, EVERYTHING)


def test_history_says_what_a_playbook_would_have_done(tools: Tools, store: Store, tmp_path):
    filled(tools, store)
    armed = with_playbooks(tools, tmp_path, key_playbook("observe"))
    settings = armed.proposing._settings

    (told,) = rehearse(settings, store, EVERYTHING, SINCE, LATER)

    assert (told.actions, told.incidents, told.closed, told.false) == (2, 2, 1, 1)
    assert sorted(told.targets) == ["access_key AKIAANN", "access_key AKIABEN"]
    assert store.requests.list(EVERYTHING) == ()


def test_history_counts_the_caps(tools: Tools, store: Store, tmp_path):
    filled(tools, store)
    armed = with_playbooks(tools, tmp_path, key_playbook("observe", limits={"per_ten_minutes": 1}))

    (told,) = rehearse(armed.proposing._settings, store, EVERYTHING, SINCE, LATER)

    assert (told.actions, told.stops) == (1, 1)


def test_the_ledger_says_what_a_playbook_has_written_down(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, key_playbook("observe"))
    turned(armed, store, batch(of_user("ann")))

    (told,) = ledger(armed.proposing._settings, store, SINCE)

    assert (told.mode, told.actions, told.incidents, told.closed) == ("observe", 1, 1, 0)


def test_the_ledger_counts_what_was_closed_as_false(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, key_playbook("observe"))
    changed = turned(armed, store, batch(of_user("ann"), of_user("ben"))).changed
    for incident, verdict in zip(changed, ("False Positive", "True Positive"), strict=True):
        closing = Change(status="Closed", verdict=verdict, reason="looked into")
        store.incidents.change(incident.uid, closing, "olga", LATER, EVERYTHING)

    (told,) = ledger(armed.proposing._settings, store, SINCE)

    assert (told.actions, told.incidents, told.closed, told.false) == (2, 2, 2, 1)
