"""Each system of tickets is asked as its published API says, and no secret leaves its header."""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from tests.act.tickets.fakes import FAKES, Fake, running
from tocsin import plugins
from tocsin.act.ticketing import Draft, TicketRefused, TicketSystem
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Secret

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DRAFT = Draft(
    "inc_0123456789abcdef",
    "[High] Logging was stopped: alice",
    "Severity: High\nTocsin incident: inc_0123456789abcdef",
    4,
)


@pytest.fixture(params=sorted(FAKES))
def fake(request: pytest.FixtureRequest) -> Iterator[Fake]:
    with running(request.param) as found:
        yield found


def system(fake: Fake, **more: object) -> TicketSystem:
    plug = plugins.find("tocsin.act.tickets", fake.kind)
    given = fake.settings() | {"allow_private": (ip_network("127.0.0.0/8"),)} | more
    secrets = {name: Secret(str(given[name])) for name in ("token", "secret") if name in given}
    return plug(plugins.settings_type(plug)(**given | secrets))


def test_a_ticket_is_opened_once_and_found_again(fake: Fake):
    made = system(fake)
    assert made.find(DRAFT.fingerprint, NOON) is None

    ticket = made.open(DRAFT)

    assert ticket.is_open
    assert ticket.url.startswith("http")
    assert made.find(DRAFT.fingerprint, NOON) == ticket
    assert made.find("inc_ffffffffffffffff", NOON) is None
    (kept,) = fake.tickets.values()
    assert kept["title"] == DRAFT.title
    assert DRAFT.text in kept["text"]


def test_a_ticket_is_commented_on_closed_and_opened_again(fake: Fake):
    made = system(fake)
    uid = made.open(DRAFT).uid

    made.comment(uid, "Severity: Critical (was High)", "msg_1")
    assert made.holds(uid, "msg_1", NOON)
    assert not made.holds(uid, "msg_2", NOON)
    assert "Critical" in fake.comments(uid)[0]

    made.close(uid, "The incident is closed.\nVerdict: Benign")
    found = made.read(uid)
    assert found is not None
    assert not found.is_open
    made.reopen(uid)
    assert made.read(uid).is_open


def test_what_is_so_already_is_not_asked_for_again(fake: Fake):
    made = system(fake)
    uid = made.open(DRAFT).uid
    made.close(uid, "over")
    before = len(fake.changes)

    made.close(uid, "over")
    assert len(fake.changes) == before
    made.reopen(uid)
    changed = len(fake.changes)
    made.reopen(uid)
    assert len(fake.changes) == changed


def test_a_ticket_that_is_gone_is_gone(fake: Fake):
    uid = "9" * 32 if fake.kind == "servicenow" else "9"
    made = system(fake)

    assert made.read(uid) is None
    with pytest.raises(TicketRefused):
        made.comment(uid, "more", "msg_1")
    with pytest.raises(TicketRefused, match="not there any more"):
        made.close(uid, "over")


@pytest.mark.parametrize(
    ("fault", "kind", "is_final"),
    [("400", TicketRefused, True), ("403", TicketRefused, True), ("429", TicketRefused, False)],
)
def test_a_refusal_says_that_nothing_was_done(fake: Fake, fault: str, kind: type, is_final: bool):
    fake.faults = [fault]

    with pytest.raises(kind, match=f"status {fault}") as caught:
        system(fake).open(DRAFT)

    assert caught.value.is_final is is_final
    assert fake.tickets == {}
    assert "hunter2" not in str(caught.value)
    if fault == "429":
        assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize("fault", ["500", "+500", "+503", "+cut", "408"])
def test_no_answer_is_no_refusal(fake: Fake, fault: str):
    fake.faults = [fault]

    with pytest.raises(ActionError) as caught:
        system(fake).open(DRAFT)

    assert not isinstance(caught.value, TicketRefused)
    assert len(fake.tickets) == fault.startswith("+")


def test_secrets_are_not_printed(fake: Fake):
    made = system(fake)

    assert "hunter2" not in repr(made) + repr(made._settings)  # type: ignore[attr-defined]


def test_nothing_inside_is_reached_unless_allowed(fake: Fake):
    with pytest.raises(ActionError, match="not public"):
        system(fake, allow_private=(), url="https://169.254.169.254").open(DRAFT)
    with pytest.raises(SettingsError, match="`url`"):
        system(fake, url="ftp://example.org")


def test_text_of_logs_stays_text_in_markdown(fake: Fake):
    if fake.kind not in ("github", "gitlab"):
        return
    uid = system(fake).open(Draft(DRAFT.fingerprint, "t", "/close\n!12 %3 inc_1", 4)).uid

    lines = fake.tickets[uid]["text"].split("\n")
    assert (lines[0], lines[-1]) == ("```text", "```")


def test_issues_of_github_are_found_behind_the_first_page():
    with running("github") as fake:
        made = system(fake)
        for number in range(230):
            made.open(Draft(f"inc_{number:016x}", "t", f"inc_{number:016x}", 4))

        assert made.find(f"inc_{229:016x}", NOON).key == "#230"


def test_jira_of_a_data_center_takes_a_token_and_version_2():
    with running("jira") as fake:
        made = system(fake, deployment="data_center", user="")
        seen: list[object] = []

        class Capturing:
            def fetch(self, request, place, limits):
                seen.append((request.url.removeprefix(fake.url), dict(request.headers)))
                raise ActionError("seen")

        made._api._outbound = Capturing()  # type: ignore[attr-defined]
        with pytest.raises(ActionError, match="seen"):
            made.find("inc_1", NOON)

        path, headers = seen[0]
        assert path == "/rest/api/2/search"
        assert headers["Authorization"] == "Bearer hunter2"
        assert made._words("{code}x") == "{noformat}\n(code)x\n{noformat}"  # type: ignore[attr-defined]
