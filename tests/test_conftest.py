"""The promise of `TOCSIN_TEST_REQUIRE=all`, shown on small test files run by pytest itself."""

import sys
from pathlib import Path

import pytest

from tests import conftest

SKIPS = {
    "skip in the body": "import pytest\ndef test(): pytest.skip('no data')",
    "mark": "import pytest\n@pytest.mark.skip(reason='no data')\ndef test(): pass",
    "fixture": (
        "import pytest\n@pytest.fixture\ndef absent(): pytest.skip('no data')\n"
        "def test(absent): pass"
    ),
    "whole file": "import pytest\npytest.skip('no data', allow_module_level=True)",
}


@pytest.fixture
def run(pytester: pytest.Pytester):
    pytester.makeconftest(Path(conftest.__file__).read_text(encoding="utf-8"))

    def run_file(text: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=text)
        # A process of its own: conftest registers a Hypothesis profile for the whole process.
        return pytester.run(sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider")

    return run_file


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS.keys())
def test_a_skip_fails_where_everything_is_required(run, monkeypatch, text):
    monkeypatch.setenv(conftest.REQUIRE, "all")

    result = run(text)

    assert result.ret != 0
    result.stdout.fnmatch_lines(["*forbids the skip: *no data*"])


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS.keys())
def test_a_skip_stays_a_skip_elsewhere(run, monkeypatch, text):
    monkeypatch.delenv(conftest.REQUIRE, raising=False)

    result = run(text)

    assert result.parseoutcomes().get("skipped") == 1
    assert "failed" not in result.parseoutcomes()


def test_an_expected_failure_is_no_skip(run, monkeypatch):
    monkeypatch.setenv(conftest.REQUIRE, "all")

    result = run("import pytest\n@pytest.mark.xfail(reason='known')\ndef test(): assert False")

    assert result.parseoutcomes() == {"xfailed": 1}
