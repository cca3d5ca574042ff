"""What playbooks ask for is committed with the incident that it is for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.run.batches import batch
from tests.run.crank import ACCOUNT, NOW, call, stopped_trail, turned
from tests.run.proposals import TRAIL_STOPPED, key_playbook, with_playbooks
from tocsin.ocsf import EVERYTHING
from tocsin.run.absences import AbsenceWatch
from tocsin.run.pipeline import turn
from tocsin.run.proposing import OverflowWatch
from tocsin.run.releasing import release
from tocsin.run.tools import Tools
from tocsin.store import Store


def requests_of(store: Store) -> list:
    return [kept.request for kept in store.requests.list(EVERYTHING, limit=10_000)]


def test_an_incident_brings_its_request_in_the_same_turn(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, key_playbook())

    (incident,) = turned(armed, store, batch(stopped_trail())).changed

    (request,) = requests_of(store)
    assert (request.state, request.incident_uid) == ("proposed", incident.uid)
    assert (request.target.uid, request.target.account) == ("AKIAIOSFODNN7EXAMPLE", ACCOUNT)
    assert request.target.region == "eu-central-1"
    assert request.target.provider == "aws"


def test_the_same_records_again_ask_for_nothing_more(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, key_playbook())
    turned(armed, store, batch(stopped_trail()))

    turned(armed, store, batch(stopped_trail()))
    turned(armed, store, batch(stopped_trail(at=NOW + timedelta(minutes=3))))

    assert len(requests_of(store)) == 1


def test_loaded_history_asks_for_nothing(tools: Tools, store: Store, tmp_path):
    armed = replace(with_playbooks(tools, tmp_path, key_playbook()), is_told=False)

    turned(armed, store, batch(stopped_trail()))

    assert requests_of(store) == []


def test_what_ships_only_observes(tools: Tools, store: Store):
    turned(tools, store, batch(stopped_trail()))

    assert {request.state for request in requests_of(store)} <= {"observed", "refused"}


def test_the_emergency_identity_is_left_alone(tools: Tools, store: Store, tmp_path):
    book = key_playbook(steps=[{"action": "aws_deny_user"}])
    armed = with_playbooks(tools, tmp_path, book)
    proposing = armed.proposing
    limits = proposing.limits
    protected = replace(limits.protected, identities=frozenset({"*:user/eve"}))
    proposing.__dict__["limits"] = replace(limits, protected=protected)

    turned(armed, store, batch(stopped_trail()))

    (request,) = requests_of(store)
    assert request.state == "refused"
    assert "eve is protected" in request.reason


def test_what_tocsin_does_itself_brings_nothing_about(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, key_playbook())
    role = f"arn:aws:iam::{ACCOUNT}:role/tocsin-respond"
    armed.proposing.__dict__["limits"] = replace(
        armed.proposing.limits, own_roles=frozenset({role})
    )
    mine = stopped_trail()
    mine["userIdentity"] = {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/tocsin-respond/tocsin-respond-0123",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "userName": "x"}},
    }

    turned(armed, store, batch(mine))

    assert requests_of(store) == []


VICTIMS = [f"9.9.{100 + n // 25}.{10 + n % 25}" for n in range(50)]
"""Public addresses of others that crafted records name."""
STRANGER = "5.6.7.8"
"""Who sends them, as the provider saw it."""

BLOCK = {
    "id": "block",
    "title": "Block an address",
    "description": "It is hostile.",
    "trigger": {"finding.severity_id|gte": 1},
    "steps": [
        {
            "action": "aws_block_address_network",
            "with": {"network_acl": "acl-0a1b2c3d"},
            "target": {
                "type": "address",
                "from": [
                    "finding.entity",
                    "finding.links",
                    "sourceIPAddress",
                    "userAgent",
                    "requestParameters.userName",
                    "requestParameters.xForwardedFor",
                    "requestParameters.host",
                    "requestParameters.container",
                    "errorMessage",
                    "ocsf.http_request.user_agent",
                    "ocsf.http_request.x_forwarded_for",
                ],
            },
        }
    ],
    "mode": "propose",
    "limits": {"per_ten_minutes": 100, "per_incident": 20},
}


def crafted(number: int) -> dict[str, object]:
    """Return a record that names a victim wherever its author can write."""
    victim = VICTIMS[number % len(VICTIMS)]
    texts = (
        victim,
        f"SSH-2.0-{victim}",
        f"Mozilla/5.0 (X-Forwarded-For: {victim})",
        f"{victim}.example.org",
        f"web-1 from {victim} port 22",
    )
    return stopped_trail(at=NOW + timedelta(seconds=number)) | {
        "sourceIPAddress": STRANGER,
        "userAgent": texts[number % 5],
        "errorMessage": None if number % 3 else victim,
        "requestParameters": {
            "name": texts[number % 5],
            "userName": victim,
            "xForwardedFor": victim,
            "host": victim,
            "container": victim,
        },
    }


def test_a_thousand_crafted_records_aim_at_nobody(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, BLOCK, per_account_hour=1000)

    for begin in range(0, 1000, 100):
        turned(armed, store, batch(*map(crafted, range(begin, begin + 100)), first=begin))

    asked = requests_of(store)
    assert {one.target.uid for one in asked if one.state != "refused"} == {STRANGER}
    assert {one.target.uid for one in asked if one.state == "refused"} & set(VICTIMS)


def test_ten_thousand_spoofed_attackers_bring_one_warning(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(
        tools, tmp_path, BLOCK | {"limits": {"per_ten_minutes": 5}}, key_playbook()
    )
    watch = OverflowWatch(store)
    for turn_number in range(10):
        moment = NOW + timedelta(seconds=30 * turn_number)
        records = [
            stopped_trail(user=f"u{turn_number}-{n}", at=moment)
            | {"sourceIPAddress": f"52.{turn_number}.{n // 250}.{n % 250 + 1}"}
            for n in range(1000)
        ]
        turned(armed, store, batch(*records, first=1000 * turn_number), now=moment)

    assert len([one for one in requests_of(store) if one.state == "proposed"]) <= 20
    warnings = watch.findings(NOW + timedelta(minutes=6))
    assert warnings.column("title").to_pylist() == ["Possible abuse of response"]
    assert [stop.playbook_uid for stop in store.playbooks.stops()] == ["block"]


@pytest.mark.parametrize("mode", ["observe", "propose"])
def test_a_stopped_playbook_goes_on_when_somebody_says_so(tools, store, tmp_path, mode):
    armed = with_playbooks(tools, tmp_path, key_playbook(mode, limits={"per_ten_minutes": 1}))
    keys = [
        stopped_trail(user=f"u{n}")
        | {"userIdentity": {**stopped_trail(f"u{n}")["userIdentity"], "accessKeyId": f"AKIA{n}"}}
        for n in range(3)
    ]
    turned(armed, store, batch(*keys))
    stops = store.playbooks.stops()

    if mode == "propose":
        store.playbooks.go_on("leaked-key", "olga", NOW)
    later = call("StopLogging", service="cloudtrail.amazonaws.com", user="last")
    turned(armed, store, batch(later, first=10))

    assert len(stops) == (mode == "propose")
    assert [one.target.uid for one in requests_of(store)] == ["AKIAIOSFODNN7EXAMPLE"]


def test_a_new_protection_lets_go_of_what_waits(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, key_playbook())
    turned(armed, store, batch(stopped_trail()))
    settings = armed.proposing._settings
    protected = settings.response.protected.model_copy(
        update={"identities": ("AKIAIOSFODNN7EXAMPLE",)}
    )
    response = settings.response.model_copy(update={"protected": protected})

    count = release(settings.model_copy(update={"response": response}), store, NOW)

    assert count == 1
    assert [one.state for one in requests_of(store)] == ["refused"]


def test_the_warning_becomes_an_incident_of_its_own(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, key_playbook(limits={"per_ten_minutes": 1}))
    records = []
    for number in range(2):
        record = stopped_trail(user=f"u{number}")
        record["userIdentity"] = record["userIdentity"] | {"accessKeyId": f"AKIA{number}"}
        records.append(record)
    turned(armed, store, batch(*records))

    warned = turn([], armed, store, NOW, AbsenceWatch(armed.settings, store).findings(NOW))

    assert [one.title for one in warned.changed] == ["Possible abuse of response: leaked-key"]
    assert AbsenceWatch(armed.settings, store).findings(NOW).num_rows == 0


def test_an_incident_that_grows_finds_the_target_of_its_first_event(tools, store, tmp_path):
    book = key_playbook(
        trigger={"incident.finding_count|gte": 2, "finding.rule_uid": TRAIL_STOPPED}
    )
    armed = with_playbooks(tools, tmp_path, book)
    begun = turned(armed, store, batch(stopped_trail())).changed
    before = requests_of(store)
    later = call(
        "AttachUserPolicy",
        service="iam.amazonaws.com",
        requestParameters={
            "userName": "eve",
            "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
        },
        at=NOW + timedelta(minutes=1),
    )
    later["userIdentity"] = {**later["userIdentity"], "accessKeyId": "AKIAI44QH8DHBEXAMPLE"}

    grown = turned(armed, store, batch(later, first=10)).changed

    assert [one.uid for one in grown] == [one.uid for one in begun]
    assert before == []
    assert [one.target.uid for one in requests_of(store)] == ["AKIAIOSFODNN7EXAMPLE"]


def test_playbooks_that_were_read_ahead_are_not_read_again(tools, tmp_path):
    armed = with_playbooks(tools, tmp_path, key_playbook())

    armed.proposing.warm()
    (tmp_path / "playbooks" / "leaked-key.yaml").unlink()

    assert [each.uid for each in armed.proposing.loaded.playbooks] == ["leaked-key"]
