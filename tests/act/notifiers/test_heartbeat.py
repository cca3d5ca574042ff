"""A sign of life reaches a dead man's switch, and its token reaches nobody else."""

import socket
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from tests.act.servers import serve
from tocsin import plugins
from tocsin.act import Message
from tocsin.act.notifiers.heartbeat import Heartbeat, HeartbeatSettings
from tocsin.errors import ActionError, SettingsError

LOOPBACK = (ip_network("127.0.0.0/8"),)
ALIVE = Message(
    uid="beat-1",
    title="Tocsin is alive",
    text="12 turns, 0 rejects",
    severity_id=1,
    time=datetime(2026, 11, 23, 12, tzinfo=UTC),
)


@pytest.fixture
def server():
    with serve() as found:
        yield found


def heartbeat(server, **settings) -> Heartbeat:
    url = f"http://127.0.0.1:{server.port}/hunter2"
    return Heartbeat(HeartbeatSettings(url, allow_private=LOOPBACK, **settings))


def test_get_sends_nothing_but_the_request(server):
    heartbeat(server).send(ALIVE)

    assert server.seen == [("GET", f"127.0.0.1:{server.port}", "/hunter2", b"")]


def test_post_sends_the_text(server):
    heartbeat(server, method="POST").send(ALIVE)

    assert [(method, body) for method, _, _, body in server.seen] == [
        ("POST", b"12 turns, 0 rejects")
    ]


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_what_was_not_taken_may_be_sent_again(server, status):
    server.status = status

    with pytest.raises(ActionError, match=f"status {status}") as caught:
        heartbeat(server).send(ALIVE)
    assert "hunter2" not in str(caught.value)

    server.status = 204
    heartbeat(server).send(ALIVE)


def test_a_switch_that_is_silent_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/hunter2"
        settings = HeartbeatSettings(url, allow_private=LOOPBACK, timeout_seconds=0.2)

        with pytest.raises(ActionError, match="does not answer: ReadTimeout") as caught:
            Heartbeat(settings).send(ALIVE)
    assert "hunter2" not in str(caught.value)


def test_the_token_is_not_printed():
    settings = HeartbeatSettings("https://beat.example.org/hunter2")

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(Heartbeat(settings))


def test_an_address_that_can_never_be_used_is_found_at_the_start():
    with pytest.raises(SettingsError, match="must begin with https"):
        Heartbeat(HeartbeatSettings("ftp://beat.example.org/"))


def test_loopback_is_not_reached_unless_allowed(server):
    settings = HeartbeatSettings(f"http://127.0.0.1:{server.port}/")

    with pytest.raises(ActionError, match="not public"):
        Heartbeat(settings).send(ALIVE)
    assert server.seen == []


def test_it_is_a_plug_that_is_found_by_its_name():
    assert plugins.find("tocsin.act.notifiers", "heartbeat") is Heartbeat
