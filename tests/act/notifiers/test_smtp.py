"""Mail reaches a real server, encrypted, with no header but ours."""

import asyncio
import ssl
import threading
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
import trustme
from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import AuthResult

from tests.act.notifiers.told import LOOPBACK, NEWS
from tocsin.act.notifiers.smtp import Smtp, SmtpSettings
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Secret


class Box:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.mails = []
        self.refusal = ""

    async def handle_DATA(self, server, session, envelope):
        if self.refusal:
            return self.refusal
        self.mails.append((envelope, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 taken"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    found = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "authority.pem"
    found.cert_pem.write_to_path(path)
    return found, path


@pytest.fixture
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def box():
    return Box()


class Serving:
    """A server on any free port for as long as the block lasts."""

    def __init__(self, box, **more) -> None:
        self.loop = asyncio.new_event_loop()
        where = {"hostname": "127.0.0.1", "port": 0, "loop": self.loop}
        self.controller = UnthreadedController(box, **where, **more)
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.controller.begin()
        self.thread.start()
        return self.controller.server.sockets[0].getsockname()[1]

    def __exit__(self, *error):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.controller.end()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def settings(port: int, **more) -> SmtpSettings:
    values = {"tls": "none", "allow_private": LOOPBACK, "timeout_seconds": 5.0, **more}
    return SmtpSettings("localhost", "tocsin@example.org", ("soc@example.org",), port, **values)


def test_a_mail_says_what_happened_and_where_to_read_on(box):
    with Serving(box) as port:
        Smtp(settings(port)).send(NEWS)
        Smtp(settings(port)).send(NEWS)

    (envelope, mail), (_, again) = box.mails
    assert envelope.rcpt_tos == ["soc@example.org"]
    assert mail["Subject"] == NEWS.title
    assert mail["Message-ID"] == again["Message-ID"] == f"<{NEWS.uid}@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == [*NEWS.text.splitlines(), NEWS.url]


def test_a_title_cannot_add_a_header(box):
    evil = replace(NEWS, title="A\r\nBcc: victim@example.com")

    with Serving(box) as port, pytest.raises((ActionError, ValueError)):
        Smtp(settings(port)).send(evil)
    assert box.mails == []


@pytest.mark.parametrize("way", ["starttls", "implicit"])
def test_encrypted_mail_is_checked_against_the_name(way, box, tls, authority):
    more = {"tls_context": tls, "require_starttls": True}
    with Serving(box, **(more if way == "starttls" else {"ssl_context": tls})) as port:
        with pytest.raises(ActionError, match="SSLCertVerificationError"):
            Smtp(settings(port, tls=way)).send(NEWS)
        Smtp(settings(port, tls=way, certificates=authority[1])).send(NEWS)

    assert len(box.mails) == 1


def test_whoever_signs_in_does_so_over_an_encrypted_connection(box, tls, authority):
    seen = []

    def sign_in(server, session, envelope, mechanism, given):
        seen.append((given.login, given.password))
        return AuthResult(success=given.password == b"hunter2")

    more = {"tls_context": tls, "authenticator": sign_in, "auth_required": True}
    with Serving(box, **more) as port:
        trusted = {"tls": "starttls", "certificates": authority[1], "user": "tocsin"}
        Smtp(settings(port, password=Secret("hunter2"), **trusted)).send(NEWS)
        with pytest.raises(ActionError, match="did not take the mail") as caught:
            Smtp(settings(port, password=Secret("wrong"), **trusted)).send(NEWS)

    assert seen[0] == (b"tocsin", b"hunter2")
    assert "wrong" not in str(caught.value)
    assert len(box.mails) == 1


def test_what_the_server_refuses_may_be_sent_again(box):
    box.refusal = "451 later hunter2"
    with Serving(box) as port:
        with pytest.raises(ActionError, match="reply 451") as caught:
            Smtp(settings(port)).send(NEWS)
        box.refusal = ""
        Smtp(settings(port)).send(NEWS)

    assert "hunter2" not in str(caught.value)
    assert len(box.mails) == 1


def test_a_server_inside_is_not_reached_unless_allowed(box):
    with Serving(box) as port, pytest.raises(ActionError, match="not public"):
        Smtp(settings(port, allow_private=())).send(NEWS)
    assert box.mails == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"recipients": ()}, "`recipients`"),
        ({"user": "a"}, "belong together"),
        ({"password": Secret("a")}, "belong together"),
    ],
)
def test_settings_that_do_not_fit_together_are_found_at_the_start(changes, problem):
    with pytest.raises(SettingsError, match=problem):
        Smtp(replace(settings(25), **changes))
