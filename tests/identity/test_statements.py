"""One entity at a time: addresses that are used again, and what many share."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.identity import Identities, Statement, entity
from tocsin.ocsf import Entity

TEN = datetime(2026, 3, 10, 10, tzinfo=UTC)
ADDRESS = Entity("address", "10.0.1.5", "10.0.1.5")


def machine(name: str) -> Entity:
    return Entity("instance", f"i-0000000{name}", f"i-0000000{name}")


def said(
    one: Entity,
    other: Entity,
    first: int,
    last: int,
    *,
    relation: str = "address",
    is_same: bool = True,
    scope: str = "",
) -> Statement:
    """Said from so many minutes after ten to so many, believed an hour before and four after."""
    return Statement(
        one=one,
        other=other,
        relation=relation,
        is_same=is_same,
        since=TEN + timedelta(minutes=first),
        until=TEN + timedelta(minutes=last),
        before=timedelta(hours=1),
        after=timedelta(hours=4),
        reason="flow record eni-1",
        scope=scope,
    )


def at(minute: int) -> datetime:
    return TEN + timedelta(minutes=minute)


def test_an_address_that_is_used_again_is_whom_it_was_then():
    known = Identities([said(ADDRESS, machine("a"), 0, 30), said(ADDRESS, machine("b"), 60, 90)])

    found = [known.resolve(ADDRESS, at(minute)).entity.uid[-1] for minute in (10, 35, 55, 70, 200)]

    assert found == ["a", "a", "b", "b", "b"]


def test_an_address_of_two_at_once_is_nobody():
    known = Identities([said(ADDRESS, machine("a"), 0, 60), said(ADDRESS, machine("b"), 30, 90)])

    assert known.resolve(ADDRESS, at(45)).entity == ADDRESS
    assert known.resolve(ADDRESS, at(10)).entity == machine("a")


def test_the_same_address_in_two_accounts_is_two():
    known = Identities(
        [
            said(ADDRESS, machine("a"), 0, 60, scope="111122223333"),
            said(ADDRESS, machine("b"), 0, 60, scope="222233334444"),
        ]
    )

    assert known.resolve(ADDRESS, at(5), "222233334444").entity == machine("b")
    assert known.resolve(ADDRESS, at(5)).entity == ADDRESS


def test_what_is_said_of_another_day_is_not_believed():
    known = Identities([said(ADDRESS, machine("a"), 0, 30)])

    assert known.resolve(ADDRESS, at(30 + 241)).entity == ADDRESS
    assert known.resolve(ADDRESS, at(-61)).entity == ADDRESS


def test_steps_lead_on_and_each_has_its_reason():
    card = Entity("interface", "eni-1", "eni-1")
    known = Identities(
        [said(ADDRESS, card, 2, 30), said(card, machine("a"), 0, 30, relation="interface")]
    )

    found = known.resolve(entity("host", "ip-10-0-1-5.eu-central-1.compute.internal"), at(5))

    assert found.entity == machine("a")
    assert [step.other.type for step in found.steps] == ["address", "interface", "instance"]
    assert found.steps[1].sentence == (
        "10.0.1.5 was eni-1 from 2026-03-10 10:02 (flow record eni-1)"
    )


def test_a_circle_ends():
    one, other = Entity("user", "a"), Entity("user", "b")
    known = Identities([said(one, other, 0, 9), said(other, one, 0, 9)])

    assert known.resolve(one, at(1)).entity == other


def test_what_it_stands_on_is_not_what_it_is():
    pod, host = Entity("pod", "shop/web-0"), Entity("host", "node-1")
    known = Identities([said(pod, host, 0, 60, is_same=False)])

    assert known.resolve(pod, at(1)).entity == pod
    assert [ground.entity for ground in known.grounds(pod, at(1))] == [host]


@pytest.mark.parametrize(
    ("kind", "uid", "type_", "found"),
    [
        (
            "session",
            "arn:aws:iam::111122223333:role/web/i-0a1c2e3f405162738",
            "instance",
            "i-0a1c2e3f405162738",
        ),
        (
            "session",
            "arn:aws:iam::111122223333:role/AWSReservedSSO_Dev_1/Nora@example.com",
            "user",
            "nora@example.com",
        ),
        # Whoever takes another role may call the session as they like.
        (
            "session",
            "arn:aws:iam::111122223333:role/deploy/nora@example.com",
            "session",
            "arn:aws:iam::111122223333:role/deploy/nora@example.com",
        ),
        ("host", "i-0a1c2e3f405162738.eu-west-1.compute.internal", "instance", None),
        ("user", "system:node:node-a", "host", "node-a"),
    ],
    ids=["instance", "single-sign-on", "named-after-another", "host", "node"],
)
def test_spelling_alone_tells_some(kind, uid, type_, found):
    resolved = Identities().resolve(Entity(kind, uid), TEN).entity

    assert resolved.type == type_
    assert found is None or resolved.uid == found
