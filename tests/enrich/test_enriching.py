"""What is added to events, what is left alone, and how it is marked."""

import json
from ipaddress import ip_network

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.enrich.tables import NOON, Asked, events, knowing
from tocsin.enrich import Asset, Knowledge, Note, Person, Place, derived_trust, enrich
from tocsin.ocsf.addresses import Ranges

SOURCE = {"ip": "203.0.113.7"}


def test_place_and_network_are_added_and_marked():
    (row,) = enrich(events({"src_endpoint": SOURCE}), knowing()).to_pylist()

    assert row["src_endpoint"]["location"] == {
        "city": "Berlin",
        "continent": "Europe",
        "country": "DE",
        "lat": 52.5,
        "long": 13.4,
        "region": "BE",
    }
    assert row["src_endpoint"]["autonomous_system"] == {"name": "Carrier", "number": 64_496}
    told = {each["type"]: each for each in row["enrichments"]}
    assert set(told) == {"location", "autonomous_system"}
    assert told["location"]["name"] == "src_endpoint.ip"
    assert told["location"]["value"] == "203.0.113.7"
    assert told["location"]["provider"] == "City 2026-11-01"
    assert told["location"]["created_time"] == NOON
    assert json.loads(told["autonomous_system"]["data"])["number"] == 64_496


def test_an_address_is_looked_up_once_a_batch():
    asked = Asked()
    enrich(events(*[{"src_endpoint": SOURCE}] * 50), knowing(asked))

    assert asked.calls == [["203.0.113.7"]]


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.0.0.1", "169.254.169.254", "100.64.1.1", "fd00::1", "::1", "224.0.0.1"]
    + ["240.0.0.1", "not an address", "", "198.51.100.9", "::ffff:10.0.0.1"],
)
def test_private_reserved_and_own_addresses_are_left_alone(address: str):
    asked = Asked({address: Asked().known["203.0.113.7"]})
    own = Ranges([(ip_network("198.51.100.0/24"), True)])
    (row,) = enrich(events({"src_endpoint": {"ip": address}}), knowing(asked, own=own)).to_pylist()

    assert asked.calls == []
    assert row["enrichments"] is None
    assert row["src_endpoint"]["location"] is None


def test_what_the_source_says_itself_stays_and_is_not_claimed():
    kind = pa.struct([("ip", pa.string()), ("location", pa.struct([("country", pa.string())]))])
    table = events(
        {"src_endpoint": SOURCE | {"location": {"country": "FR"}}},
        {"src_endpoint": SOURCE},
        src_endpoint=kind,
    )
    first, second = enrich(table, knowing()).to_pylist()

    assert first["src_endpoint"]["location"]["country"] == "FR"
    assert first["src_endpoint"]["location"]["city"] is None
    assert [each["type"] for each in first["enrichments"]] == ["autonomous_system"]
    assert second["src_endpoint"]["location"]["country"] == "DE"
    assert {each["type"] for each in second["enrichments"]} == {"location", "autonomous_system"}


def test_entries_of_the_source_stay_in_front():
    kind = pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))
    own = [{"name": "n", "value": "v"}]
    table = events({"src_endpoint": SOURCE, "enrichments": own}, enrichments=kind)
    (row,) = enrich(table, knowing()).to_pylist()

    assert row["enrichments"][0]["name"] == "n"
    assert len(row["enrichments"]) == 3


def test_the_longest_range_tells_of_an_asset():
    assets = Ranges(
        [
            (ip_network("10.0.0.0/8"), Asset("plant", environment="production")),
            (ip_network("10.1.0.0/16"), Asset("lab", owner="dana", criticality="low")),
        ]
    )
    table = events(*({"src_endpoint": {"ip": ip}} for ip in ("10.1.2.3", "10.2.2.2", "11.0.0.1")))
    rows = enrich(table, Knowledge(assets=assets)).to_pylist()

    assert json.loads(rows[0]["enrichments"][0]["data"]) == {
        "name": "lab",
        "owner": "dana",
        "criticality": "low",
    }
    assert json.loads(rows[1]["enrichments"][0]["data"])["name"] == "plant"
    assert rows[2]["enrichments"] is None
    assert "location" not in rows[0]["src_endpoint"]


def test_people_and_accounts_are_told():
    actor = pa.struct([("user", pa.struct([("uid", pa.string())]))])
    cloud = pa.struct([("account", pa.struct([("uid", pa.string())]))])
    table = events(
        {"actor": {"user": {"uid": "dana"}}, "cloud": {"account": {"uid": "111122223333"}}},
        {"actor": None, "cloud": None},
        actor=actor,
        cloud=cloud,
    )
    knowledge = Knowledge(
        people={"dana": Person(department="research")},
        accounts={"111122223333": Asset("shop", environment="production")},
    )
    first, second = enrich(table, knowledge).to_pylist()

    assert [(each["type"], each["name"]) for each in first["enrichments"]] == [
        ("identity", "actor.user.uid"),
        ("account", "cloud.account.uid"),
    ]
    assert second["enrichments"] is None


def test_networks_of_the_settings_are_named():
    knowledge = knowing(anonymizing=frozenset({64_496}), hosting=frozenset({1}))
    (row,) = enrich(events({"src_endpoint": SOURCE}), knowledge).to_pylist()

    assert "anonymizer" in [each["type"] for each in row["enrichments"]]
    assert "hosting" not in [each["type"] for each in row["enrichments"]]


def test_notes_of_the_databases_become_entries():
    place = Place(notes=(Note("cloud", "AWS ip-ranges.json", '{"region": "eu-central-1"}'),))
    (row,) = enrich(
        events({"src_endpoint": SOURCE}), knowing(Asked({"203.0.113.7": place}))
    ).to_pylist()

    (entry,) = row["enrichments"]
    assert (entry["type"], entry["provider"]) == ("cloud", "AWS ip-ranges.json")
    assert row["src_endpoint"]["location"] is None


def test_nothing_known_changes_nothing():
    table = events({"src_endpoint": SOURCE})

    assert enrich(table, Knowledge()) is table


rows = st.lists(
    st.sampled_from([None, {"ip": None}, SOURCE, {"ip": "10.0.0.1"}, {"ip": "192.0.2.1"}]),
    max_size=40,
)


@given(rows, st.integers(0, 5))
def test_columns_are_the_same_for_every_batch_and_rows_stay_in_order(
    found: list[dict[str, str | None] | None], cut: int
):
    table = events(*({"src_endpoint": each} for each in found)).slice(cut)
    enriched = enrich(table, knowing())

    if table.num_rows:
        assert enriched.schema == enrich(events({"src_endpoint": SOURCE}), knowing()).schema
    assert enriched["event_uid"].to_pylist() == table["event_uid"].to_pylist()
    for before, row in zip(table.to_pylist(), enriched.to_pylist(), strict=True):
        ip = (before["src_endpoint"] or {}).get("ip")
        assert (row["src_endpoint"] is None) == (before["src_endpoint"] is None)
        assert bool(row.get("enrichments")) == (ip == "203.0.113.7")


def test_a_derived_field_is_trusted_like_the_address():
    labels = derived_trust({"src_endpoint.ip": "provider", "dst_endpoint.ip": "agent"})

    assert labels["src_endpoint.location.country"] == "provider"
    assert labels["dst_endpoint.autonomous_system.number"] == "agent"
    assert labels["enrichments"] == "agent"
    assert derived_trust({})["src_endpoint.location.city"] == "attacker"
