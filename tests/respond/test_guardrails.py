"""Nothing protected is touched, caps hold before the first change, own deeds lead to none."""

import ipaddress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.incidents.tables import NOON
from tests.respond.cases import ACCOUNT, Said, Shelf, about, event, playbook, surroundings
from tocsin.respond.actions import Target
from tocsin.respond.guardrails import Limits, Protected, is_own, plain_address, released
from tocsin.respond.ports import KnownResource
from tocsin.respond.proposing import Case, propose

OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/tocsin-respond"
LISTED = (ipaddress.ip_network("52.0.0.0/8"), ipaddress.ip_network("2a00::/16"))
PROTECTED = Protected(
    LISTED, frozenset({"*:user/break-glass", OWN_ROLE, "i-0a1b2c3d4e5f60718", "admin-*"})
)

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
inside = st.one_of(
    st.ip_addresses(network="52.0.0.0/8"),
    st.ip_addresses(network="2a00::/16"),
    st.ip_addresses(network="10.0.0.0/8"),
    st.ip_addresses(network="192.168.0.0/16"),
    st.ip_addresses(network="fe80::/10"),
    st.ip_addresses(network="127.0.0.0/8"),
).map(str)


def target(uid: str, kind: str = "address", name: str = "") -> Target:
    return Target(kind, uid, name or uid, "aws", ACCOUNT)


@given(inside)
@settings(max_examples=300)
def test_no_protected_address_is_ever_a_target(address):
    assert PROTECTED.reason(target(address))


@given(st.ip_addresses(network="52.0.0.0/8"))
def test_a_protected_address_in_another_form_is_protected_too(address):
    number = int(address)
    forms = (
        f"::ffff:{address}",
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),
        str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | number)),
    )

    assert all(PROTECTED.reason(target(form)) for form in forms)


@given(addresses)
@settings(max_examples=300)
def test_what_is_allowed_is_one_public_address_that_nobody_protects(address):
    if PROTECTED.reason(target(address)):
        return
    plain = plain_address(address)

    assert plain is not None
    assert plain.is_global
    assert not any(plain in network for network in LISTED if network.version == plain.version)


@pytest.mark.parametrize(
    "text",
    ["", "0.0.0.0/0", "52.1.2.3/32", "1.2.3.4 ", "1.2.3", "fe80::1%eth0", "example.org", "٣.1.1.1"],
)
def test_anything_but_a_single_address_is_refused(text):
    assert "is no single address" in Protected().reason(target(text))


@pytest.mark.parametrize(
    "one",
    [
        target("arn:aws:iam::111122223333:user/break-glass", "user", "break-glass"),
        target(OWN_ROLE, "role", "tocsin-respond"),
        target("i-0a1b2c3d4e5f60718", "instance"),
        target("AIDA", "user", "admin-olga"),
    ],
)
def test_who_is_protected_is_no_target(one):
    assert "is protected by the settings" in PROTECTED.reason(one)


@pytest.mark.parametrize(("value", "is_protected"), [("true", True), ("", True), ("false", False)])
def test_the_tag_protects_where_the_inventory_knows_it(value, is_protected):
    known = KnownResource(
        "i-1", "access_key", "", ACCOUNT, "", NOON, tags={"tocsin:protected": value}
    )

    (request,) = propose(
        [playbook()],
        [about("access_key/i-1")],
        surroundings(inventory=Shelf({"access_key/i-1": known})),
        (),
        NOON,
    ).requests

    assert (request.state == "refused") == is_protected


def keys(count: int, first: int = 0) -> list[Case]:
    return [about(f"access_key/AKIA{number}") for number in range(first, first + count)]


def test_a_playbook_that_would_break_its_cap_does_nothing_and_is_stopped():
    proposed = propose([playbook()], keys(6), surroundings(), (), NOON)

    assert proposed.requests == ()
    (stop,) = proposed.stops
    assert stop.reason == "6 requests in ten minutes, 5 are its limit"
    assert stop.incident_uid


def test_a_stopped_playbook_asks_for_nothing():
    around = surroundings(stopped="leaked-key")

    assert propose([playbook()], keys(1), around, (), NOON).requests == ()


def test_the_cap_counts_what_was_asked_before():
    loose = surroundings(Limits(class_floor=100))
    before = propose([playbook()], keys(5), loose, (), NOON).requests

    soon = propose([playbook()], keys(1, 9), loose, before, NOON + timedelta(minutes=9))
    later = propose([playbook()], keys(1, 9), loose, before, NOON + timedelta(minutes=10))

    assert [len(soon.requests), len(soon.stops)] == [0, 1]
    assert [len(later.requests), len(later.stops)] == [1, 0]


def test_the_cap_of_an_account_holds_over_all_playbooks():
    wide = "{per_ten_minutes: 100}"
    books = [playbook(id=f"book-{n}", limits=wide) for n in range(3)]
    limits = surroundings(Limits(class_floor=100))

    proposed = propose(books, keys(8), limits, (), NOON)

    assert len(proposed.requests) == 16
    assert [stop.reason for stop in proposed.stops] == [
        "24 requests in account 111122223333 in an hour, 20 are the limit"
    ]


@pytest.mark.parametrize(("known", "asked"), [(0, 0), (399, 0), (400, 4)])
def test_only_a_hundredth_of_a_kind_is_touched_in_an_hour(known, asked):
    around = surroundings(inventory=Shelf(total=known))

    assert len(propose([playbook()], keys(4), around, (), NOON).requests) == asked


def test_a_target_is_left_alone_while_the_playbook_cools_down():
    before = propose([playbook()], keys(1), surroundings(), (), NOON).requests
    (case,) = keys(1)
    another = Case(replace(case.incident, uid="inc_another"), case.findings)

    early = propose([playbook()], [another], surroundings(), before, NOON + timedelta(minutes=59))
    late = propose([playbook()], [another], surroundings(), before, NOON + timedelta(minutes=60))

    assert (len(early.requests), len(late.requests)) == (0, 1)


@given(st.lists(st.integers(0, 40), max_size=25), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_no_hour_ever_has_more_than_the_caps_allow(minutes, per_turn):
    """However incidents come, in an hour an account sees 20 requests, in ten minutes 5."""
    around = surroundings(Limits(class_floor=1000))
    past = []
    for place, minute in enumerate(sorted(minutes)):
        now = NOON + timedelta(minutes=minute)
        cases = keys(per_turn, 100 * place)
        past.extend(propose([playbook()], cases, around, past, now).requests)

    times = [one.requested_time for one in past]
    assert all(
        sum(begin <= each < begin + timedelta(minutes=10) for each in times) <= 5 for begin in times
    )
    assert len(past) <= 20


def said(user: str, session: str = "", issuer: str = OWN_ROLE) -> Said:
    actor = {"user": {"uid": user}, "session": {"uid": session, "issuer": issuer}}
    return Said(event=event(actor=actor))


OURS = f"arn:aws:sts::{ACCOUNT}:assumed-role/tocsin-respond/tocsin-respond-0123"


@pytest.mark.parametrize(
    ("testimony", "is_ours"),
    [
        (said(OURS), True),
        (said("AROA:x", "tocsin-respond-0123"), True),
        (said(OURS.replace("role/tocsin-respond/", "role/other/"), issuer="arn:x"), False),
        (said(OURS.replace("/tocsin-respond-0123", "/eve")), False),
        (said(f"arn:aws:iam::{ACCOUNT}:user/tocsin-respond", issuer=""), False),
    ],
)
def test_a_session_is_ours_only_in_our_role(testimony, is_ours):
    assert is_own(testimony, frozenset({OWN_ROLE})) == is_ours


def test_a_new_protection_releases_what_it_covers():
    asked = propose([playbook()], keys(3), surroundings(), (), NOON).requests
    protected = Protected(identities=frozenset({"AKIA1"}))

    assert [one.target.name for one, _ in released(protected, asked)] == ["AKIA1"]
