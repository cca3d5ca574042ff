"""What is known of one entity, from a real store."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.serve.web import seed
from tocsin.errors import UsageError
from tocsin.identity import Statement
from tocsin.ocsf import EVERYTHING, Entity, Scope
from tocsin.run import entities, stories
from tocsin.store import IncidentFilter, Store
from tocsin.store.identities import record

ALICE = Entity("user", "alice", "alice")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("data") / "store") as opened:
        seed.fill(opened)
        yield opened


def user_of(store: Store) -> Entity:
    (found,) = [
        each.entities[0]
        for each in store.incidents.list(IncidentFilter(), EVERYTHING).rows
        if each.entities[0].name == "alice"
    ]
    return found


def test_findings_incidents_links_and_risk_are_told_together(store: Store):
    view = entities.view_of(store, user_of(store), EVERYTHING, seed.NOW)

    assert view.is_known and view.incidents and view.findings.num_rows
    assert [link.entity.name for link in view.portrait.links] == ["svc-report"]
    assert view.portrait.days[-1].risk > 0


def test_who_it_was_is_told_with_the_reason(store: Store):
    key, now = Entity("access_key", "AKIAIOSFODNN7EXAMPLE"), seed.NOW
    told = Statement(
        one=key,
        other=user_of(store),
        relation="key",
        is_same=True,
        since=now,
        until=now,
        before=timedelta(0),
        after=timedelta(0),
        reason="CreateAccessKey",
        scope=seed.ACCOUNT,
    )
    with store._database.write() as connection:
        record(connection, [told])

    seen = entities.view_of(store, user_of(store), EVERYTHING, now).identities
    other = Scope(accounts=frozenset({"444455556666"}))
    unseen = entities.view_of(store, user_of(store), other, now).identities

    assert [(each.one, each.reason) for each in seen] == [(key, "CreateAccessKey")]
    assert unseen == ()


def test_its_events_are_found_in_the_lake(store: Store):
    found = entities.events_of(store, user_of(store), EVERYTHING, seed.NOW)

    assert found.problem == "" and found.events.num_rows
    assert {row["actor"]["user"]["name"] for row in found.events.to_pylist()} == {"alice"}


def test_a_late_search_is_stopped_and_the_events_of_findings_are_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    # The lake of this test answers sooner than any search can be stopped.
    def late(*_: object, **__: object) -> None:
        raise UsageError("stopped after 0.4 s: ask about a shorter time or less")

    monkeypatch.setattr(store.events, "search", late)
    found = entities.events_of(store, user_of(store), EVERYTHING, seed.NOW)

    assert "stopped" in found.problem
    assert found.events.num_rows


def test_a_scope_sees_nothing_of_other_accounts(store: Store):
    scope = Scope(accounts=frozenset({"444455556666"}))

    view = entities.view_of(store, user_of(store), scope, seed.NOW)
    found = entities.events_of(store, user_of(store), scope, seed.NOW)

    assert (view.is_known, found.events.num_rows) == (False, 0)


def test_a_value_cannot_leave_its_quotes():
    query = entities.query_of(Entity("user", 'x" OR status:"Success'), ("actor.user.uid",))

    assert query == r'actor.user.uid:"x\" OR status:\"Success"'


def test_of_types_that_nobody_planned_for_resources_are_searched(store: Store):
    found = entities.events_of(store, Entity("bucket", "quarterly-reports"), EVERYTHING, seed.NOW)

    assert found.events.num_rows == 1


def test_a_story_is_told_as_far_as_a_scope_sees_it(store: Store):
    incident = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0]

    nothing = stories.story_of(store, incident, Scope(accounts=frozenset({"4"})), {})

    assert nothing == ()


def test_a_story_names_what_the_events_of_the_lake_name(tmp_path: Path, store: Store):
    incidents = store.incidents.list(IncidentFilter(), EVERYTHING).rows

    told = " ".join(
        line.text for each in incidents for line in stories.story_of(store, each, EVERYTHING, {})
    )

    assert "svc-report did GetSecretValue to prod/db from 192.0.2.66." in told
