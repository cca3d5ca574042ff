"""What a suppression is, when it is refused, and how findings are shared out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.conditions.suppression import (
    EntityPattern,
    Sighting,
    Suppression,
    refusals,
    suppress,
)
from tocsin.ocsf import Entity, Scope, from_rows, schemas

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
GOOD = Suppression(
    uid="one",
    rules=("rule-1",),
    reason="The backup stops it each night.",
    owner="platform",
    created=NOON,
    expires=NOON + MONTH,
    origin="tests",
)


def changed(**values):
    return replace(GOOD, **values)


@pytest.mark.parametrize(
    "good",
    [
        GOOD,
        changed(rules=("*",), condition="a: b"),
        changed(rules=("*",), entity=EntityPattern("user", "ci-*")),
        changed(expires=NOON + timedelta(days=366)),
        changed(entity=EntityPattern("*", "198.51.100.7")),
    ],
    ids=["plain", "any-rule-condition", "any-rule-entity", "a-year", "any-type"],
)
def test_what_says_why_and_until_when_is_taken(good):
    assert list(refusals(good)) == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (changed(rules=()), "`rules` is missing"),
        (changed(rules=("*",)), "hide everything"),
        (changed(rules=("*",), condition=" \n"), "hide everything"),
        (changed(rules=("*", "rule-1"), condition="a: b"), "no other beside it"),
        (changed(rules=("rule-*",)), "no rule's uid"),
        (changed(rules=tuple(map(str, range(201)))), "more than 200 rules"),
        (changed(entity=EntityPattern("user", "*")), "every one"),
        (changed(rules=("*",), entity=EntityPattern("*", "***")), "every one"),
        (changed(entity=EntityPattern("", "ci")), "a type and a uid"),
        (changed(entity=EntityPattern("user", "c" * 1_001)), "longer than 1000"),
        (changed(reason=" "), "`reason` is missing"),
        (changed(reason="r" * 2_001), "`reason` is longer"),
        (changed(owner=""), "`owner` is missing"),
        (changed(expires=NOON), "lies in the past"),
        (changed(expires=NOON - MONTH), "lies in the past"),
        (changed(expires=NOON + timedelta(days=366, microseconds=1)), "more than a year"),
        (changed(uid="no spaces"), "`uid`"),
        (changed(uid="a\nb"), "`uid`"),
        (changed(condition="c" * 8_001), "the condition is longer"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said(bad, said):
    (problem,) = refusals(bad)

    assert said in problem


def test_everything_that_is_wrong_is_said_at_once():
    assert len(list(refusals(changed(uid="", rules=(), reason="", owner="", expires=NOON)))) == 5


@pytest.mark.parametrize(
    ("pattern", "uid", "fits"),
    [
        ("ci", "ci", True),
        ("ci", "CI", False),
        ("ci", "ci-2", False),
        ("ci*", "ci", True),
        ("*ci", "a-ci", True),
        ("*:role/ci-*", "arn:aws:iam::111122223333:role/ci-deploy", True),
        ("*:role/ci-*", "arn:aws:iam::111122223333:user/ci-deploy", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a**c", "abc", True),
        ("[ab]", "a", False),
        ("a.c", "abc", False),
        ("a?c", "abc", False),
    ],
)
def test_a_star_stands_for_any_run_of_characters_and_nothing_else_does(pattern, uid, fits):
    assert EntityPattern("user", pattern).fits(Entity("user", uid)) is fits


@given(st.text(), st.text(max_size=5), st.text())
def test_a_pattern_finds_what_it_was_made_from(start, middle, end):
    pattern = EntityPattern("*", f"{start}*{end}")

    assert pattern.fits(Entity("user", start + middle + end))


def test_it_holds_from_its_creation_to_just_before_its_expiry():
    tick = timedelta(microseconds=1)
    moments = (NOON - tick, NOON, GOOD.expires - tick, GOOD.expires)

    assert [GOOD.holds_at(moment) for moment in moments] == [False, True, True, False]


@pytest.mark.parametrize(
    ("last_hit_days", "now_days", "expected"),
    [
        (None, 1, ()),
        (None, 22.9, ()),
        (None, 23, ("expires_soon",)),
        (None, 30, ()),
        (20, 29, ("expires_soon",)),
    ],
)
def test_the_last_week_is_warned_of(last_hit_days, now_days, expected):
    last_hit = None if last_hit_days is None else NOON + timedelta(days=last_hit_days)

    assert GOOD.warnings(last_hit, NOON + timedelta(days=now_days)) == expected


@pytest.mark.parametrize(
    ("last_hit_days", "now_days", "expected"),
    [(None, 29.9, ()), (None, 30, ("idle",)), (5, 34.9, ()), (5, 35, ("idle",))],
)
def test_a_month_without_a_hit_is_warned_of(last_hit_days, now_days, expected):
    long = changed(expires=NOON + timedelta(days=300))
    last_hit = None if last_hit_days is None else NOON + timedelta(days=last_hit_days)

    assert long.warnings(last_hit, NOON + timedelta(days=now_days)) == expected


# --- sharing out ----------------------------------------------------------------------------------


def finding(rule="rule-1", kind="Sigma", events=("e1", "e2"), **values):
    moment = NOON.replace(tzinfo=None)
    row = {
        "uid": f"fnd_{rule}",
        "class_uid": 2004,
        "rule_uid": rule,
        "rule_title": rule,
        "rule_type": kind,
        "source": "s",
        "severity_id": 3,
        "is_alert": True,
        "title": rule,
        "description": "",
        "dedup_key": "",
        "period_start": moment,
        "first_time": moment,
        "last_time": moment + timedelta(minutes=len(events) - 1),
        "match_count": len(events),
        "entity": {"type": "user", "uid": "ann", "name": "ann"},
        "links": [],
        "account": "1",
        "tactics": [],
        "techniques": [],
        "event_uids": list(events),
        "context": "{}",
    }
    return {**row, **values}


def tables(*rows, with_matches=True):
    matches = [
        {
            "finding_uid": row["uid"],
            "rule_uid": row["rule_uid"],
            "event_uid": uid,
            "event_time": row["first_time"] + timedelta(minutes=place),
        }
        for row in rows
        for place, uid in enumerate(row["event_uids"] if with_matches else ())
    ]
    return from_rows(rows, schemas.FINDINGS), from_rows(matches, schemas.MATCHES)


def knowing(**sightings):
    """Evidence by event uid; a condition is the list of events for which it holds."""

    def evidence(row, uid):
        known = {
            "holds": lambda condition: uid in condition.split(),
            **sightings.get(uid or "", {}),
        }
        return Sighting(**known)

    return evidence


def nobody_asks(row, uid):
    pytest.fail("the events were looked at in vain")


def test_tables_are_handed_on_as_they_are_where_no_rule_is_named():
    found, matches = tables(finding())

    shares = suppress((changed(rules=("rule-2",)),), found, matches, nobody_asks)

    assert shares.findings is found and shares.matches is matches
    assert shares.hidden.num_rows == shares.hidden_matches.num_rows == 0


def test_a_whole_rule_is_hidden_without_looking_at_events():
    shares = suppress((GOOD,), *tables(finding()), nobody_asks)

    (hidden,) = shares.hidden.to_pylist()
    assert (hidden["match_count"], hidden["suppression_uid"]) == (2, "one")
    assert shares.findings.num_rows == shares.matches.num_rows == 0


@pytest.mark.parametrize("kind", ["Correlation", "Check"])
def test_of_other_kinds_of_findings_no_event_is_taken_out(kind):
    half = changed(condition="e1")
    both = changed(condition="e1 e2")

    kept = suppress((half,), *tables(finding(kind=kind)), knowing())
    hidden = suppress((both,), *tables(finding(kind=kind), with_matches=False), knowing())

    assert (kept.findings.num_rows, kept.hidden.num_rows) == (1, 0)
    assert (hidden.findings.num_rows, hidden.hidden.num_rows) == (0, 1)


def test_of_a_finding_whose_matches_are_not_all_at_hand_none_is_taken_out():
    row = finding(match_count=5)

    shares = suppress((changed(condition="e1"),), *tables(row), knowing())

    (kept,) = shares.findings.to_pylist()
    assert (kept["match_count"], kept["event_uids"]) == (5, ["e1", "e2"])
    assert shares.hidden.num_rows == 0


@pytest.mark.parametrize(("uid", "is_hidden"), [("ann", True), ("bob", False)])
def test_the_entity_of_a_correlation_is_its_own_whoever_did_its_events(uid, is_hidden):
    bob = {"entity": Entity("user", "bob", "bob")}
    pattern = EntityPattern("user", uid)
    found = tables(finding(kind="Correlation"))

    shares = suppress((changed(entity=pattern),), *found, knowing(e1=bob, e2=bob))

    assert bool(shares.hidden.num_rows) is is_hidden


def test_the_entity_of_each_match_decides():
    bob = {"type": "user", "uid": "bob", "name": "bob"}
    row = finding(events=("e1", "e2", "e3"), links=[bob])
    evidence = knowing(
        e1={"entity": Entity("user", "ann", "ann")},
        e2={"entity": Entity("user", "bob", "bob")},
        e3={"entity": Entity("user", "ann", "ann")},
    )
    pattern = EntityPattern("user", "ann")

    shares = suppress((changed(entity=pattern),), *tables(row), evidence)

    (kept,), (hidden,) = shares.findings.to_pylist(), shares.hidden.to_pylist()
    assert (kept["entity"], kept["links"], kept["event_uids"]) == (bob, [], ["e2"])
    assert (hidden["entity"]["uid"], hidden["links"]) == ("ann", [])
    assert hidden["event_uids"] == ["e1", "e3"]
    assert kept["first_time"] == kept["last_time"] == row["first_time"] + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("limits", "namespaces", "is_hidden"),
    [
        (Scope(accounts=frozenset({"1"})), set(), True),
        (Scope(accounts=frozenset({"2"})), set(), False),
        (Scope(accounts=frozenset()), set(), False),
        (Scope(namespaces=frozenset({"dev"})), {"dev"}, True),
        (Scope(namespaces=frozenset({"dev"})), {"dev", "prod"}, False),
        (Scope(namespaces=frozenset({"dev"})), set(), False),
    ],
)
def test_nothing_outside_of_what_its_author_sees_is_hidden(limits, namespaces, is_hidden):
    evidence = knowing(e1={"namespaces": frozenset(namespaces)})

    shares = suppress((changed(limits=limits),), *tables(finding(events=("e1",))), evidence)

    assert bool(shares.hidden.num_rows) is is_hidden


events = st.lists(st.sampled_from("abcdef"), min_size=1, unique=True).map(tuple)
conditions = st.lists(st.sets(st.sampled_from("abcdef")).map(" ".join), max_size=4)


@given(st.dictionaries(st.sampled_from(["rule-1", "rule-2", "rule-3"]), events), conditions)
def test_every_match_is_on_exactly_one_side(found, written):
    in_force = [
        changed(uid=f"s{place}", rules=("rule-1", "rule-2"), condition=each)
        for place, each in enumerate(written)
    ]
    rows = [finding(rule, events=uids) for rule, uids in found.items()]
    before = tables(*rows)

    shares = suppress(in_force, *before, knowing())

    def pairs(matches):
        return [(row["rule_uid"], row["event_uid"]) for row in matches.to_pylist()]

    both = pairs(shares.matches) + pairs(shares.hidden_matches)
    assert sorted(both) == sorted(pairs(before[1]))
    for one_side, matches in (
        (shares.findings, shares.matches),
        (shares.hidden, shares.hidden_matches),
    ):
        for row in one_side.to_pylist():
            mine = [each for each in matches.to_pylist() if each["finding_uid"] == row["uid"]]
            assert row["match_count"] == len(mine) > 0
            assert set(row["event_uids"]) == {each["event_uid"] for each in mine}
            assert row["first_time"] == min(each["event_time"] for each in mine)
            assert row["last_time"] == max(each["event_time"] for each in mine)
    for rule, event in pairs(shares.matches):
        assert rule == "rule-3" or not any(
            not each.condition or event in each.condition.split() for each in in_force
        )
    for row in shares.hidden.to_pylist():
        by = next(each for each in in_force if each.uid == row["suppression_uid"])
        if by.condition:
            assert set(row["event_uids"]) <= set(by.condition.split())
