"""What belongs together, and that order, replay and late events change nothing."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.incidents.tables import HOUR, MEDIUM, NOON, finding, grouped, incident, table
from tocsin.incidents import Change, group, transition
from tocsin.incidents.grouping import LATENESS
from tocsin.incidents.joining import Apart
from tocsin.ocsf import Entity, empty, schemas


def entities(*names: str) -> list[Entity]:
    return [Entity(name.split("/")[0], name, name.split("/")[1]) for name in names]


def test_findings_about_one_entity_within_the_gap_become_one_incident():
    result = grouped(finding(minute=0), finding(minute=60))

    assert [one.finding_count for one in result.changed] == [2]
    assert result.open == result.changed


def test_findings_further_apart_than_the_gap_become_two():
    result = grouped(finding(minute=0), finding(minute=61))

    assert [one.finding_count for one in result.changed] == [1, 1]


def test_findings_about_two_entities_become_two():
    result = grouped(finding("user/alice"), finding("user/bob"))

    assert [one.entities for one in result.changed] == [
        tuple(entities("user/alice")),
        tuple(entities("user/bob")),
    ]


def test_an_event_between_two_far_ones_makes_them_one():
    result = grouped(finding(minute=0), finding(minute=100), finding(minute=50))

    assert [one.finding_count for one in result.changed] == [3]


def test_no_findings_change_nothing():
    known = incident()

    result = group([known], empty(schemas.FINDINGS), NOON, gap=HOUR, threshold=MEDIUM)

    assert (result.changed, result.open) == ((), (known,))


def test_a_later_finding_joins_the_open_incident():
    known = incident(finding(minute=0))

    (changed,) = grouped(finding(minute=30, rule="rule-2"), known=[known]).changed

    assert (changed.uid, changed.finding_count, changed.version) == (known.uid, 2, 2)
    assert changed.last_time == NOON + timedelta(minutes=30)
    assert changed.rule_uids == ("rule-1", "rule-2")


def test_a_late_finding_joins_by_the_time_of_its_events():
    known = incident(finding(minute=0))

    (changed,) = grouped(finding(minute=-50), known=[known], now=NOON + 5 * HOUR).changed

    assert changed.uid == known.uid
    assert changed.first_time == NOON - timedelta(minutes=50)
    assert changed.last_time == NOON


def test_a_finding_seen_again_adds_its_matches_and_is_not_counted_again():
    known = incident(finding(matches=2))

    (changed,) = grouped(finding(matches=3), known=[known]).changed

    assert (changed.finding_count, changed.match_count) == (1, 5)
    assert changed.finding_uids == known.finding_uids


def test_a_finding_seen_again_after_the_gap_stays_with_its_incident():
    known = incident(finding(uid="fnd_1", minute=0))

    (changed,) = grouped(finding(uid="fnd_1", minute=90), known=[known]).changed

    assert (changed.uid, changed.finding_count) == (known.uid, 1)


def test_a_replay_of_the_same_turn_gives_the_same_incident():
    assert grouped(finding(), finding("user/bob")) == grouped(finding(), finding("user/bob"))


def test_a_finding_that_ties_two_open_incidents_merges_them_into_the_older():
    (alice,) = grouped(finding("user/alice", 0), now=NOON).changed
    (key,) = grouped(finding("access_key/K", 10), now=NOON + HOUR).changed

    result = grouped(
        finding("user/alice", 20, links=["access_key/K"]),
        known=[key, alice],
        now=NOON + 2 * HOUR,
    )

    younger, older = result.changed
    assert older.uid == alice.uid
    assert older.finding_count == 3
    assert older.entities == tuple(entities("user/alice", "access_key/K"))
    assert (younger.uid, younger.merged_into) == (key.uid, alice.uid)
    assert (younger.status, younger.verdict) == ("Closed", "Duplicate")
    assert alice.uid in younger.verdict_reason
    assert result.open == (older,)


def test_findings_about_an_absorbed_entity_join_the_survivor():
    (survivor,) = grouped(finding("user/alice", 0, links=["access_key/K"])).changed

    (changed,) = grouped(finding("access_key/K", 30), known=[survivor]).changed

    assert changed.uid == survivor.uid


def test_a_merge_keeps_the_work_of_people():
    alice = incident(finding("user/alice"))
    key = incident(finding("access_key/K"))
    taken = transition(key, Change(status="In Progress", assignee="dana"), NOON)

    result = grouped(
        finding("user/alice", 5, links=["access_key/K"]),
        known=[replace(alice, opened_time=NOON - HOUR), taken],
    )

    survivor = result.open[0]
    assert (survivor.uid, survivor.assignee, survivor.status) == (alice.uid, "dana", "In Progress")


def test_a_merge_counts_shared_findings_once():
    alice = incident(finding("user/alice", uid="fnd_shared"))
    again = replace(alice, uid="inc_other", opened_time=NOON + HOUR)

    survivor = grouped(finding(minute=5), known=[alice, again]).open[0]

    assert survivor.finding_count == 2


@pytest.mark.parametrize("shared", ["address/203.0.113.7", "account/111122223333", "bucket/logs"])
def test_things_that_strangers_share_do_not_merge_them(shared):
    result = grouped(finding("user/alice", links=[shared]), finding("user/bob", links=[shared]))

    assert len(result.changed) == 2


def test_findings_about_one_address_are_one_incident():
    result = grouped(
        finding("address/203.0.113.7", 0, links=["user/alice"]),
        finding("address/203.0.113.7", 5, links=["user/bob"]),
        finding("user/alice", 7),
    )

    assert [one.finding_count for one in result.changed] == [2, 1]


def test_an_address_of_an_open_incident_does_not_draw_findings_to_it():
    known = incident(finding("user/alice", links=["address/203.0.113.7"]))

    (changed,) = grouped(finding("address/203.0.113.7", 5), known=[known]).changed

    assert changed.uid != known.uid


@pytest.mark.parametrize("given", ["role/ci", "ci"])
def test_a_role_that_many_share_ties_nobody_together(given):
    result = grouped(
        finding("user/alice", 0, links=["role/ci"]),
        finding("user/bob", 1, links=["role/ci"]),
        finding("role/ci", 2, links=["user/carol"]),
        finding("user/carol", 3),
        never_link=frozenset({given}),
    )

    assert [one.entities[0].name for one in result.changed] == ["ci", "alice", "bob", "carol"]


def test_a_finding_below_the_threshold_opens_nothing():
    assert grouped(finding(severity=MEDIUM - 1)).changed == ()


def test_a_finding_that_is_no_alert_opens_nothing():
    assert grouped(finding(is_alert=False, severity=5)).changed == ()


def test_a_finding_below_the_threshold_is_attached_to_the_open_incident():
    known = incident()

    (changed,) = grouped(finding(minute=5, severity=1, rule="rule-2"), known=[known]).changed

    assert (changed.uid, changed.finding_count, changed.severity_id) == (known.uid, 2, MEDIUM)


def test_history_that_is_loaded_later_does_not_raise_the_severity():
    known = incident()

    (changed,) = grouped(finding(minute=-5, severity=6, is_alert=False), known=[known]).changed

    assert (changed.finding_count, changed.severity_id, changed.title) == (2, MEDIUM, known.title)


def test_a_finding_below_the_threshold_merges_nobody():
    alice, bob = incident(finding("user/alice")), incident(finding("user/bob"))

    result = grouped(finding("user/alice", 5, severity=1, links=["user/bob"]), known=[alice, bob])

    assert [one.uid for one in result.changed] == [alice.uid]
    assert result.changed[0].entities == tuple(entities("user/alice"))


def test_an_incident_that_went_quiet_is_no_longer_open():
    known = incident()
    just_open = NOON + HOUR + LATENESS

    still = group([known], table(), just_open, gap=HOUR, threshold=MEDIUM)
    gone = group([known], table(), just_open + timedelta(seconds=1), gap=HOUR, threshold=MEDIUM)

    assert (still.open, gone.open) == ((known,), ())


def test_a_closed_incident_is_not_joined_and_its_successor_has_another_uid():
    known = incident(finding(uid="fnd_1", minute=0))
    closed = transition(
        known, Change(status="Closed", verdict="True Positive", reason="Key revoked."), NOON
    )

    (changed,) = grouped(finding(uid="fnd_1", minute=5), known=[closed]).changed

    assert changed.uid != closed.uid
    assert changed.version == 1


def test_something_new_wakes_a_resolved_incident():
    resolved = transition(incident(), Change(status="Resolved"), NOON)

    (changed,) = grouped(finding(minute=5), known=[resolved]).changed

    assert changed.status == "New"


def test_a_late_match_of_a_known_finding_does_not_wake_a_resolved_incident():
    resolved = transition(incident(finding(uid="fnd_1")), Change(status="Resolved"), NOON)

    (changed,) = grouped(finding(uid="fnd_1"), known=[resolved]).changed

    assert (changed.status, changed.match_count) == ("Resolved", 2)


def test_an_incident_on_hold_stays_on_hold():
    held = transition(incident(), Change(status="On Hold"), NOON)

    (changed,) = grouped(finding(minute=5), known=[held]).changed

    assert changed.status == "On Hold"


def test_the_title_is_that_of_the_most_severe_finding_and_names_its_entity():
    known = incident(finding(title="A user was created"))

    (changed,) = grouped(
        finding(minute=1, severity=5, title="Logging was stopped"),
        finding(minute=2, severity=4, title="A key was used"),
        known=[known],
    ).changed

    assert known.title == "A user was created: alice"
    assert (changed.title, changed.severity_id) == ("Logging was stopped: alice", 5)


def test_a_title_that_names_the_entity_already_stays_as_it_is():
    assert incident(finding(title="alice left")).title == "alice left"


def test_an_incident_carries_the_latest_findings_and_counts_all():
    known = incident(*(finding(minute=minute) for minute in range(1_200)))

    assert known.finding_count == 1_200
    assert len(known.finding_uids) == 1_000
    assert known.finding_uids[-1].endswith("_1199")


def test_a_time_without_a_zone_is_taken_as_utc():
    assert grouped(finding(), now=NOON.replace(tzinfo=None)) == grouped(finding(), now=NOON)


names = st.sampled_from(["user/a", "user/b", "access_key/k", "role/r", "address/198.51.100.1"])
rows = st.lists(
    st.builds(
        finding,
        names,
        st.integers(-200, 200),
        links=st.lists(names, max_size=2),
        severity=st.integers(1, 6),
        is_alert=st.booleans(),
        minutes=st.integers(0, 40),
        rule=st.sampled_from(["rule-1", "rule-2"]),
        title=st.sampled_from(["one", "two"]),
    ),
    max_size=9,
    unique_by=lambda row: row["uid"],
)


@given(rows, rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_open_incidents_changes_nothing(before, after, random):
    known = list(grouped(*before).open)
    shuffled_known, shuffled = random.sample(known, len(known)), random.sample(after, len(after))

    assert grouped(*after, known=known) == grouped(*shuffled, known=shuffled_known)


@given(rows)
def test_every_opening_finding_is_in_exactly_one_incident(findings):
    result = grouped(*findings)

    opening = {row["uid"] for row in findings if row["is_alert"] and row["severity_id"] >= MEDIUM}
    held = [uid for one in result.changed for uid in one.finding_uids]
    assert len(held) == len(set(held))
    assert opening <= set(held)


@given(rows)
def test_a_replay_in_a_later_turn_opens_and_counts_nothing_new(findings):
    first = grouped(*findings)

    again = grouped(*findings, known=first.open, now=NOON + HOUR)

    assert {(one.uid, one.finding_count) for one in again.open} == {
        (one.uid, one.finding_count) for one in first.open
    }


@given(rows, st.integers(0, 9))
def test_where_a_batch_is_cut_does_not_change_what_belongs_together(findings, cut):
    """Alerts at or above the threshold only: what is attached depends on what is open then."""
    alerts = [row | {"is_alert": True, "severity_id": 4} for row in findings]

    whole = grouped(*alerts).open
    first = grouped(*alerts[:cut]).open
    parts = grouped(*alerts[cut:], known=first, now=NOON + HOUR).open

    assert {frozenset(one.finding_uids) for one in whole} == {
        frozenset(one.finding_uids) for one in parts
    }


def test_any_order_of_a_chain_of_ties_gives_the_same_incident():
    chain = [
        finding("user/alice", 0, links=["access_key/K"]),
        finding("access_key/K", 50, links=["role/admin"]),
        finding("role/admin", 100),
        finding("user/alice", 155),
    ]

    results = {grouped(*order).changed for order in permutations(chain)}

    assert len(results) == 1
    assert results.pop()[0].finding_count == 4


def test_findings_on_different_sides_of_a_split_stay_two_incidents():
    apart = Apart("dec_1", frozenset({("user", "user/a")}), frozenset({("user", "user/b")}))
    rows = table(finding("user/a", links=["user/b"]), finding("user/b", 1, links=["user/a"]))

    found = group((), rows, NOON, gap=HOUR, threshold=MEDIUM, apart=[apart])

    assert [[one.uid for one in each.entities] for each in found.changed] == [
        ["user/a", "user/b"],
        ["user/b", "user/a"],
    ]


def test_a_finding_about_neither_side_does_not_tie_the_sides_together():
    apart = Apart("dec_1", frozenset({("user", "user/a")}), frozenset({("user", "user/b")}))
    known = [incident(finding("user/a")), incident(finding("user/b", 1))]
    rows = table(finding("user/c", 2, links=["user/a", "user/b"]))

    found = group(known, rows, NOON, gap=HOUR, threshold=MEDIUM, apart=[apart])

    assert len(found.changed) == 1
    assert len(found.open) == 2


def test_incidents_are_kept_apart_by_their_marks_while_the_split_stands():
    apart = Apart("dec_1", frozenset(), frozenset())
    one = replace(incident(finding("user/a")), apart=("dec_1:one",))
    other = replace(incident(finding("user/a", 1, uid="x")), uid="inc_2", apart=("dec_1:other",))
    rows = table(finding("user/a", 2))

    standing = group([one, other], rows, NOON, gap=HOUR, threshold=MEDIUM, apart=[apart])
    undone = group([one, other], rows, NOON, gap=HOUR, threshold=MEDIUM)

    assert [each.status for each in standing.changed] == ["New"]
    assert sorted(each.status for each in undone.changed) == ["Closed", "New"]


def test_an_incident_keeps_the_findings_of_what_people_merged_into_it():
    bucket = replace(incident(finding("bucket/b")), roots=(Entity("ip", "ip/1", "1"),))

    [changed] = grouped(finding("ip/1", 5), known=[bucket]).changed

    assert (changed.uid, changed.finding_count) == (bucket.uid, 2)
