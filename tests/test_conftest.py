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
# A failure that prints thousands of wide lines.
GIANT = "def test_it():\n    print('printed\\n' * 3_000)\n    assert ['x' * 2_000] * 3_000 == []"


@pytest.fixture
def run(pytester: pytest.Pytester):
    pytester.makeconftest(Path(conftest.__file__).read_text(encoding="utf-8"))

    def run_files(*options: str, **texts: str) -> pytest.RunResult:
        pytester.makepyfile(**texts)
        # A process of its own: conftest registers a Hypothesis profile for the whole process.
        command = [sys.executable, "-m", "pytest", "-rsfE", "--force-short-summary"]
        # As in pyproject.toml: the plugin of kmock wants a package that kmock does not require.
        return pytester.run(*command, "-p", "no:cacheprovider", "-p", "no:kmock", *options)

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


def test_long_files_are_there():
    tests = Path(conftest.__file__).parent

    assert [name for name in conftest.LONG_FILES if not (tests / name).is_file()] == []


def test_a_failure_is_told_shortly_with_its_name_at_the_end(run, monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("COLUMNS", "200")

    result = run(test_giant=GIANT)

    assert result.ret == 1
    assert len(result.outlines) < 250
    assert max(map(len, result.outlines)) < conftest.WIDEST + 100
    result.stdout.fnmatch_lines(["*lines left out: -vv shows them*"])
    assert any("test_giant.py::test_it - " in line for line in result.outlines[-5:])


def test_a_failure_is_told_whole_when_asked(run, monkeypatch):
    monkeypatch.setenv("CI", "true")

    assert len(run("-vv", test_giant=GIANT).outlines) > 2_000
