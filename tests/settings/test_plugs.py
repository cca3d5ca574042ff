"""The settings dataclass of a plug says what may be written of its feeds."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import ValidationError

from tocsin.settings import feeds
from tocsin.settings.plugs import defined, described, given_fields
from tocsin.settings.section import Section
from tocsin.values import Secret, Surroundings, Unwritten, Within, Written

KINDS = [kind for kind in feeds.kind_names(installed=False) if kind != "plugin"]
GUARANTEES = {"acknowledged", "resumable", "lossy"}


@dataclass(frozen=True)
class Login:
    """Who.

    Attributes:
        user: the name of
            the user.
        key: the key's file.
    """

    user: str
    key: Path | None = None


@dataclass(frozen=True)
class Base:
    """Where.

    Attributes:
        host: the server.
    """

    feed: str
    source: Annotated[str, Written(default="acme.portal")]
    host: str


@dataclass(frozen=True)
class Mailbox(Base):
    """Which mailbox.

    Attributes:
        login: who logs in.
        seconds: how often it is looked at.
    """

    login: Login
    seconds: Annotated[float, Written("every", timedelta, timedelta.total_seconds, "5m")] = 300.0
    patience: timedelta = timedelta(seconds=90)
    threads: Annotated[int, Within(1, 4)] = 2
    folders: tuple[Login, ...] = ()
    token: Secret | None = None
    for_tests: Annotated[int, Unwritten()] = 7
    unwrap: str | None = None


@pytest.fixture
def section() -> type[Section]:
    fields, _ = given_fields(Mailbox)
    return defined("Made", Section, "", {each.key: (each.annotation, each.info) for each in fields})


def test_values_are_read_as_everywhere_in_the_file(section):
    around = Surroundings({}, Path("/etc/tocsin"))
    written = {
        "host": "mail.example.org",
        "every": "90s",
        "login": {"user": "dana", "key": "key.pem"},
        "folders": [{"user": "erin"}],
    }

    made = section.model_validate(written, context=around)

    assert made.login == Login("dana", Path("/etc/tocsin/key.pem"))
    assert made.folders == (Login("erin"),)
    assert (made.every, made.patience, made.threads) == (90.0, timedelta(seconds=90), 2)


def test_the_schema_shows_defaults_and_meanings_as_people_write_them(section):
    schema = section.model_json_schema()["properties"]

    assert list(schema) == ["host", "login", "every", "patience", "threads", "folders", "token"]
    assert (schema["every"]["default"], schema["patience"]["default"]) == ("5m", "90s")
    assert schema["every"]["description"] == "How often it is looked at."
    assert schema["host"]["description"] == "The server."
    assert described(Login)["user"] == "The name of the user."


@pytest.mark.parametrize(
    "wrong",
    [
        {"for_tests": 1},
        {"seconds": 1},
        {"feed": "x"},
        {"unwrap": "Records"},
        {"threads": 5},
        {"every": 5},
        {"login": {"user": "dana", "password": "x"}},
        {"token": "hunter2"},
    ],
    ids=str,
)
def test_what_is_no_setting_is_refused(section, wrong):
    with pytest.raises(ValidationError):
        section.model_validate({"host": "h", "login": {"user": "u"}} | wrong)


def test_a_kind_may_have_a_source_of_its_own():
    assert given_fields(Mailbox)[1] == "acme.portal"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_reads_what_it_promises_and_what_its_keys_mean(kind):
    found = feeds.feed_kind(kind)

    assert found.section.__doc__
    assert found.plug.guarantee in GUARANTEES
    without = [name for name, field in found.section.model_fields.items() if not field.description]
    assert without == []


def test_no_source_and_receiver_share_a_name():
    assert len(set(KINDS)) == len(KINDS)
