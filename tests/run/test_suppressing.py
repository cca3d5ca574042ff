"""What suppressions do to a turn: nothing is lost, and what is hidden disturbs nobody."""

import subprocess
import sys
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.run.batches import batch
from tests.run.crank import ACCOUNT, NOW, call, stopped_trail, stored, turned
from tests.run.suppressions import TRAIL_RULE, findings, matched, put, suppression
from tocsin.detect import RuleSet
from tocsin.errors import StoreError
from tocsin.ocsf import EVERYTHING, Scope, from_rows, schemas
from tocsin.run import suppressing
from tocsin.run.health import SilenceWatch
from tocsin.run.pipeline import turn
from tocsin.run.tools import Tools
from tocsin.store import FindingFilter, Store

CI = "user:*:user/ci*"
FROM_OFFICE = "sourceIPAddress|startswith: 198.51.100."


def records(*users: str, address: str = "203.0.113.66") -> list[dict[str, object]]:
    return [
        stopped_trail(user, NOW + timedelta(seconds=place)) | {"sourceIPAddress": address}
        for place, user in enumerate(users)
    ]


def test_a_hidden_finding_is_stored_and_disturbs_nobody(tools: Tools, store: Store):
    put(store, suppression(TRAIL_RULE, uid="migration"))

    report = turned(tools, store, batch(*records("eve")))

    (hidden,) = findings(store, hidden=True)
    assert (report.findings, report.hidden, report.changed) == (0, 1, ())
    assert findings(store, hidden=False) == stored(store).incidents == []
    assert (hidden["suppression_uid"], hidden["match_count"]) == ("migration", 1)
    assert hidden["incident_uid"] is None
    assert len(store.findings.matches(hidden["uid"], EVERYTHING).rows) == 1


def test_a_rule_that_is_not_named_is_not_hidden(tools: Tools, store: Store):
    put(store, suppression("another-rule"))

    report = turned(tools, store, batch(*records("eve")))

    assert (report.findings, report.hidden, len(report.changed)) == (1, 0, 1)


USERS = ["ci-1", "ci-2", "eve", "mallory"]
NEGATED = "a: {userIdentity.userName|startswith: ci}\ncondition: not a"


@pytest.mark.parametrize(
    ("entity", "condition", "kept"),
    [
        (CI, "", ["eve", "mallory"]),
        ("", "userIdentity.userName|startswith: ci", ["eve", "mallory"]),
        ("", "ocsf.actor.user.name: [eve, ci-1]", ["ci-2", "mallory"]),
        ("", "actor.user.name: [eve, ci-1]", ["ci-2", "mallory"]),
        ("", NEGATED, ["ci-1", "ci-2"]),
        ("", "finding.severity_id|gte: 4", []),
        ("", "finding.tactics: defense-evasion", []),
        ("", "finding.severity_id|gte: 5", USERS),
        (CI, "userIdentity.userName: [eve, ci-1]", ["ci-2", "eve", "mallory"]),
    ],
)
def test_only_the_matches_that_fit_are_taken_out(
    tools: Tools, store: Store, entity: str, condition: str, kept: list[str]
):
    put(store, suppression(TRAIL_RULE, entity=entity, condition=condition))

    turned(tools, store, batch(*records(*USERS)))

    left = tuple(uid for _, uid in matched(store, hidden=False))
    names = [
        row["actor"]["user"]["name"] for row in store.events.many(left, EVERYTHING).to_pylist()
    ]
    assert sorted(names) == kept
    assert len(left) + len(matched(store, hidden=True)) == len(USERS)


def test_what_is_left_of_a_finding_is_about_those_who_are_left(tools: Tools, store: Store):
    put(store, suppression(TRAIL_RULE, entity=CI))

    report = turned(tools, store, batch(*records("ci", "eve", "mallory")))

    (kept,), (hidden,) = findings(store, hidden=False), findings(store, hidden=True)
    (incident,) = report.changed
    assert (kept["match_count"], hidden["match_count"]) == (2, 1)
    assert kept["entity"]["name"] == "eve"
    assert hidden["entity"]["name"] == "ci"
    assert "ci" not in {each.name for each in incident.entities}
    assert hidden["original_uid"] == kept["uid"] != hidden["uid"]
    assert kept["first_time"] == kept["last_time"] - timedelta(seconds=1)
    assert hidden["first_time"] == hidden["last_time"]


def test_both_sides_grow_over_the_turns_and_keep_their_uids(tools: Tools, store: Store):
    put(store, suppression(TRAIL_RULE, entity=CI))
    everything = records("ci", "eve", "ci", "eve", "ci")

    for place, record in enumerate(everything):
        turned(tools, store, batch(record, first=place))

    (kept,), (hidden,) = findings(store, hidden=False), findings(store, hidden=True)
    assert (kept["match_count"], hidden["match_count"]) == (2, 3)
    (one,) = store.suppressions.list(EVERYTHING)
    assert (one.findings, one.matches) == (1, 3)


def test_the_oldest_of_several_takes_the_match(tools: Tools, store: Store):
    put(store, suppression(TRAIL_RULE, uid="b"), suppression(TRAIL_RULE, uid="a"))

    turned(tools, store, batch(*records("eve")))

    assert [row["suppression_uid"] for row in findings(store, hidden=True)] == ["a"]


users = st.lists(st.sampled_from(["ci", "ci-2", "eve", "mallory"]), min_size=1, max_size=8)
written = st.fixed_dictionaries(
    {
        "entity": st.sampled_from(["", CI, "user:*eve"]),
        "condition": st.sampled_from(["", "userIdentity.userName: [ci, eve]", FROM_OFFICE]),
    }
)


@settings(max_examples=25, deadline=None)
@given(users, st.lists(written, max_size=3), st.integers(1, 3))
def test_findings_and_matches_are_kept_or_hidden_and_never_lost(
    tools: Tools,
    tmp_path_factory: pytest.TempPathFactory,
    users: list[str],
    written: list[dict[str, str]],
    turns: int,
):
    everything = records(*users)
    folder = tmp_path_factory.mktemp("stores")
    with Store.open(folder / "plain") as plain, Store.open(folder / "with") as with_them:
        put(with_them, *(suppression(TRAIL_RULE, **each) for each in written))
        for store in (plain, with_them):
            for begin in range(turns):
                one = batch(*everything[begin::turns], origin=f"object-{begin}")
                turned(tools, store, one)

        kept, hidden = matched(with_them, hidden=False), matched(with_them, hidden=True)
        assert sorted(kept + hidden) == matched(plain, hidden=False)
        assert {row["uid"] for row in findings(with_them, hidden=False)} | {
            row["original_uid"] for row in findings(with_them, hidden=True)
        } == {row["uid"] for row in findings(plain, hidden=False)}
        told = Counter(row["suppression_uid"] for row in findings(with_them, hidden=True))
        for one in with_them.suppressions.list(EVERYTHING):
            assert one.findings == told[one.suppression.uid]
        assert sum(one.matches for one in with_them.suppressions.list(EVERYTHING)) == len(hidden)


@settings(max_examples=15, deadline=None)
@given(users, written)
def test_the_preview_tells_what_then_happens(
    tools: Tools,
    tmp_path_factory: pytest.TempPathFactory,
    users: list[str],
    written: dict[str, str],
):
    folder = tmp_path_factory.mktemp("stores")
    one = suppression(TRAIL_RULE, **written)
    with Store.open(folder / "before") as before, Store.open(folder / "after") as after:
        turned(tools, before, batch(*records(*users)))
        told = suppressing.foretell(one, tools.rules, before, EVERYTHING, NOW)
        put(after, one)

        turned(tools, after, batch(*records(*users)))

        hidden = findings(after, hidden=True)
        assert told.findings == len(hidden)
        assert told.matches == sum(row["match_count"] for row in hidden)
        assert sum(count for _, count in told.by_day) == told.matches
        assert {row.uid for row in told.samples} == {row["original_uid"] for row in hidden}
        assert [each.matches for each in told.by_rule] == ([told.matches] if hidden else [])
        assert told.is_whole
        assert before.suppressions.list(EVERYTHING) == ()


def test_at_its_expiry_it_hides_nothing_more_and_replays_nothing(tools: Tools, store: Store):
    one = suppression(TRAIL_RULE, expires="2d")
    put(store, one)

    for place, moment in enumerate((one.expires - timedelta(microseconds=1), one.expires)):
        record = stopped_trail("eve", NOW + timedelta(hours=place))
        turned(tools, store, batch(record, first=place), now=moment)

    assert len(findings(store, hidden=True)) == len(findings(store, hidden=False)) == 1


def test_what_was_hidden_stays_hidden_when_somebody_ends_it(tools: Tools, store: Store):
    put(store, suppression(TRAIL_RULE, uid="early"))
    first, second = records("eve", "eve")
    turned(tools, store, batch(first))

    store.suppressions.end("early", "moved", "ada", NOW, EVERYTHING)
    turned(tools, store, batch(second, first=1))

    (kept,), (hidden,) = findings(store, hidden=False), findings(store, hidden=True)
    assert (kept["match_count"], hidden["match_count"]) == (1, 1)
    assert kept["uid"] == hidden["original_uid"]


ADDING = """
import sys
from pathlib import Path
from tests.run.suppressions import TRAIL_RULE, put, suppression
from tocsin.store import Store
with Store.open(Path(sys.argv[1])) as store:
    put(store, suppression(TRAIL_RULE))
"""


def test_the_next_turn_sees_what_another_process_adds(tools: Tools, store: Store):
    first, second = records("eve", "mallory")
    turned(tools, store, batch(first))

    subprocess.run([sys.executable, "-c", ADDING, str(store.folder)], check=True, timeout=300)
    report = turned(tools, store, batch(second, first=1))

    assert (report.findings, report.hidden) == (0, 1)


def test_a_limited_person_hides_nothing_of_others(tools: Tools, store: Store):
    mine = Scope(accounts=frozenset({ACCOUNT}))
    other = Scope(accounts=frozenset({"444455556666"}))
    put(store, suppression(TRAIL_RULE, limits=other, uid="theirs"))
    turned(tools, store, batch(*records("eve")))
    put(store, suppression(TRAIL_RULE, limits=mine, uid="ours"))

    turned(tools, store, batch(*records("eve", "mallory")[1:], first=1))

    assert [row["suppression_uid"] for row in findings(store, hidden=True)] == ["ours"]
    assert len(findings(store, hidden=False)) == 1


def test_findings_of_others_than_rules_are_hidden_whole(tools: Tools, store: Store):
    turned(tools, store, batch(call(user="trent")))
    event = store.events.search("", EVERYTHING).rows["event_uid"].to_pylist()
    put(store, suppression("scanner-1", condition="userIdentity.userName: trent"))
    row = {
        **_found("scanner-1"),
        "event_uids": event,
        "match_count": 7,
    }

    turn([], tools, store, NOW, from_rows([row], schemas.FINDINGS))

    (hidden,) = findings(store, hidden=True)
    assert (hidden["match_count"], findings(store, hidden=False)) == (7, [])


def test_a_condition_over_an_event_that_is_not_at_hand_hides_nothing(tools: Tools, store: Store):
    negated = "a: {userIdentity.userName: trent}\ncondition: not a"
    put(store, suppression("scanner-1", condition=negated))

    turn([], tools, store, NOW, from_rows([_found("scanner-1")], schemas.FINDINGS))

    assert findings(store, hidden=True) == []


def _found(rule_uid: str) -> dict[str, object]:
    moment = NOW.replace(tzinfo=None)
    return {
        "uid": f"fnd_{rule_uid}",
        "class_uid": 2003,
        "rule_uid": rule_uid,
        "rule_title": "A check",
        "rule_type": "Check",
        "source": "scanner",
        "severity_id": 4,
        "is_alert": True,
        "title": "A bucket is public",
        "description": "",
        "dedup_key": "bucket",
        "period_start": moment,
        "first_time": moment,
        "last_time": moment,
        "match_count": 1,
        "entity": {"type": "bucket", "uid": "reports", "name": "reports"},
        "links": [],
        "account": ACCOUNT,
        "tactics": [],
        "techniques": [],
        "event_uids": [],
        "context": '{"check": {"id": "s3"}}',
    }


def test_the_context_of_a_finding_can_be_asked(tools: Tools, store: Store):
    put(store, suppression("*", condition="finding.context.check.id: s3"))

    turn([], tools, store, NOW, from_rows([_found("scanner-1")], schemas.FINDINGS))

    assert len(findings(store, hidden=True)) == 1


def test_a_hidden_silence_is_said_once(tools: Tools, store: Store):
    turned(tools, store, batch(call()))
    put(store, suppression("tocsin.feed_silent"))
    watch = SilenceWatch(tools.settings, store)
    watch._limits["feed"] = timedelta(minutes=5)
    later = NOW + timedelta(hours=1)

    first = watch.findings(later)
    turn([], tools, store, later, first)

    assert first.num_rows == 1
    assert watch.findings(later + timedelta(minutes=1)).num_rows == 0
    assert [row["match_count"] for row in findings(store, hidden=True)] == [1]


def test_a_turn_that_fails_counts_nothing(
    tools: Tools, store: Store, monkeypatch: pytest.MonkeyPatch
):
    put(store, suppression(TRAIL_RULE))

    def full_disk(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        # The last thing that a commit does before it ends.
        broken.setattr("tocsin.store.turns._turn_row", full_disk)
        with pytest.raises(StoreError):
            turned(tools, store, batch(*records("eve")))
    (before,) = store.suppressions.list(EVERYTHING)
    turned(tools, store, batch(*records("eve")))
    (after,) = store.suppressions.list(EVERYTHING)

    assert (before.findings, before.matches, before.last_hit) == (0, 0, None)
    assert (after.findings, after.matches) == (1, 1)


def test_a_preview_keeps_to_the_scope_of_whoever_asks(tools: Tools, store: Store):
    turned(tools, store, batch(*records("eve")))
    nobody = Scope(accounts=frozenset())
    one = suppression(TRAIL_RULE)

    told = [suppressing.foretell(one, RuleSet(), store, each, NOW) for each in (EVERYTHING, nobody)]

    assert [each.findings for each in told] == [1, 0]
    assert [each.looked_at for each in told] == [1, 0]


def test_the_preview_leaves_out_what_is_hidden_already(tools: Tools, store: Store):
    put(store, suppression(TRAIL_RULE, entity=CI))
    turned(tools, store, batch(*records("ci", "eve")))

    told = suppressing.foretell(suppression(TRAIL_RULE), tools.rules, store, EVERYTHING, NOW)

    assert (told.findings, told.matches) == (1, 1)


def test_lists_show_what_is_hidden_only_when_asked(tools: Tools, store: Store):
    put(store, suppression(TRAIL_RULE, entity=CI, uid="one"))
    turned(tools, store, batch(*records("ci", "eve")))

    counts = {
        name: store.findings.count(which, EVERYTHING)
        for name, which in {
            "plain": FindingFilter(),
            "all": FindingFilter(is_suppressed=None),
            "hidden": FindingFilter(is_suppressed=True),
            "by one": FindingFilter(suppression_uid="one"),
            "by none": FindingFilter(suppression_uid="none"),
        }.items()
    }

    assert counts == {"plain": 1, "all": 2, "hidden": 1, "by one": 1, "by none": 0}


def test_events_of_the_same_commit_are_at_hand(tools: Tools, store: Store):
    """Two feeds in one turn, a condition over events of each."""
    put(store, suppression(TRAIL_RULE, condition="userIdentity.userName: eve"))
    one = batch(*records("eve", "mallory"), feed="one")
    two = batch(*records("trent", "eve", address="198.51.100.9"), feed="two", origin="other")

    turned(tools, store, one, two)

    assert len(matched(store, hidden=True)) == len(matched(store, hidden=False)) == 2
