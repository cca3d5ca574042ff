"""Addresses in SQL agree with Python's own reading of them."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.store.addresses import MACROS, inside


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for macro in MACROS:
            connection.execute(macro)
        yield connection


def is_inside(engine: duckdb.DuckDBPyConnection, address: str, network: str) -> bool:
    condition = inside("address", network)
    assert condition is not None
    sql, values = condition
    statement = f"SELECT coalesce({sql}, false) FROM (SELECT ? AS address)"
    row = engine.execute(statement, [*values, address]).fetchone()
    assert row is not None
    return bool(row[0])


@given(address=st.ip_addresses(v=4), width=st.integers(0, 32), other=st.ip_addresses(v=4))
def test_ipv4_addresses_are_inside_their_networks(engine, address, width, other) -> None:
    network = ip_network(f"{address}/{width}", strict=False)

    assert is_inside(engine, str(address), str(network))
    assert is_inside(engine, str(other), str(network)) == (other in network)


@given(address=st.ip_addresses(v=6), width=st.integers(0, 128), other=st.ip_addresses(v=6))
def test_ipv6_addresses_are_inside_their_networks(engine, address, width, other) -> None:
    network = ip_network(f"{address}/{width}", strict=False)

    assert is_inside(engine, str(address), str(network))
    assert is_inside(engine, address.exploded.upper(), str(network))
    assert is_inside(engine, str(other), str(network)) == (other in network)


@pytest.mark.parametrize(
    "text",
    ["cloudtrail.amazonaws.com", "10.0.0", "10.0.0.0.1", "10.0.0.256", "AWS Internal", "", "::g"],
)
def test_what_is_no_address_is_in_no_network(engine, text: str) -> None:
    assert not is_inside(engine, text, "0.0.0.0/0")
    assert not is_inside(engine, text, "::/0")


def test_a_mapped_address_is_inside_the_ipv4_network(engine) -> None:
    assert is_inside(engine, "::ffff:10.1.2.3", "10.0.0.0/8")
    assert is_inside(engine, str(ip_address("::ffff:10.1.2.3")), "10.0.0.0/8")


@pytest.mark.parametrize("text", ["10.0.0.1", "a/b", "10.0.0.0/33", "/8", "1.2.3/8"])
def test_what_is_no_range_is_compared_as_text(text: str) -> None:
    assert inside("address", text) is None
