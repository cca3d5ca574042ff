"""A console over a filled store, and visitors of every role."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.serve.web import seed
from tocsin.serve.web import Console, View, create_app
from tocsin.store import Store

PASSWORD = "correct horse battery staple"
ROLES = ("viewer", "analyst", "admin")
ORIGIN = "http://localhost"


def console_over(store: Store, now: datetime = seed.NOW, **view: object) -> Console:
    """Return a console whose clock stands still."""
    return Console(
        store=store,
        now=lambda: now,
        view=View(version="0.0.test", **view),  # type: ignore[arg-type]
        rules=lambda: seed.RULES,
        rule_problems=lambda: (),
        health=lambda: SimpleNamespace(is_ready=True, problems=()),
        metrics=lambda: (),
    )


def add_people(store: Store, now: datetime = seed.NOW) -> None:
    """Create one user of each role, named after it."""
    token = store.accounts.new_setup_token(now)
    store.accounts.consume_setup_token(token, "admin", PASSWORD, now)
    for role in ("viewer", "analyst"):
        store.accounts.add_user(role, PASSWORD, role, "admin", now)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a filled store with one user of each role; shared by the tests of one file."""
    with Store.open(tmp_path_factory.mktemp("data") / "store") as opened:
        seed.fill(opened)
        add_people(opened)
        yield opened


@pytest.fixture(scope="module")
def app(store: Store) -> FastAPI:
    return create_app(console_over(store))


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    """Return a store where nothing ever happened."""
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def anonymous(app: FastAPI) -> TestClient:
    return client_of(app)


@pytest.fixture
def viewer(app: FastAPI) -> TestClient:
    return signed_in(app, "viewer")


@pytest.fixture
def analyst(app: FastAPI) -> TestClient:
    return signed_in(app, "analyst")


@pytest.fixture
def admin(app: FastAPI) -> TestClient:
    return signed_in(app, "admin")


def client_of(app: FastAPI) -> TestClient:
    """Return a browser without a cookie that sends what browsers send."""
    return TestClient(
        app, base_url=ORIGIN, follow_redirects=False, headers={"Sec-Fetch-Site": "same-origin"}
    )


def signed_in(app: FastAPI, name: str, password: str = PASSWORD) -> TestClient:
    """Return a browser of the user of this name."""
    client = client_of(app)
    answer = client.post("/sign-in", data={"name": name, "password": password})
    assert answer.status_code == 303, answer.text
    return client


def csrf_of(client: TestClient) -> str:
    """Return the token that pages of this visitor carry."""
    token: str = client.get("/api/v1/me").json()["csrf"]
    return token
