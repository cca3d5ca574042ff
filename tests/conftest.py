"""What every test may ask for: recorded data, programs, and the promise that nothing is skipped.

Failures are told shortly, long files of tests begin first. Tests that need recorded data or a
program of the system skip with a reason where it is absent, so that a newcomer's `make test` is
green. Under `TOCSIN_TEST_REQUIRE=all`, as in `.ci/run`, a skip is a failure: what was not run has
not been shown.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = ["pytester"]

REQUIRE = "TOCSIN_TEST_REQUIRE"
PROJECT = Path(__file__).resolve().parent.parent
CORPORA = PROJECT.parent / "shared" / "corpora"
# Daemons, and Go where its own installer puts it, lie where a PATH often does not reach.
PROGRAMS = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/local/go/bin"]
)
# Files by how long they take, longest first; each runs on one worker, which keeps its fixtures.
LONG_FILES = (
    "content/test_correlations.py",
    "browser/test_hostile.py",
    "plugs/test_sources.py",
    "plugs/test_actions.py",
    "crash/test_steps.py",
    "content/test_drill.py",
    "packaging/test_wheel.py",
    "browser/test_console.py",
    "content/test_rules.py",
    "bad_input/test_size.py",
    "content/test_joined_drill.py",
    "collect/test_kafka.py",
    "crash/test_fsync.py",
    "collect/test_azure_blob.py",
)
WIDEST = 500
MOST_LINES = 30

# What is kept of rules between tests is kept apart from what the developer's own runs keep.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="tocsin-tests-cache-")
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)


def requires_all() -> bool:
    return os.environ.get(REQUIRE) == "all"


# Two cores shared by many: a deadline would measure the neighbors.
hypothesis.settings.register_profile(
    "tocsin",
    deadline=None,
    max_examples=60,
    derandomize=requires_all() or "CI" in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tocsin")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where everything is required; an expected failure stays one."""
    report = yield
    if report.failed and item.config.get_verbosity() < 2:
        shorten(report)
    if report.skipped and requires_all() and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE}=all forbids the skip: {reason_of(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for files that skip themselves while they are imported."""
    report = yield
    if report.skipped and requires_all():
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE}=all forbids the skip: {reason_of(report.longrepr)}"
    return report


def shorten(report: pytest.TestReport) -> None:
    """Cut what a failure prints: pytest itself cuts nothing where `CI` is set."""
    for traceback, *_ in getattr(report.longrepr, "chain", ()):
        for entry in traceback.reprentries:
            entry.lines = shortened(entry.lines)
    report.sections = [
        (title, "\n".join(shortened(text.splitlines()))) for title, text in report.sections
    ]


def shortened(lines: list[str]) -> list[str]:
    """Return the first and the last lines, none of them wide, and how many are left out."""
    narrow = [
        line if len(line) <= WIDEST else f"{line[:WIDEST]}… ({len(line)} characters)"
        for line in lines
    ]
    if len(narrow) <= 2 * MOST_LINES:
        return narrow
    left_out = f"… {len(narrow) - 2 * MOST_LINES} lines left out: -vv shows them"
    return [*narrow[:MOST_LINES], left_out, *narrow[-MOST_LINES:]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with the files that take longest: none of them is left for the end."""
    if hasattr(config, "workerinput"):
        last = len(LONG_FILES)
        places = {PROJECT / "tests" / name: place for place, name in enumerate(LONG_FILES)}
        items.sort(key=lambda item: places.get(item.path, last))


def reason_of(longrepr: object) -> str:
    """Return the reason that pytest keeps as (file, line, reason)."""
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Return the folder of recorded data that lies beside the checkout."""
    if not CORPORA.is_dir():
        # Recorded data is not ours to ship; under TOCSIN_TEST_REQUIRE=all this is a failure.
        pytest.skip("recorded data is absent: expected ../shared/corpora beside the checkout")
    return CORPORA


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium."""
    return program("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def strace() -> str:
    """Return the path of strace."""
    return program("strace")


def program(*names: str) -> str:
    """Return the path of the first of these programs that is installed, else skip."""
    for name in names:
        path = shutil.which(name, path=PROGRAMS)
        if path:
            return path
    # Not everybody may install programs; under TOCSIN_TEST_REQUIRE=all this is a failure.
    pytest.skip(f"{names[0]} is not installed: run `make tools`")
