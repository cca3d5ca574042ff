"""Sources of other packages are wired like our own."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin.errors import SettingsError
from tocsin.run import feeds
from tocsin.run.wiring import load_mappings
from tocsin.settings import load

PACKAGE = """
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class MailboxSettings:
    feed: str
    source: str
    host: str


class Waiting:
    def __init__(self, settings: MailboxSettings, *, pause=time.sleep) -> None:
        self.settings, self.pause = settings, pause

    def read(self, cursor):
        return iter(())

    def acknowledge(self, batch):
        pass


class Plain(Waiting):
    def __init__(self, settings: MailboxSettings) -> None:
        self.settings, self.pause = settings, None
"""
CONFIGURATION = """feeds:
  - name: mails
    kind: plugin
    plugin: {plugin}
    source: aws.cloudtrail
    settings: {{host: mail.example.org}}
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a package with two sources look installed."""
    info = tmp_path / "site" / "mailbox-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mailbox\nVersion: 1.0\n")
    entries = "waiting = mailbox_of_test:Waiting\nplain = mailbox_of_test:Plain\n"
    (info / "entry_points.txt").write_text(f"[tocsin.sources]\n{entries}")
    (tmp_path / "site" / "mailbox_of_test.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    sys.modules.pop("mailbox_of_test", None)


def wired(folder: Path, plugin: str, stopping: threading.Event):
    path = folder / "tocsin.yaml"
    path.write_text(CONFIGURATION.format(plugin=plugin))
    settings = load(path, {"TOCSIN_DATA": str(folder / "data")})
    [found] = feeds.pulled(settings, load_mappings(), stopping)
    return found.source


@pytest.mark.usefixtures("installed")
def test_a_source_of_another_package_that_waits_wakes_when_tocsin_stops(tmp_path: Path):
    stopping = threading.Event()
    source = wired(tmp_path, "waiting", stopping)
    stopping.set()

    assert source.settings.host == "mail.example.org"
    assert source.pause(60) is True


@pytest.mark.usefixtures("installed")
def test_a_source_of_another_package_that_never_waits_is_wired_too(tmp_path: Path):
    assert wired(tmp_path, "plain", threading.Event()).settings.feed == "mails"


@pytest.mark.usefixtures("installed")
def test_a_source_of_another_package_is_a_kind_like_our_own(tmp_path: Path):
    path = tmp_path / "tocsin.yaml"
    text = "feeds: [{name: mails, kind: waiting, source: aws.cloudtrail, host: mail.example.org}]"
    path.write_text(text)
    settings = load(path, {"TOCSIN_DATA": str(tmp_path / "data")})

    [found] = feeds.pulled(settings, load_mappings(), threading.Event())

    assert (found.feed, found.source.settings.host) == ("mails", "mail.example.org")
    path.write_text(text.replace("host", "hots"))
    with pytest.raises(SettingsError, match="did you mean `host`"):
        load(path, {"TOCSIN_DATA": str(tmp_path / "data")})
