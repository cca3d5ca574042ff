"""What must not stand in the code, by its own invariants."""

import ast

import pytest

from tests.architecture.sources import (
    PACKAGE,
    THINKING,
    calls,
    imports,
    python_files,
    shown,
    tree,
)

EXEC_FILE = "tocsin/isolate/rule_worker_child.py"
THINKING_FILES = [path for room in THINKING for path in python_files(PACKAGE / room)]


def test_text_is_executed_in_one_file_only():
    found = {
        shown(path)
        for path in python_files(PACKAGE)
        for name, _ in calls(path)
        if name in ("exec", "eval", "compile", "builtins.exec", "builtins.eval")
    }

    assert found == {EXEC_FILE}


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=shown)
def test_nothing_reads_objects_from_bytes(path):
    forbidden = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}

    assert forbidden & {name.split(".")[0] for name in imports(path)} == set()


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=shown)
def test_no_shell_is_started(path):
    through_shell = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and any(
            word.arg == "shell" and getattr(word.value, "value", None) is not False
            for word in node.keywords
        )
    ]

    assert through_shell == []
    assert [name for name, _ in calls(path) if name in ("os.system", "os.popen")] == []


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=shown)
def test_a_broad_except_says_what_is_protected_from_what(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    bare = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not passes_on(node):
            around = lines[node.lineno - 2 : node.body[0].lineno]
            if not any("# " in line for line in around):
                bare.append(node.lineno)

    assert bare == []


def is_broad(node: ast.ExceptHandler) -> bool:
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds
    )


def passes_on(node: ast.ExceptHandler) -> bool:
    """Whether the error goes on as it came, after something was tidied up."""
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


@pytest.mark.parametrize("path", THINKING_FILES, ids=shown)
def test_thinking_rooms_read_no_clock_and_draw_no_number(path):
    clocks = ("now", "utcnow", "today", "uuid4", "urandom", "token_hex")
    read = [(name, line) for name, line in calls(path) if name.split(".")[-1] in clocks]

    assert read == []


@pytest.mark.parametrize("path", THINKING_FILES, ids=shown)
def test_thinking_rooms_open_nothing_and_print_nothing(path):
    touching = ("open", "print", "input", "__import__")

    assert [(name, line) for name, line in calls(path) if name in touching] == []


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=shown)
def test_no_work_is_left_for_later_in_a_comment(path):
    marks = ("TODO", "FIXME", "XXX", "HACK")
    found = [
        number
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if any(f"# {mark}" in line for mark in marks)
    ]

    assert found == []
