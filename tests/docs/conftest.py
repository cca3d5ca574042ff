"""The script that makes pages, loaded once."""

from types import ModuleType

import pytest

from tests.docs import pages


@pytest.fixture(scope="session")
def made() -> ModuleType:
    return pages.generator()
