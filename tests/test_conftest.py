"""The promise of `TOCSIN_TEST_REQUIRE=all`, shown on small test files run by pytest itself."""

import sys
from pathlib import Path

import pytest

from tests import conftest

# Test files that skip or fail, as texts for pytest to run: they are what is tested here.
SKIPS = {
    "test_body": "import pytest\ndef test_it(): pytest.skip('no body')",
    "test_mark": "import pytest\n@pytest.mark.skip(reason='no mark')\ndef test_it(): pass",
    "test_fixture": (
        "import pytest\n@pytest.fixture\ndef absent(): pytest.skip('no fixture')\n"
        "def test_it(absent): pass"
    ),
    "test_file": "import pytest\npytest.skip('no file', allow_module_level=True)",
}
# An expected failure is no skip and stays allowed.
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False"


@pytest.fixture
def run(pytester: pytest.Pytester):
    pytester.makeconftest(Path(conftest.__file__).read_text(encoding="utf-8"))

    def run_files(**texts: str) -> pytest.RunResult:
        pytester.makepyfile(**texts)
        # A process of its own: conftest registers a Hypothesis profile for the whole process.
        return pytester.run(sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider")

    return run_files


def test_every_kind_of_skip_fails_where_everything_is_required(run, monkeypatch):
    monkeypatch.setenv(conftest.REQUIRE, "all")

    result = run(**SKIPS, test_other="def test_it(): pass")

    # A file that fails while it is collected stops the run before the others.
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*forbids the skip: *no file*"])

    result = run(**SKIPS | {"test_file": ""}, test_expected=EXPECTED_FAILURE)

    assert result.parseoutcomes() == {"failed": 1, "errors": 2, "passed": 1, "xfailed": 1}
    result.stdout.fnmatch_lines_random(
        [f"*forbids the skip: *no {kind}*" for kind in ("body", "mark", "fixture")]
    )


def test_a_skip_stays_a_skip_elsewhere(run, monkeypatch):
    monkeypatch.delenv(conftest.REQUIRE, raising=False)

    result = run(**SKIPS)

    assert result.ret == 0
    assert result.parseoutcomes() == {"skipped": len(SKIPS)}
