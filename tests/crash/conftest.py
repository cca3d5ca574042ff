"""How often the process is killed: `pytest tests/crash --kills 200`."""

import pytest

FEW = 20
"""Kills where the option is not given: a sample for every run of the tests."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=FEW, help="how many times to kill -9 under load")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """Return the number; the option is unknown where another folder was named to pytest."""
    return int(request.config.getoption("--kills", default=FEW))
