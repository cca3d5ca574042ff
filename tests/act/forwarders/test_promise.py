"""What every forwarder promises, whoever wrote it."""

import dataclasses
import typing

import pytest

from tests.docs.pages import PROJECT
from tocsin import plugins
from tocsin.act.forwarding import EVERY_KIND
from tocsin.settings.forwarders import Forwarder, forwarder_kind, forwarder_kinds
from tocsin.values import Secret

KINDS = forwarder_kinds(installed=False)


def test_the_kinds_of_issue_five_are_there():
    assert set(KINDS) == {
        *("elasticsearch", "splunk_hec", "otlp", "gelf", "syslog"),
        *("object_storage", "security_hub"),
    }


@pytest.mark.parametrize("name", KINDS)
def test_it_says_what_it_takes_and_how_much_at_once(name):
    plug = forwarder_kind(name).plug

    assert plug.kinds <= EVERY_KIND
    assert "finding" in plug.kinds
    assert 1 <= plug.most <= 5_000


@pytest.mark.parametrize("name", KINDS)
def test_its_secrets_are_of_the_type_that_prints_as_stars(name):
    kind = plugins.settings_type(plugins.find("tocsin.act.forwarders", name))
    hints = typing.get_type_hints(kind)

    for field in dataclasses.fields(kind):
        if any(word in field.name for word in ("token", "password", "key", "secret")):
            is_secret = Secret in (hints[field.name], *typing.get_args(hints[field.name]))
            assert is_secret or field.name == "token_header"


@pytest.mark.parametrize("name", KINDS)
def test_no_setting_of_a_plug_hides_one_that_all_have(name):
    own = {field.key for field in forwarder_kind(name).fields}

    assert own.isdisjoint(Forwarder.model_fields)


@pytest.mark.parametrize("name", KINDS)
def test_the_guide_shows_it(name):
    guide = (PROJECT / "docs/guides/forward-to-a-siem.md").read_text()

    assert f"kind: {name}\n" in guide
