"""One's own account: everybody changes their own password, and nobody else's."""

from collections.abc import Iterator

import httpx
import pytest

from tests.serve.web.conftest import (
    PASSWORD,
    ROLES,
    add_people,
    console_over,
    csrf_of,
    served,
    signed_in,
    visitor,
)
from tocsin.serve.web import create_app
from tocsin.store import Store

NEW = "another battery staple"


@pytest.fixture
def own_address(empty_store: Store) -> Iterator[str]:
    """Return the address of a console whose people may be changed."""
    add_people(empty_store)
    with served(create_app(console_over(empty_store))) as found:
        yield found


def change(
    client: httpx.Client, old: str = PASSWORD, new: str = NEW, again: str | None = None
) -> httpx.Response:
    form = {"csrf": csrf_of(client), "old": old, "password": new, "again": again or new}
    return client.post("/account", data=form)


@pytest.mark.parametrize("role", ROLES)
def test_everybody_changes_their_own_password(own_address: str, role: str) -> None:
    with signed_in(own_address, role) as client, signed_in(own_address, role) as elsewhere:
        answer = change(client)
        here, there = (each.get("/api/v1/me").status_code for each in (client, elsewhere))
        shown = client.get(answer.headers["location"])
    with visitor(own_address) as fresh:
        old, new = (
            fresh.post("/sign-in", data={"name": role, "password": each}).status_code
            for each in (PASSWORD, NEW)
        )

    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=password")
    assert (here, there) == (200, 401)
    assert "Your password is changed" in shown.text
    assert (old, new) == (401, 303)


@pytest.mark.parametrize(
    ("old", "new", "again", "words"),
    [
        ("wrong", NEW, NEW, "The old password is wrong."),
        (PASSWORD, NEW, "different", "the two passwords differ"),
        (PASSWORD, "short", "short", "12 to 256 characters"),
        (PASSWORD, PASSWORD, PASSWORD, "the new password is the old one"),
    ],
)
def test_a_change_that_cannot_be_says_why(
    own_address: str, old: str, new: str, again: str, words: str
) -> None:
    with signed_in(own_address, "viewer") as client:
        answer = change(client, old, new, again)
    with visitor(own_address) as fresh:
        still = fresh.post("/sign-in", data={"name": "viewer", "password": PASSWORD}).status_code

    assert (answer.status_code, still) == (400, 303)
    assert words in answer.text


def test_guessing_the_old_password_is_stopped(own_address: str) -> None:
    with signed_in(own_address, "viewer") as client:
        answers = [change(client, "wrong").text for _ in range(12)]
        right = change(client)

    assert "The old password is wrong." in answers[0]
    assert "too many attempts" in answers[-1]
    assert (right.status_code, "too many attempts" in right.text) == (400, True)


def test_a_change_without_the_token_of_the_form_is_refused(own_address: str) -> None:
    form = {"old": PASSWORD, "password": NEW, "again": NEW}
    with signed_in(own_address, "viewer") as client:
        assert client.post("/account", data=form).status_code == 403
