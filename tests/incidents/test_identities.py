"""Findings of several names of one entity, and things that many share."""

from datetime import timedelta

from tests.incidents.tables import HOUR, MEDIUM, NOON, entity, finding, table
from tocsin.identity import Identities, Statement
from tocsin.incidents import Grouped, Incident, group
from tocsin.ocsf import Entity


def said(one: str, other: str, *, is_same: bool = True, minute: int = 0) -> Statement:
    """Said at so many minutes after noon, believed for an hour before and after."""
    moment = NOON + timedelta(minutes=minute)
    sides = [Entity(**entity(each)) for each in (one, other)]
    return Statement(*sides, "said", is_same, moment, moment, HOUR, HOUR, "a record says so")


def joined(
    *findings: dict[str, object], known: tuple[Incident, ...] = (), told: tuple[Statement, ...] = ()
) -> Grouped:
    identities = Identities(told)
    return group(known, table(*findings), NOON, gap=HOUR, threshold=MEDIUM, identities=identities)


def test_a_host_and_the_session_of_its_instance_are_one_and_it_says_why():
    told = (said("host/h", "instance/i"), said("session/s", "instance/i"))

    (changed,) = joined(finding("host/h"), finding("session/s", 5), told=told).changed

    assert changed.finding_count == 2
    assert "h was i from 2026-11-23 12:00 (a record says so)" in [
        tie.reason for tie in changed.ties
    ]


def test_two_pods_of_one_node_are_two_until_the_node_itself_is_found():
    told = (said("pod/a", "host/n", is_same=False), said("pod/b", "host/n", is_same=False))

    assert len(joined(finding("pod/a"), finding("pod/b"), told=told).changed) == 2
    three = joined(finding("pod/a"), finding("host/n", 1), finding("pod/b", 2), told=told)
    assert len(three.changed) == 1


def test_what_becomes_known_late_joins_two_incidents_and_the_younger_points_to_the_older():
    first = joined(finding("host/h"), finding("user/u", 5))
    assert len(first.changed) == 2

    later = joined(known=first.open, told=(said("host/h", "user/u"),))

    gone = [one for one in later.changed if one.merged_into]
    (kept,) = later.open
    assert [one.merged_into for one in gone] == [kept.uid]
    assert kept.finding_count == 2


def test_who_reached_the_same_machine_is_not_the_same():
    told = (said("address/db", "instance/db"),)
    some = [finding(f"instance/{name}", links=["address/db"]) for name in "ab"]

    assert len(joined(*some, told=told).changed) == 2


def test_roots_of_two_hosts_are_two():
    some = [finding(f"host/{name}") for name in "ab"]
    for each in some:
        each["links"] = [{"type": "user", "uid": "root", "name": "root"}]

    assert len(joined(*some).changed) == 2


def test_two_persons_who_wear_one_role_are_two():
    some = []
    for place, person in enumerate("ab"):
        one = finding("role/r", place, rule=f"rule-{place}")
        one["links"] = [{"type": "access_key", "uid": f"ASIA{person}", "name": ""}]
        some.append(one)
    told = tuple(
        Statement(
            Entity("access_key", f"ASIA{person}"),
            Entity("user", f"user/{person}", person),
            "taken",
            True,
            NOON,
            NOON,
            HOUR,
            HOUR,
            "AssumeRole",
        )
        for person in "ab"
    )

    assert len(joined(*some, told=told).changed) == 2
    assert len(joined(*some).changed) == 1
