"""The way in and out: set-up, sign-in, sessions, forged requests."""

import re

import httpx
import pytest

from tests.serve.web import seed
from tests.serve.web.conftest import (
    PASSWORD,
    add_people,
    console_over,
    csrf_of,
    served,
    signed_in,
    visitor,
)
from tocsin.serve.web import create_app
from tocsin.serve.web.page import safe_return
from tocsin.store import IncidentFilter, Store

CHANGE = "/incidents/{uid}"


@pytest.fixture
def incident_uid(store: Store) -> str:
    user = store.accounts.users()[0]
    return store.incidents.list(IncidentFilter(), user.scope).rows[0].uid


# --- set-up ---------------------------------------------------------------------------------------


def test_the_set_up_token_makes_the_first_administrator_once(empty_store: Store) -> None:
    token = empty_store.accounts.new_setup_token(seed.NOW)
    form = {"token": token, "name": "root", "password": PASSWORD, "again": PASSWORD}
    with served(create_app(console_over(empty_store))) as address:
        with visitor(address) as client:
            before = client.get("/")
            made = client.post("/setup", data=form)
            me = client.get("/api/v1/me").json()
        with visitor(address) as stranger:
            again = stranger.post("/setup", data={**form, "name": "other"})

    assert before.headers["location"] == "/sign-in?next=%2F"
    assert (made.status_code, me["name"], me["role"]) == (303, "root", "admin")
    assert again.status_code == 400
    assert [user.name for user in empty_store.accounts.users()] == ["root"]


def test_a_wrong_token_or_password_makes_nobody(empty_store: Store) -> None:
    token = empty_store.accounts.new_setup_token(seed.NOW)
    good = {"token": token, "name": "root", "password": PASSWORD, "again": PASSWORD}
    wrong = (
        {"token": "guess"},
        {"again": "different"},
        {"password": "short", "again": "short"},
        {"name": ""},
    )
    with served(create_app(console_over(empty_store))) as address, visitor(address) as client:
        statuses = [client.post("/setup", data={**good, **change}).status_code for change in wrong]
        shown = client.get("/sign-in")

    assert statuses == [400, 400, 400, 400]
    assert shown.headers["location"] == "/setup"
    assert empty_store.accounts.users() == ()


# --- sign-in --------------------------------------------------------------------------------------


def test_the_cookie_is_strict_and_out_of_reach_of_scripts(address: str) -> None:
    with visitor(address) as client:
        answer = client.post("/sign-in", data={"name": "viewer", "password": PASSWORD})

    cookie = answer.headers["set-cookie"]
    assert re.match(r"tocsin=\S+;", cookie)
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie


def test_under_tls_the_cookie_is_bound_to_host_and_tls(empty_store: Store) -> None:
    add_people(empty_store)
    with (
        served(create_app(console_over(empty_store, is_tls=True))) as address,
        visitor(address) as client,
    ):
        answer = client.post("/sign-in", data={"name": "viewer", "password": PASSWORD})

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-tocsin=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


def test_wrong_credentials_are_refused_without_a_hint(anonymous: httpx.Client) -> None:
    unknown = anonymous.post("/sign-in", data={"name": "nobody", "password": "x"})
    known = anonymous.post("/sign-in", data={"name": "viewer", "password": "x"})

    assert (unknown.status_code, known.status_code) == (401, 401)
    assert unknown.text.replace("nobody", "viewer") == known.text


def test_sign_in_makes_a_new_session_and_ends_the_old_one(address: str) -> None:
    with signed_in(address, "viewer") as client:
        old = client.cookies["tocsin"]
        client.post("/sign-in", data={"name": "viewer", "password": PASSWORD})
        new = client.cookies["tocsin"]
    with visitor(address) as thief:
        thief.cookies.set("tocsin", old)
        status = thief.get("/api/v1/me").status_code

    assert new != old
    assert status == 401


def test_a_planted_cookie_never_becomes_a_session(address: str) -> None:
    with visitor(address) as client:
        client.cookies.set("tocsin", "planted")
        client.post("/sign-in", data={"name": "viewer", "password": PASSWORD})
    with visitor(address) as planter:
        planter.cookies.set("tocsin", "planted")

        assert planter.get("/api/v1/me").status_code == 401


def test_sign_out_ends_the_session_everywhere(address: str) -> None:
    with signed_in(address, "viewer") as client:
        token, csrf = client.cookies["tocsin"], csrf_of(client)
        answer = client.post("/sign-out", data={"csrf": csrf})
    with visitor(address) as thief:
        thief.cookies.set("tocsin", token)
        status = thief.get("/api/v1/me").status_code

    assert answer.headers["location"] == "/sign-in"
    assert status == 401


def test_locking_somebody_out_ends_their_sessions(empty_store: Store) -> None:
    add_people(empty_store)
    with (
        served(create_app(console_over(empty_store))) as address,
        signed_in(address, "analyst") as client,
        signed_in(address, "admin") as admin,
    ):
        before = client.get("/api/v1/me").status_code
        admin.post("/users", data={"csrf": csrf_of(admin), "do": "disabled", "name": "analyst"})
        after = client.get("/api/v1/me").status_code

    assert (before, after) == (200, 401)


def test_many_wrong_passwords_lock_the_name_for_a_while(empty_store: Store) -> None:
    add_people(empty_store)
    with served(create_app(console_over(empty_store))) as address, visitor(address) as client:
        wrong = {"name": "viewer", "password": "guess"}
        statuses = {client.post("/sign-in", data=wrong).status_code for _ in range(12)}
        right = client.post("/sign-in", data={"name": "viewer", "password": PASSWORD})

    assert statuses == {401, 429}
    assert right.status_code == 429


@pytest.mark.parametrize(
    "address_given",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example",
        "javascript:alert(1)", "/\t/evil.example", "/ok\r\nSet-Cookie: a=b", "", "evil",
    ],
)  # fmt: skip
def test_only_our_own_paths_are_returned_to(address_given: str) -> None:
    assert safe_return(address_given) == "/"


def test_sign_in_returns_to_the_page_that_was_asked_for(address: str) -> None:
    with visitor(address) as client:
        sent = client.get("/findings?rule=r-key")
        form = {"name": "viewer", "password": PASSWORD, "next": "/findings?rule=r-key"}
        answer = client.post("/sign-in", data=form)

    assert sent.headers["location"] == "/sign-in?next=%2Ffindings%3Frule%3Dr-key"
    assert answer.headers["location"] == "/findings?rule=r-key"


def test_a_link_from_elsewhere_goes_on_as_our_own_page(address: str) -> None:
    with visitor(address) as client:
        answer = client.get("/incidents", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/incidents">' in answer.text


# --- forged requests ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_change_from_elsewhere_is_refused(
    address: str, analyst: httpx.Client, incident_uid: str, headers: dict[str, str]
) -> None:
    form = {"csrf": csrf_of(analyst), "do": "take"}
    with httpx.Client(base_url=address, cookies=analyst.cookies) as client:
        answer = client.post(CHANGE.format(uid=incident_uid), data=form, headers=headers)

    assert answer.status_code == 403


def test_a_browser_that_tells_only_its_origin_is_let_in(
    address: str, analyst: httpx.Client, incident_uid: str
) -> None:
    form = {"csrf": csrf_of(analyst), "do": "note", "comment": "seen"}
    with httpx.Client(base_url=address, cookies=analyst.cookies) as client:
        answer = client.post(
            CHANGE.format(uid=incident_uid), data=form, headers={"Origin": address}
        )

    assert answer.status_code == 303


@pytest.mark.parametrize("token", ["", "wrong", "é", "0" * 64])
def test_a_change_without_the_token_is_refused(
    analyst: httpx.Client, incident_uid: str, token: str
) -> None:
    form = analyst.post(CHANGE.format(uid=incident_uid), data={"csrf": token, "do": "take"})
    body = analyst.patch(f"/api/v1{CHANGE.format(uid=incident_uid)}", json={"assignee": "analyst"})

    assert (form.status_code, body.status_code) == (403, 403)


def test_the_token_of_another_session_is_refused(
    analyst: httpx.Client, admin: httpx.Client, incident_uid: str
) -> None:
    form = {"csrf": csrf_of(admin), "do": "take"}

    assert analyst.post(CHANGE.format(uid=incident_uid), data=form).status_code == 403


def test_sign_in_from_elsewhere_is_refused(address: str) -> None:
    with visitor(address) as client:
        form = {"name": "viewer", "password": PASSWORD}
        answer = client.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
