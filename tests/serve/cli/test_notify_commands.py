"""`tocsin notify`: who is told, what waits, and a test message."""

from pathlib import Path

import pytest

from tests.act.servers import serve
from tests.serve.cli.shell import tocsin
from tocsin.store import Store

FILE = """\
data: data
notifiers:
  - {name: hook, kind: webhook, url: {file: url}, allow_private: [127.0.0.0/8]}
"""


@pytest.fixture
def server():
    with serve() as found:
        yield found


@pytest.fixture
def config(tmp_path: Path, server) -> Path:
    (tmp_path / "url").write_text(f"http://127.0.0.1:{server.port}/hunter2")
    (tmp_path / "tocsin.yaml").write_text(FILE)
    Store.open(tmp_path / "data").close()
    return tmp_path / "tocsin.yaml"


def test_a_test_message_reaches_the_receiver(config: Path, server):
    ended = tocsin("notify", "test", "hook", "--config", config)

    assert (ended.code, ended.err.strip()) == (0, "hook took the message.")
    assert len(server.seen) == 1


def test_a_receiver_that_refuses_is_one_line_without_its_secret(config: Path, server):
    server.status = 403
    ended = tocsin("notify", "test", "hook", "--config", config)

    assert ended.code == 1
    assert ended.err.strip() == "tocsin: the webhook was not taken: status 403"


def test_a_notifier_that_is_not_there_is_a_mistake_with_its_remedy(config: Path):
    ended = tocsin("notify", "test", "lost", "--config", config)

    assert ended.code == 2
    assert "choose one of hook" in ended.err


def test_notifiers_and_messages_are_listed(config: Path):
    (row,) = tocsin("notify", "list", "--config", config, "-o", "jsonl").lines

    assert (row["name"], row["kind"], row["parked"]) == ("hook", "webhook", 0)
    assert row["routes"] == "all (severity 4 or worse)"
    assert tocsin("notify", "outbox", "--config", config, "-o", "jsonl").lines == []
    assert "0 messages will be tried" in tocsin("notify", "retry", "--config", config).err
