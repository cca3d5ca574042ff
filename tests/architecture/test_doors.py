"""Rooms are entered by their doors, which are small and say what they give."""

import ast
import importlib
import inspect
import re
import subprocess
import sys

import pytest

from tests.architecture.sources import PACKAGE, PROJECT, ROOMS, python_files, shown, tree

DOORS = (*ROOMS, "settings")
MOST_NAMES = 10


def order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by the alphabet, as ruff's RUF022 sorts."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("room", DOORS)
def test_a_door_has_at_most_ten_names_in_order(room):
    names = importlib.import_module(f"tocsin.{room}").__all__

    assert len(names) <= MOST_NAMES
    assert names == sorted(names, key=order)


@pytest.mark.parametrize("room", DOORS)
def test_what_a_door_gives_says_what_it_is(room):
    door = importlib.import_module(f"tocsin.{room}")
    described = [
        name
        for name in door.__all__
        if inspect.isclass(getattr(door, name))
        or inspect.isfunction(getattr(door, name))
        or inspect.ismodule(getattr(door, name))
    ]

    without = [
        name for name in described if not (inspect.getdoc(getattr(door, name)) or "").strip()
    ]
    assert without == []
    assert len((door.__doc__ or "").split()) >= 4


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=shown)
def test_every_public_name_has_a_docstring(path):
    found = tree(path)
    without = [] if len((ast.get_docstring(found) or "").split()) > 1 else ["the file"]
    for node in public_definitions(found):
        if not ast.get_docstring(node):
            without.append(node.name)

    assert without == []


def public_definitions(node: ast.Module | ast.ClassDef):
    """Functions and classes that others may use, and what is public in those classes."""
    for inner in node.body:
        is_definition = isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if is_definition and not inner.name.startswith("_"):
            yield inner
            if isinstance(inner, ast.ClassDef):
                yield from public_definitions(inner)


@pytest.mark.parametrize("room", ROOMS)
def test_other_rooms_are_entered_by_their_door(room):
    """`ocsf` may be read by part: its parts are the words; so may modules that a door gives."""
    doors = {other: door_names(other) for other in ROOMS}
    wrong = []
    for path in python_files(PACKAGE / room):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                match = re.match(r"tocsin\.(\w+)\.(.+)", node.module)
                if not match or match[1] not in set(ROOMS) - {room, "ocsf"}:
                    continue
                if match[2].split(".")[0] not in doors[match[1]]:
                    wrong.append(f"{shown(path)}:{node.lineno}: {node.module}")

    assert wrong == []


def door_names(room: str) -> list[str]:
    return list(getattr(importlib.import_module(f"tocsin.{room}"), "__all__", ()))


HEAVY = {"boto3", "botocore", "duckdb", "fastapi", "httpx", "jinja2", "sqlalchemy", "uvicorn"}
LIGHT_DOORS = ("ocsf", "incidents", "respond", "act", "collect", "isolate", "settings", "plugins")


@pytest.mark.parametrize("room", LIGHT_DOORS)
def test_a_door_opens_without_loading_what_it_may_not_need(room):
    assert HEAVY & loaded_by(f"import tocsin.{room}") == set()


READ = """
from pathlib import Path
from tocsin.run import wiring
wiring.load_rules(wiring.RuleChoice((Path("content/rules/aws"),), False))
wiring.log_sources()
"""


def test_rules_are_read_without_what_only_turns_and_settings_need():
    # Jinja comes with pySigma.
    spared = (HEAVY | {"pydantic", "tocsin.normalize", "tocsin.store"}) - {"jinja2"}

    assert spared & loaded_by(READ) == set()


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh process has loaded once it has run the code."""
    code = f"{code}\nimport sys; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    return set(result.stdout.split())
