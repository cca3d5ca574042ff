"""A person limited to some accounts: the console and the API keep the rest from them."""

from collections.abc import Iterator

import httpx
import pytest

from tests.serve.web import seed
from tests.serve.web.conftest import PASSWORD, signed_in
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import Store

API = "/api/v1"


@pytest.fixture(scope="module")
def limited(store: Store, address: str) -> Iterator[httpx.Client]:
    """Return a browser of an administrator who may see one account only."""
    scope = Scope(accounts=frozenset({"999900001111"}))
    store.accounts.add_user("limited", PASSWORD, "admin", "admin", seed.NOW, scope=scope)
    with signed_in(address, "limited") as client:
        yield client


def test_rejects_are_kept_from_a_limited_person(store: Store, limited: httpx.Client) -> None:
    row = store.rejects.list(EVERYTHING).rows.to_pylist()[0]

    assert limited.get(f"{API}/rejects").json()["items"] == []
    assert limited.get(f"{API}/rejects/{row['uid']}").status_code == 404
    assert limited.get(f"/rejects/{row['uid']}").status_code == 404
    assert row["uid"] not in limited.get(f"/sources/{row['feed']}").text


def test_the_audit_log_is_kept_from_a_limited_person(limited: httpx.Client) -> None:
    assert limited.get(f"{API}/audit").json()["items"] == []
    assert "user.add" not in limited.get("/audit").text


def test_reasons_of_failures_are_kept_from_a_limited_person(
    store: Store, admin: httpx.Client, limited: httpx.Client
) -> None:
    reason = "TypeError: NoneType"

    assert reason in admin.get("/sources").text
    assert reason not in limited.get("/sources").text


def test_a_limited_person_sees_whether_feeds_speak(
    admin: httpx.Client, limited: httpx.Client
) -> None:
    assert limited.get(f"{API}/sources").json() == admin.get(f"{API}/sources").json() != []
