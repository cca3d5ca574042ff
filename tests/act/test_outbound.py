"""Nothing that people did not allow is reached, however its address is written."""

import socket
import ssl
from contextlib import suppress
from ipaddress import ip_network

import pytest
import trustme

from tests.act.servers import serve
from tocsin.act import Outbound, Request
from tocsin.errors import ActionError, SettingsError

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
NAME = "beat.example.org"


def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    found = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "authority.pem"
    found.cert_pem.write_to_path(str(path))
    return found, str(path)


@pytest.fixture
def secure(authority):
    """A server with a certificate for NAME."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority[0].issue_cert(NAME).configure_cert(context)
    with serve(tls=context) as server:
        yield server


def test_a_request_reaches_an_allowed_address(authority, secure):
    out = Outbound(LOOPBACK, authority[1], resolve=to_loopback)

    status = out.send(Request(f"https://{NAME}:{secure.port}/ping?a=1", "POST", b"alive"))

    assert status == 200
    assert secure.seen == [("POST", f"{NAME}:{secure.port}", "/ping?a=1", b"alive")]


def test_the_certificate_is_checked_against_the_name(authority, secure):
    out = Outbound(LOOPBACK, authority[1], resolve=to_loopback)

    with pytest.raises(ActionError, match=r"other\.example\.org does not answer"):
        out.send(Request(f"https://other.example.org:{secure.port}/"))
    assert secure.seen == []


def test_an_unknown_authority_is_refused(secure):
    with pytest.raises(ActionError, match="does not answer"):
        Outbound(LOOPBACK, resolve=to_loopback).send(Request(f"https://{NAME}:{secure.port}/"))
    assert secure.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
def test_plain_http_on_this_machine_is_possible_where_allowed(host):
    with serve() as server:
        out = Outbound((ip_network("127.0.0.0/8"), ip_network("::1/128")))
        try:
            assert out.send(Request(f"http://{host}:{server.port}/")) == 200
        except ActionError as error:
            # The library refuses some odd spellings itself; then nothing was sent.
            assert "resolve" in str(error)
            assert server.seen == []


def test_a_redirect_is_not_followed():
    with serve() as target, serve() as server:
        server.status, server.headers = 302, {"Location": f"http://127.0.0.1:{target.port}/"}

        status = Outbound(LOOPBACK).send(Request(f"http://127.0.0.1:{server.port}/"))

        assert status == 302
        assert target.seen == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with serve() as proxy, serve() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        Outbound(LOOPBACK).send(Request(f"http://127.0.0.1:{server.port}/"))

        assert (len(server.seen), proxy.seen) == (1, [])


def spellings(port: int) -> list[str]:
    """Ways to write addresses inside: numbers, bases, wrappings, tricks of parsers."""
    forms = []
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0", "100.100.100.200"):
        a, b, c, d = (int(part) for part in address.split("."))
        number = (a << 24) | (b << 16) | (c << 8) | d
        high, low = number >> 16, number & 0xFFFF
        forms += [
            address,
            f"{address}.",
            str(number),
            hex(number),
            f"0{number:o}",
            f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
            f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
            f"{a}.{(b << 16) | (c << 8) | d}",
            f"{a}.{b}.{(c << 8) | d}",
            f"[::ffff:{address}]",
            f"[::ffff:{high:x}:{low:x}]",
            f"[::{address}]",
            f"[64:ff9b::{high:x}:{low:x}]",
            f"[64:ff9b:1::{high:x}:{low:x}]",
            f"[2002:{high:x}:{low:x}::]",
            f"[2001:0:{high:x}:{low:x}::]",
            "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in address),
            address.replace(".", "。"),
            address.replace(".", "%2e"),
            f"user@{address}",
            f"example.org@{address}",
            f"example.org\\@{address}",
            f"{address}#example.org",
            f"{address}?example.org",
        ]
    forms += [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "ⓛocalhost",
        "[::1]",
        "[::]",
        "[fe80::1%25lo]",
    ]
    urls = [form if set(form) & set("#?") else f"{form}:{port}/" for form in forms]
    return [f"{scheme}://{url}" for url in urls for scheme in ("https", "http", "HTTPS")]


def without_network(host: str, port: int) -> list[str]:
    """The system's reading of numbers and of this machine's name; other names do not exist."""
    if host.rstrip(".") == "localhost":
        return ["127.0.0.1", "::1"]
    found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
    return [str(entry[4][0]) for entry in found]


def test_no_spelling_of_an_address_inside_is_reached():
    out = Outbound(timeout_seconds=2, resolve=without_network)
    with serve() as canary, serve("::1") as canary_six:
        tried = spellings(canary.port) + spellings(canary_six.port)
        for url in tried:
            with pytest.raises((ActionError, SettingsError)):
                out.send(Request(url))

        assert len(set(tried)) > 500
        assert canary.seen == canary_six.seen == []


def test_the_spellings_reach_the_canary_where_they_are_allowed():
    """The canary is alive: the test above would see a visitor."""
    out = Outbound((ip_network("127.0.0.0/8"),), timeout_seconds=2, resolve=without_network)
    with serve() as canary:
        for url in spellings(canary.port):
            if url.startswith("http://") and "[" not in url:
                with suppress(ActionError, SettingsError):
                    out.send(Request(url))

        assert len(canary.seen) >= 7


def test_a_name_with_one_address_inside_is_refused():
    with serve() as canary:
        out = Outbound(resolve=lambda host, port: ["1.1.1.1", "127.0.0.1"])

        with pytest.raises(ActionError, match=r"127\.0\.0\.1, which is not public"):
            out.send(Request(f"https://{NAME}:{canary.port}/"))
        assert canary.seen == []


def test_a_name_that_changes_its_mind_is_asked_once(authority, secure):
    """DNS rebinding: what was checked is what is dialed."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    out = Outbound(
        (ip_network("127.0.0.1/32"),), authority[1], resolve=lambda host, port: next(answers)
    )

    assert out.send(Request(f"https://{NAME}:{secure.port}/")) == 200
    assert next(answers) == ["10.0.0.1"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "example.org",
        "",
        "https://",
        "https:///path",
        "https://dana:hunter2@example.org/",
        "https://hunter2@example.org/",
        "https://exa\nmple.org/hunter2",
        "https://example.org:99999/hunter2",
        "gopher://127.0.0.1/",
    ],
)
def test_an_address_that_can_never_be_used_is_refused_without_printing_it(url):
    with pytest.raises(SettingsError) as caught:
        Outbound().check(url)

    assert "hunter2" not in str(caught.value)


def test_plain_http_does_not_leave_the_machine():
    out = Outbound(allow_private := (ip_network("10.0.0.0/8"),), resolve=lambda *_: ["10.0.0.1"])

    assert allow_private
    with pytest.raises(ActionError, match="only https leaves this machine"):
        out.send(Request("http://sink.example.org/"))


@pytest.mark.parametrize("answer", [[], None])
def test_a_name_that_does_not_resolve_may_resolve_later(answer):
    def resolve(host: str, port: int) -> list[str]:
        if answer is None:
            raise OSError("no such name")
        return answer

    with pytest.raises(ActionError, match=f"the name {NAME} does not resolve"):
        Outbound(resolve=resolve).send(Request(f"https://{NAME}/hunter2"))


def test_the_address_is_not_in_what_is_printed():
    request = Request("https://example.org/hunter2")

    assert "hunter2" not in repr(request)


def test_nobody_listening_is_an_error_that_may_pass():
    with serve() as server:
        port = server.port

    with pytest.raises(ActionError, match=r"127\.0\.0\.1 does not answer: ConnectError"):
        Outbound(LOOPBACK).send(Request(f"http://127.0.0.1:{port}/hunter2"))
