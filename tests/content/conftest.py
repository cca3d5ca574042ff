"""The shipped content, loaded once."""

from collections.abc import Iterator

import pytest

from tests.content import detection
from tocsin.isolate import RuleWorker


@pytest.fixture(scope="session")
def shipped() -> Iterator[detection.Shipped]:
    with RuleWorker() as worker:
        yield detection.shipped(worker)
