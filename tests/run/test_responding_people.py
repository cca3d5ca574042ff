"""What people are asked and what time does in their place, from request to deed."""

from datetime import timedelta

import pytest

from tests.run.response_stage import aws, cloud, moto_url, stage
from tests.store.tables import batch, finding, group, normalized, turn
from tocsin.errors import UsageError
from tocsin.incidents import Change
from tocsin.ocsf import EVERYTHING
from tocsin.run.responding_view import view
from tocsin.store import IncidentFilter

__all__ = ["aws", "cloud", "moto_url", "stage"]


@pytest.fixture
def incident(stage) -> str:
    with stage.store.turns.lock():
        windows = stage.store.turns.windows()
        found = [finding("leak", severity_id=4)]
        stage.store.turns.commit(
            [turn(stage.store, batch(), normalized(), findings=found)], windows, group
        )
    return stage.store.incidents.list(IncidentFilter(), EVERYTHING).rows[0].uid


def with_response(stage, **values) -> None:
    response = stage.settings.response.model_copy(update=values)
    stage.settings = stage.settings.model_copy(update={"response": response})


def change(stage, uid: str, wish: Change) -> None:
    stage.store.incidents.change(uid, wish, "alice", stage.now, EVERYTHING)


def close(stage, uid: str) -> None:
    change(stage, uid, Change(status="Closed", verdict="True Positive", reason="a test"))


def tasks(stage, uid: str):
    found = stage.store.incidents.get(uid, EVERYTHING)
    assert found is not None
    return found.tasks


def needs(stage, uid: str) -> str:
    return view(stage.kept(uid), stage.settings, stage.store, stage.now).needs


def test_what_stays_is_a_task_a_message_and_a_line_once_its_incident_closes(stage, incident):
    with_response(stage, ask=("chat",))
    uid = stage.carried_out(incident_uid=incident)
    asked = len(stage.store.outbox.list())
    stage.turn(2)
    assert (tasks(stage, incident), needs(stage, uid)) == ((), "")

    close(stage, incident)
    stage.turn(3)

    (task,) = tasks(stage, incident)
    assert f"tocsin respond undo {uid}" in task.text
    assert "Disable an access key" in task.text
    assert needs(stage, uid) == "its incident is over: take it back, or leave it so"
    messages = stage.store.outbox.list()
    assert len(messages) == asked + 1
    assert any(one.title.startswith("Still in force: Disable an access key") for one in messages)
    assert (stage.state(uid), stage.status()) == ("active", "Inactive")


def test_the_answer_ends_the_question(stage, incident):
    uid = stage.carried_out(incident_uid=incident)
    close(stage, incident)
    stage.turn()

    stage.undo(uid)
    stage.turn()

    assert (stage.state(uid), stage.status(), needs(stage, uid)) == ("reverted", "Active", "")
    assert [task.is_done for task in tasks(stage, incident)] == [True]


def test_what_may_stay_is_asked_no_more(stage, incident):
    uid = stage.carried_out(incident_uid=incident)
    close(stage, incident)
    stage.turn()

    change(stage, incident, Change(task=1, is_done=True))
    stage.turn(3)

    assert (stage.state(uid), needs(stage, uid)) == ("active", "")
    assert len(tasks(stage, incident)) == 1


def test_a_block_asks_nobody(stage, incident):
    stage.carried_out(incident_uid=incident, lasts=timedelta(hours=1))
    close(stage, incident)

    stage.turn(2)

    assert tasks(stage, incident) == ()


def test_a_death_after_the_task_puts_no_second(stage, incident, monkeypatch):
    uid = stage.carried_out(incident_uid=incident)
    close(stage, incident)
    work = type(stage.store.request_work)
    real = work.asked
    monkeypatch.setattr(work, "asked", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        stage.turn()
    monkeypatch.setattr(work, "asked", real)

    stage.turn(2)

    assert len(tasks(stage, incident)) == 1
    assert stage.kept(uid).asked_time is not None


def test_a_delay_takes_the_second_persons_place_and_that_is_recorded(stage):
    with_response(stage, lone_delay=timedelta(minutes=15))
    uid = stage.put(playbook_uid="", author="alice")
    stage.turn()
    stage.approve(uid, "alice")

    stage.later(minutes=14)
    stage.turn(2)
    assert (stage.state(uid), stage.status()) == ("proposed", "Active")
    assert "nobody else once" in needs(stage, uid)
    stage.later(minutes=1)
    stage.turn(2)

    assert (stage.state(uid), stage.status()) == ("active", "Inactive")
    details = [moment.detail for moment in stage.store.requests.history(uid)]
    assert any("delay" in detail for detail in details), details


def test_without_a_delay_the_author_alone_gets_nowhere(stage):
    uid = stage.put(playbook_uid="", author="alice")
    stage.turn()

    with pytest.raises(UsageError, match="somebody else must approve"):
        stage.approve(uid, "alice")
    stage.later(minutes=29)
    stage.turn(2)

    assert (stage.state(uid), stage.status()) == ("proposed", "Active")


def test_another_person_need_not_wait_for_the_delay(stage):
    with_response(stage, lone_delay=timedelta(minutes=15))
    uid = stage.put(playbook_uid="", author="alice")
    stage.turn()

    stage.approve(uid, "bob")
    stage.turn()

    assert (stage.state(uid), stage.status()) == ("active", "Inactive")
