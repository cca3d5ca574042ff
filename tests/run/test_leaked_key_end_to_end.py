"""The demo's attack against a stand-in for AWS: `tocsin up` itself ends it, and `undo` restores.

Everything is real but the cloud, the chat and the ticket system, which stand on loopback: the
process, its broker with the only credentials, feeds, rules, playbook, plan, calls, message, ticket.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from tests.act.servers import Server, serve
from tests.act.tickets.fakes import Fake, running
from tests.collect.conftest import aws
from tests.conftest import PROJECT
from tocsin.collect.demo_story import load_story

__all__ = ["aws"]

ACCOUNT = "123456789012"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "credential-of-the-broker",
}
VOLATILE = ("LastUsedDate",)
"""What of a key's description changes although nobody changed it."""


@dataclass
class World:
    """A cloud with the demo's two users and their keys, and everybody who is told."""

    folder: Path
    iam: Any
    keys: Mapping[str, str]
    chat: Server
    desk: Fake

    def described(self) -> dict[str, Any]:
        """Return all of IAM that responding may touch, in the provider's own words."""
        found = {}
        for user in sorted(self.keys):
            keys = self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
            found[user] = {
                "keys": [{k: v for k, v in key.items() if k not in VOLATILE} for key in keys],
                "attached": self.iam.list_attached_user_policies(UserName=user)["AttachedPolicies"],
                "inline": self.iam.list_user_policies(UserName=user)["PolicyNames"],
            }
        return found

    def status(self, user: str) -> str:
        return str(self.described()[user]["keys"][0]["Status"])

    def denied(self, user: str) -> bool:
        attached = self.described()[user]["attached"]
        return [each["PolicyName"] for each in attached] == ["AWSDenyAll"]

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tocsin", *arguments, "--config", str(self.config)],
            env=self.environ(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def config(self) -> Path:
        return self.folder / "tocsin.yaml"

    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        secrets = {f"TOCSIN_BROKER_{name}": value for name, value in CREDENTIALS.items()}
        hook = {"HOOK_URL": f"http://127.0.0.1:{self.chat.port}/hook", "HOOK_KEY": "k" * 40}
        more = {"AWS_EC2_METADATA_DISABLED": "true", "TOKEN": "hunter2"}
        return {**kept, **secrets, **hook, **more, "PYTHONPATH": str(PROJECT)}


@pytest.fixture
def world(aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    requests.post(f"{aws}/moto-api/reset", timeout=60)
    iam = boto3.client(
        "iam",
        endpoint_url=aws,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    keys = {}
    for user in ("tomas", "svc-reports"):
        iam.create_user(UserName=user)
        keys[user] = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    with serve() as chat, running("jira") as desk:
        made = World(tmp_path, iam, keys, chat, desk)
        made.config.write_text(json.dumps(settings(made, aws)))  # JSON is YAML
        yield made


def settings(world: World, url: str) -> dict[str, Any]:
    given = {
        name: {"env": "TOKEN"} if name in ("token", "secret") else value
        for name, value in world.desk.settings().items()
    }
    private = {"allow_private": ["127.0.0.0/8"], "timeout_seconds": 5}
    hook = {"url": {"env": "HOOK_URL"}, "key": {"env": "HOOK_KEY"}}
    return {
        "data": str(world.folder / "lake"),
        "log_level": "error",
        "web": {"port": 0},
        "receivers": {"port": 0},
        "feeds": [{"kind": "file", "name": "trail", "source": "aws.cloudtrail", "path": "trail"}],
        "tickets": [{"name": "desk", "kind": "jira", **private, **given}],
        "notifiers": [{"name": "chat", "kind": "webhook", **private, **hook}],
        "response": {
            "accounts": [{"kind": "aws", "account": ACCOUNT, "endpoint": url}],
            "playbooks": {"choices": [{"id": "leaked-access-key", "mode": "automatic"}]},
        },
    }


def write_story(world: World) -> None:
    """Write the demo's last three hours into the folder that is read, with the world's own keys."""
    story = PROJECT / "content/demo/story.yaml"
    told = load_story(story.read_text(), str(story)).told(
        "aws.cloudtrail", datetime.now(UTC) - timedelta(hours=2, minutes=50)
    )
    text = "".join(json.dumps(record) + "\n" for record in told)
    names = {
        "111122223333": ACCOUNT,
        "AKIATOMASNEWXEXAMPLE": world.keys["tomas"],
        "AKIASVCREPORTEXAMPLE": world.keys["svc-reports"],
    }
    for name, value in names.items():
        text = text.replace(name, value)
    (world.folder / "trail").mkdir()
    (world.folder / "trail" / "story.jsonl").write_text(text)


def until(holds: Callable[[], object], what: str, seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it did not happen in time: {what}"
        time.sleep(0.2)


def test_the_leaked_key_ends_inactive_with_ticket_and_message_and_undo_restores(world):
    write_story(world)
    was = world.described()
    with (world.folder / "up.log").open("w") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "tocsin", "up", "--config", str(world.config)],
            env=world.environ(),
            cwd=world.folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: world.status("svc-reports") == "Inactive", "the key is disabled")
        until(lambda: world.denied("svc-reports"), "what was drawn from the key is denied")
        until(lambda: world.status("tomas") == "Inactive", "the first key is disabled too")
        until(lambda: world.desk.tickets, "a ticket is opened")
        until(lambda: world.chat.seen, "a message is sent")

        acted = world.described()
        held = requests_of(world, "active", "active")
        for uid in held:
            world.command("respond", "undo", uid, "--reason", "the end of the exercise")
        until(lambda: set(requests_of(world, "over", "reverted")) >= set(held), "all is taken back")
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)

    assert acted != was
    assert len(held) >= 3
    assert world.described() == was
    everything = b"".join(each.read_bytes() for each in files_of(world.folder / "lake"))
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"].encode() not in everything
    assert world.command("audit", "verify")


def requests_of(world: World, only: str, state: str) -> list[str]:
    found = json.loads(world.command("respond", "list", "--only", only, "--output", "json"))
    return [each["uid"] for each in found if each["state"] == state]


def files_of(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]
