"""The project's own files, as the tests of its build see them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "tocsin"
THINKING = (
    *("ocsf", "conditions", "normalize", "detect", "posture"),
    *("enrich", "identity", "intelligence", "redact", "incidents", "respond"),
)
TOUCHING = ("collect", "store", "act", "isolate")
SHELL = ("run", "serve")
ROOMS = (*THINKING, *TOUCHING, *SHELL)


def python_files(*folders: Path) -> list[Path]:
    """Every Python file of the folders, generated and fetched ones left out."""
    found = (path for folder in folders for path in folder.rglob("*.py"))
    return sorted(path for path in found if not {"node_modules", ".venv"} & set(path.parts))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def shown(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the dotted name and line of everything that the file calls."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that the file imports anywhere."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
