"""Files and functions stay small, are named for what they hold, and have tests beside them."""

import ast
import re

import pytest

from tests.architecture.sources import PACKAGE, PROJECT, ROOMS, python_files, shown, tree

LONGEST_FILE = 450
LONGEST_FUNCTION = 70
BANNED_NAMES = {
    "base",
    "common",
    "data",
    "handler",
    "helpers",
    "info",
    "manager",
    "misc",
    "processor",
    "service",
    "utils",
}
NO_ROOMS = {
    "architecture",
    "bad_input",
    "browser",
    "content",
    "corpora",
    "crash",
    "docs",
    "fuzz",
    "packaging",
    "plugins",
    "plugs",
    "servers",
    "settings",
    "speed",
}
"""Folders of tests/ that are about more than a room."""

OWN_CODE = python_files(PACKAGE, PROJECT / "tests", PROJECT / "scripts", PROJECT / "benchmarks")


@pytest.mark.parametrize("path", OWN_CODE, ids=shown)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=shown)
def test_functions_are_short(path):
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]

    assert long == []


def test_no_file_is_named_for_nothing():
    named = [shown(path) for path in OWN_CODE if path.stem.strip("_") in BANNED_NAMES]

    assert named == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_tests(room):
    assert list((PROJECT / "tests" / room).rglob("test_*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_folders_of_tests_mirror_those_of_the_room(room):
    tests = PROJECT / "tests" / room
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}

    assert [folder for folder in folders if not (PACKAGE / room / folder).is_dir()] == []


def test_tests_are_about_something_that_exists():
    folders = {path.name for path in (PROJECT / "tests").iterdir() if path.is_dir()}

    assert folders - {"__pycache__"} - NO_ROOMS - set(ROOMS) == set()


def test_names_of_tests_are_claims():
    """A claim has a verb and an object: two words at least behind `test_`."""
    short = [
        f"{shown(path)}: {node.name}"
        for path in python_files(PROJECT / "tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef)
        and re.fullmatch(r"test_[a-z0-9]*", node.name)
        and path.name != "test_conftest.py"
    ]

    assert short == []


def test_docs_name_every_room():
    text = (PROJECT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))

    assert named == set(ROOMS)


def test_folders_of_the_package_are_the_rooms():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}

    assert folders - {"settings"} == set(ROOMS)


def test_no_place_of_one_machine_is_written_down():
    kinds = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".sql", ".html", ".service", ".lock"}
    # What records of any host tell of its first user is no place of this machine.
    place = re.compile(r"(?<![\w.])/(work|root)/(?!\.(ssh|bash_history)\b)")
    found = [
        f"{shown(path)}:{number}"
        for folder in ("tocsin", "content", "tests", "docs", "scripts", "packaging", "benchmarks")
        for path in (PROJECT / folder).rglob("*")
        if path.suffix in kinds and "node_modules" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if place.search(line) and path.name != "test_files.py"
    ]

    assert found == []
