"""A console over a filled store, served by a real server, and visitors of every role."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from tests.serve.web import seed, tuning
from tocsin.detect import RuleSet
from tocsin.run import suppressing
from tocsin.run.integrations import Integrations
from tocsin.serve.web import Console, View, create_app
from tocsin.settings import Settings
from tocsin.store import Store

PASSWORD = "correct horse battery staple"
ROLES = ("viewer", "analyst", "admin")


def console_over(store: Store, settings: Settings | None = None, **changes: object) -> Console:
    """Return a console whose clock stands still; `changes` are of its view."""
    return Console(
        store=store,
        now=lambda: seed.NOW,
        view=View(version="0.0.test", **changes),  # type: ignore[arg-type]
        rules=lambda: seed.RULES,
        rules_version=lambda: "0123456789ab",
        learning=lambda: tuning.LEARNING,
        rule_problems=lambda: (),
        health=lambda: SimpleNamespace(is_ready=True, problems=()),
        metrics=lambda: (),
        coverage=tuning.coverage,
        foretell=lambda suppression, scope: suppressing.foretell(
            suppression, RuleSet(), store, scope, seed.NOW
        ),
        integrations=Integrations(settings or Settings(data=store.folder), store),
    )


def add_people(store: Store) -> None:
    """Create one user of each role, named after it."""
    token = store.accounts.new_setup_token(seed.NOW)
    store.accounts.consume_setup_token(token, "admin", PASSWORD, seed.NOW)
    for role in ("viewer", "analyst"):
        store.accounts.add_user(role, PASSWORD, role, "admin", seed.NOW)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve `app` on a free port of this machine; yield its address."""
    settings = uvicorn.Config(
        app, port=0, ws="none", log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server could not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a filled store with one user of each role; shared by the tests of one file."""
    with Store.open(tmp_path_factory.mktemp("data") / "store") as opened:
        seed.fill(opened)
        add_people(opened)
        yield opened


@pytest.fixture(scope="module")
def address(store: Store) -> Iterator[str]:
    """Return the address of the console over the filled store."""
    with served(create_app(console_over(store))) as found:
        yield found


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    """Return a store where nothing ever happened."""
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def anonymous(address: str) -> Iterator[httpx.Client]:
    with visitor(address) as client:
        yield client


@pytest.fixture(scope="module")
def viewer(address: str) -> Iterator[httpx.Client]:
    with signed_in(address, "viewer") as client:
        yield client


@pytest.fixture(scope="module")
def analyst(address: str) -> Iterator[httpx.Client]:
    with signed_in(address, "analyst") as client:
        yield client


@pytest.fixture(scope="module")
def admin(address: str) -> Iterator[httpx.Client]:
    with signed_in(address, "admin") as client:
        yield client


def visitor(address: str) -> httpx.Client:
    """Return a browser without a cookie that sends what browsers send from our own pages."""
    return httpx.Client(base_url=address, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30)


@contextmanager
def signed_in(address: str, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
    """Return a browser of the user of this name."""
    with visitor(address) as client:
        answer = client.post("/sign-in", data={"name": name, "password": password})
        assert answer.status_code == 303, answer.text
        yield client


def csrf_of(client: httpx.Client) -> str:
    """Return the token that changes of this visitor must bring along."""
    token: str = client.get("/api/v1/me").json()["csrf"]
    return token
