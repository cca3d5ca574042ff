"""One worker and one set of content for all tests of the crank, a store for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.run.crank import real_tools, settings_in
from tocsin.isolate import RuleWorker
from tocsin.run.tools import Tools
from tocsin.store import Store


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    with RuleWorker() as worker:
        yield real_tools(settings_in(tmp_path_factory.mktemp("settings")), worker)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened
