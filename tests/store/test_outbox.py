"""What is told survives every end of the process, and is told once or under the same key."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.store.tables import NOON, batch, finding, group, normalized, turn
from tocsin.incidents import Change
from tocsin.ocsf import EVERYTHING
from tocsin.respond.notifying import TRIES, Route
from tocsin.store import IncidentFilter, Store
from tocsin.store.answers import Asking
from tocsin.store.outbox import STALE, Outgoing

ALL = Route("all", ("chat",))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


def commit_findings(store, findings, *, is_told=True, group=group) -> None:
    with store.turns.lock():
        windows = store.turns.windows()
        one = replace(turn(store, batch(), normalized(), findings=findings), is_told=is_told)
        store.turns.commit([one], windows, group)


def later(**stretch: float) -> datetime:
    return NOON + timedelta(**stretch)


def spoken(store: Store, *routes: Route, now: datetime = NOON) -> list[Outgoing]:
    while store.outbox.route(routes or (ALL,), now):
        pass
    store.outbox.bundle(routes or (ALL,), now)
    return list(store.outbox.list(limit=1000))


def about(*users: str, severity: int = 4, **values) -> Sequence[dict]:
    return [
        finding(
            user, entity={"type": "user", "uid": user, "name": user}, severity_id=severity, **values
        )
        for user in users
    ]


def test_an_incident_of_a_turn_is_told_once(store):
    commit_findings(store, about("alice"))

    (message,) = spoken(store)
    assert message.title == "[High] New incident: Something happened: alice"
    assert (message.target, message.stage, message.state) == ("chat", "opened", "waiting")
    assert message.incident_uid == store.incidents.list(IncidentFilter(), EVERYTHING).rows[0].uid
    assert spoken(store, now=later(minutes=10)) == [message]


def test_loaded_history_is_told_to_nobody(store):
    commit_findings(store, about("alice"), is_told=False)

    assert spoken(store) == []


def test_what_is_no_alert_is_told_to_nobody(store):
    commit_findings(store, about("alice", is_alert=False))

    assert spoken(store) == []


def test_more_of_the_same_is_no_news_and_a_higher_severity_is(store):
    commit_findings(store, about("alice"))
    spoken(store)
    commit_findings(store, about("alice", rule_uid="rule-2", uid="fnd_2"))
    assert len(spoken(store)) == 1

    commit_findings(store, about("alice", severity=5, rule_uid="rule-3", uid="fnd_3"))

    assert sorted(each.stage for each in spoken(store)) == ["grown", "opened"]


def test_the_end_and_the_return_of_an_incident_are_told(store):
    commit_findings(store, about("alice"))
    (opened,) = spoken(store)

    for status in ("Resolved", "In Progress"):
        store.incidents.change(
            opened.incident_uid, Change(status=status), "bob", later(minutes=1), EVERYTHING
        )
        spoken(store)

    assert sorted(each.stage for each in store.outbox.list()) == ["closed", "opened", "reopened"]


def test_a_turn_that_fails_tells_nothing(store):
    def broken(*args, **named):
        raise RuntimeError("grouping failed")

    with pytest.raises(RuntimeError):
        commit_findings(store, about("alice"), group=broken)

    assert spoken(store) == []


def test_what_nobody_looked_at_for_a_day_is_no_news(store):
    commit_findings(store, about("alice"))

    assert spoken(store, now=NOON + STALE + MINUTE) == []


def test_without_routes_nothing_piles_up(store):
    commit_findings(store, about("alice"))
    while store.outbox.route((), NOON):
        pass

    assert spoken(store) == []


def test_routes_choose_by_the_sources_of_the_findings(store):
    commit_findings(store, about("alice"))

    cloud = Route("cloud", ("chat",), sources=("aws.*",))
    other = Route("other", ("mail",), sources=("okta.*",))
    assert [each.route for each in spoken(store, cloud, other)] == ["cloud"]


def test_a_message_goes_to_each_target_under_one_key(store):
    commit_findings(store, about("alice"))

    messages = spoken(store, replace(ALL, targets=("chat", "mail")))
    assert sorted(each.target for each in messages) == ["chat", "mail"]
    assert len({each.uid for each in messages}) == 1


def test_a_flood_is_a_digest_and_its_counts_are_exact(store):
    commit_findings(store, about(*(f"user-{number}" for number in range(600))))

    (message,) = spoken(store)
    assert message.title == "[High] 600 incidents"
    assert (message.stage, message.count, message.incident_uid) == ("digest", 600, "")
    assert store.outbox.held() == {}


def test_an_allowance_survives_a_restart(tmp_path):
    with Store.open(tmp_path / "other") as first:
        for number in range(5):
            commit_findings(first, about(f"user-{number}"))
            spoken(first)
    with Store.open(tmp_path / "other") as second:
        commit_findings(second, about("alice"))
        assert len(spoken(second)) == 5
        assert second.outbox.held() == {"all": 1}
        assert len(spoken(second, now=later(minutes=5))) == 6


def test_a_message_is_leased_once_and_again_after_its_lease(store):
    commit_findings(store, about("alice"))
    spoken(store)

    first = store.outbox.lease("chat", NOON, MINUTE)
    assert store.outbox.lease("chat", later(seconds=59), MINUTE) is None
    again = store.outbox.lease("chat", later(seconds=60), MINUTE)

    assert first is not None
    assert again is not None
    assert again.uid == first.uid
    assert (first.attempts, again.attempts) == (1, 2)


def test_the_most_severe_message_goes_first(store):
    commit_findings(store, about("alice"))
    spoken(store)
    commit_findings(store, about("mallory", severity=5))
    spoken(store)

    leased = store.outbox.lease("chat", NOON, MINUTE)

    assert leased is not None
    assert "mallory" in leased.title


def test_a_sent_message_is_never_leased_again(store):
    commit_findings(store, about("alice"))
    spoken(store)
    leased = store.outbox.lease("chat", NOON, MINUTE)
    assert leased is not None

    store.outbox.sent(leased, later(seconds=1))

    assert store.outbox.lease("chat", later(days=1), MINUTE) is None
    assert store.outbox.counts() == {("chat", "sent"): 1}


def test_a_parked_message_waits_for_a_person(store):
    commit_findings(store, about("alice"))
    spoken(store)
    leased = store.outbox.lease("chat", NOON, MINUTE)
    assert leased is not None

    store.outbox.failed(leased, "status 400", None)

    assert store.outbox.lease("chat", later(days=1), MINUTE) is None
    assert [each.problem for each in store.outbox.list("parked")] == ["status 400"]
    assert store.leaving.retry_messages(Asking("bob", NOON), "mail") == 0
    assert store.leaving.retry_messages(Asking("bob", NOON), "chat") == 1
    again = store.outbox.lease("chat", later(days=1), MINUTE)
    assert again is not None
    assert (again.uid, again.attempts) == (leased.uid, 1)


def test_a_message_that_ends_the_process_each_time_is_parked(store):
    commit_findings(store, about("alice"))
    spoken(store)
    for number in range(TRIES):
        assert store.outbox.lease("chat", later(hours=number), MINUTE) is not None

    assert store.outbox.lease("chat", later(days=1), MINUTE) is None
    assert "ended each time" in store.outbox.list("parked")[0].problem


def test_what_was_told_long_ago_is_dropped_and_what_waits_is_kept(store):
    commit_findings(store, about("alice", "bob"))
    spoken(store)
    leased = store.outbox.lease("chat", NOON, MINUTE)
    assert leased is not None
    store.outbox.sent(leased, NOON)

    store.outbox.forget(later(days=31))

    assert [each.state for each in store.outbox.list()] == ["waiting"]
