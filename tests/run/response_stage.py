"""What the tests of responding share: a user with a key, requests about it, and a runner."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import boto3
import pytest
import requests

from tests.collect.conftest import aws, cloud
from tocsin.errors import ActionError
from tocsin.ocsf import EVERYTHING
from tocsin.respond.actions import ActionFacts, Call, Caller, Target
from tocsin.respond.actions.words import State
from tocsin.respond.requests import ActionRequest, request_uid, run_uid
from tocsin.run.responding import Responding
from tocsin.run.responding_accounts import OwnCallers
from tocsin.settings import Settings, load
from tocsin.store import Store
from tocsin.store.answers import KeptRequest

__all__ = ["aws", "cloud", "moto_url", "stage"]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACCOUNT = "123456789012"
"""Of moto."""


@dataclass
class Watched:
    """A caller that keeps what changes something, and does what a test asks for."""

    caller: Caller
    sent: list[Call]
    before: Callable[[Call], None]

    def call(self, call: Call) -> State:
        if not call.is_reading:
            self.before(call)
            self.sent.append(call)
        return self.caller.call(call)


@dataclass
class WatchedCallers:
    """Callers of which a test sees everything; `before` may raise in place of a call."""

    settings: Settings
    sent: list[Call] = field(default_factory=list)
    before: Callable[[Call], None] = lambda call: None
    read: Callable[[], None] = lambda: None

    def caller(self, request: ActionRequest, facts: ActionFacts) -> Caller:
        self.read()
        return Watched(
            OwnCallers(self.settings).caller(request, facts),
            self.sent,
            lambda call: self.before(call),
        )


@dataclass
class Stage:
    """A world with one user, whose access key leaked."""

    store: Store
    settings: Settings
    callers: WatchedCallers
    iam: Any
    key: str
    now: datetime = NOON
    runners: list[Responding] = field(default_factory=list)

    def runner(self, store: Store | None = None) -> Responding:
        made = Responding(
            self.settings,
            store or self.store,
            self.callers,
            Event(),
            lambda: self.now,
            lambda seconds: None,
        )
        self.runners.append(made)
        return made

    def turn(self, times: int = 1) -> None:
        """Let the runner look, as it does every second."""
        runner = self.runners[-1] if self.runners else self.runner()
        for _ in range(times):
            runner.once()

    def later(self, **stretch: float) -> None:
        self.now += timedelta(**stretch)

    @property
    def target(self) -> Target:
        return Target("access_key", self.key, self.key, "aws", ACCOUNT)

    def request(self, **values: Any) -> ActionRequest:
        """Return a request of a playbook to disable the key."""
        run = run_uid(values.get("playbook_uid", "leaked_access_key"), "inc_1")
        step = values.get("step", 0)
        made = ActionRequest(
            uid=request_uid(run, step, "aws_disable_access_key", self.target),
            run_uid=run,
            playbook_uid="leaked_access_key",
            step=step,
            incident_uid="inc_1",
            action="aws_disable_access_key",
            target=self.target,
            arguments="{}",
            mode="approve",
            state="proposed",
            author="playbook:leaked_access_key",
            reason="the key leaked",
            requested_time=self.now,
            lasts=None,
            needed_approvals=1,
        )
        return replace(made, **values)

    def put(self, **values: Any) -> str:
        made = self.request(**values)
        return self.store.requests.put(made, made.author, self.now)

    def kept(self, uid: str) -> KeptRequest:
        found = self.store.requests.get(uid, EVERYTHING)
        assert found is not None
        return found

    def state(self, uid: str) -> str:
        return self.kept(uid).request.state

    def approve(self, uid: str, who: str = "alice", digest: str | None = None) -> KeptRequest:
        seen = self.kept(uid).digest if digest is None else digest
        delay = self.settings.response.lone_delay
        return self.store.requests.approve(uid, seen, who, self.now, EVERYTHING, lone_delay=delay)

    def undo(self, uid: str, who: str = "alice") -> None:
        self.store.requests.ask_undo(uid, who, "a test", self.now, EVERYTHING)

    def carried_out(self, **values: Any) -> str:
        """Return a request that was approved and is carried out."""
        uid = self.put(**values)
        self.turn()
        self.approve(uid)
        self.turn()
        return uid

    def status(self) -> str:
        """Return what the cloud says of the key."""
        (found,) = self.keys()
        return str(found["Status"])

    def keys(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.iam.list_access_keys(UserName="mallory")[
            "AccessKeyMetadata"
        ]
        return found


def settings_in(folder: Path, url: str, **response: Any) -> Settings:
    accounts = [{"kind": "aws", "account": ACCOUNT, "endpoint": url}]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "tocsin.yaml"
    file.write_text(
        json.dumps({"data": str(folder / "data"), "response": {"accounts": accounts, **response}})
    )
    return load(file, {"HOME": str(folder)})


@contextmanager
def opened(folder: Path, url: str) -> Iterator[Stage]:
    settings = settings_in(folder, url)
    iam = boto3.client("iam", endpoint_url=url, region_name="us-east-1")
    iam.create_user(UserName="mallory")
    key = iam.create_access_key(UserName="mallory")["AccessKey"]["AccessKeyId"]
    with Store.open(folder / "data") as store:
        yield Stage(store, settings, WatchedCallers(settings), iam, key)


def refused(call: Call) -> None:
    raise ActionError("refused by the test")


@pytest.fixture
def moto_url(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    requests.post(f"{aws}/moto-api/reset", timeout=60)
    boto3.setup_default_session()
    return aws


@pytest.fixture
def stage(moto_url: str, tmp_path: Path) -> Iterator[Stage]:
    with opened(tmp_path / "data", moto_url) as made:
        yield made
