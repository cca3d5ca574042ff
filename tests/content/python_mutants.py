"""Variants of a Python rule with one condition left out, to see whether its examples notice."""

import ast
import copy
from collections.abc import Iterator

_SAYING = {"title", "severity", "dedup", "alert_context"}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield what was left out, and the rule's text without it.

    Left out are operands of `and` and `or` and whole `if`s. Guards against odd types and defaults
    (`x or {}`) are not conditions, and functions that only word the finding are not looked at.
    """
    tree = ast.parse(source)
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in _spoken(tree) or _is_guard(node):
            continue
        for part, change in _changes(node):
            changed = copy.deepcopy(tree)
            change(list(ast.walk(changed))[index])
            yield f"line {node.lineno}: {ast.unparse(part)}", ast.unparse(changed)


def _changes(node):
    if isinstance(node, ast.BoolOp):
        for place, operand in enumerate(node.values):
            yield operand, lambda other, place=place: other.values.pop(place)
    if isinstance(node, ast.If):
        yield node.test, lambda other: setattr(other, "test", ast.Constant(value=False))


def _is_guard(node: ast.AST) -> bool:
    tested = node.test if isinstance(node, ast.If) else node
    is_either = isinstance(tested, ast.BoolOp) and isinstance(tested.op, ast.Or)
    # `x or {}`, `spec or outer` give a default; they do not decide.
    if is_either and isinstance(tested.values[-1], ast.Dict | ast.List | ast.Constant | ast.Name):
        return True
    words = ast.unparse(tested) if isinstance(node, ast.If | ast.BoolOp) else ""
    return "isinstance" in words or "is None" in words


def _spoken(tree: ast.Module) -> set[int]:
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    saying = (function for function in functions if function.name in _SAYING)
    return {id(node) for function in saying for node in ast.walk(function)}
