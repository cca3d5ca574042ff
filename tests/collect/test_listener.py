import socket
import ssl
import threading
from contextlib import ExitStack

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tocsin.collect import Listener, Tls, server
from tocsin.errors import SettingsError


async def greet(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {len(await request.body())}")


APP = Starlette(routes=[Route("/", greet, methods=["GET", "POST"])])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no-such-host.invalid"])
def test_an_address_beyond_this_machine_needs_tls(host):
    with pytest.raises(SettingsError, match="TLS"):
        Listener(APP, host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_none(host):
    Listener(APP, host, 0)


def test_it_answers_over_tls_beyond_loopback(tls, trusted):
    listener = Listener(APP, "0.0.0.0", 0, tls)
    listener.start()
    try:
        verify = ssl.create_default_context(cafile=trusted)
        address = f"https://127.0.0.1:{listener.port}/"
        answer = httpx.get(address, verify=verify, trust_env=False)
    finally:
        listener.stop()

    assert answer.text == "hello 0"


def test_after_stop_nobody_listens_and_the_thread_is_gone():
    listener = Listener(APP, "127.0.0.1", 0)
    listener.start()
    port = listener.port
    listener.stop()
    listener.stop()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 2)
    assert not any(thread.name == f"listen-{port}" for thread in threading.enumerate())


def test_a_taken_port_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}.*choose another port"):
            Listener(APP, "127.0.0.1", port).start()


def test_a_certificate_that_cannot_be_used_is_one_clear_line(tls):
    for broken in (Tls("/no/such/file", tls.key), Tls(tls.certificate, tls.certificate)):
        with pytest.raises(SettingsError, match="certificate or key"):
            Listener(APP, "127.0.0.1", 0, broken).start()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow:",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345",
    ],
    ids=["nothing", "headers", "body"],
)
def test_who_does_not_go_on_is_hung_up_on(monkeypatch, begun):
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2)
    listener = Listener(APP, "127.0.0.1", 0)
    listener.start()
    try:
        with socket.create_connection(("127.0.0.1", listener.port), 5) as slow:
            slow.sendall(begun)
            assert hung_up(slow)
        assert httpx.get(listener.url, trust_env=False).status_code == 200
    finally:
        listener.stop()


def test_a_byte_now_and_then_buys_no_time(monkeypatch):
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.3)
    listener = Listener(APP, "127.0.0.1", 0)
    listener.start()
    sent = 0
    try:
        with socket.create_connection(("127.0.0.1", listener.port), 5) as slow:
            slow.settimeout(0.05)
            slow.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
            while sent < 2_000 and not hung_up_now(slow):
                sent += 1
    finally:
        listener.stop()

    assert sent < 2_000


def test_who_only_holds_connections_keeps_nobody_out(monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 20)
    listener = Listener(APP, "127.0.0.1", 0)
    listener.start()
    with ExitStack() as held:
        held.callback(listener.stop)
        for _ in range(100):
            idle = socket.create_connection(("127.0.0.1", listener.port), 5)
            held.enter_context(idle)
        answers = [httpx.get(listener.url, trust_env=False).status_code for _ in range(5)]
        open_connections = len(listener._server.server_state.connections)

    assert answers == [200] * 5
    assert open_connections <= 25


def hung_up(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def hung_up_now(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except (ConnectionResetError, BrokenPipeError):
        return True
