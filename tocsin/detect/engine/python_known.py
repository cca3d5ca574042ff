"""Recognize functions that folders bring with them and that are too general to be followed."""

import ast
from functools import lru_cache

from tocsin.detect.engine.python_module import PythonModule

# The two ways in which a folder's `deep_get` is written; the names inside do not matter.
_DEEP_GET = (
    "def f(a, *b, c=None):\n"
    "    return reduce(lambda d, e: d.get(e, c) if isinstance(d, Mapping) else c, b, a)\n",
    "def f(a, *b, c=None):\n"
    "    d = reduce(lambda e, g: e.get(g) if isinstance(e, Mapping) else None, b, a)\n"
    "    if d is None:\n        return c\n    return d\n",
)
_IMPORTS = {"reduce": ("functools", "reduce"), "Mapping": ("collections.abc", "Mapping")}


def is_deep_get(function: ast.FunctionDef, module: PythonModule) -> bool:
    """Return whether a function is `deep_get(value, *keys, default=None)` as folders have it."""
    are_imported = all(module.imports.get(name) == each for name, each in _IMPORTS.items())
    keywords = [each.arg for each in function.args.kwonlyargs]
    return are_imported and keywords == ["default"] and _shape(function) in _shapes()


@lru_cache(maxsize=1)
def _shapes() -> frozenset[str]:
    bodies = (ast.parse(text).body[0] for text in _DEEP_GET)
    return frozenset(_shape(body) for body in bodies if isinstance(body, ast.FunctionDef))


def _shape(function: ast.FunctionDef) -> str:
    """Return a text that two functions share that differ in names, notes and types alone."""
    numbers: dict[str, str] = {}
    body = [
        each
        for each in function.body
        if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
    ]
    words = []
    for root in (function.args, *body):
        for node in _nodes(root):
            name = node.arg if isinstance(node, ast.arg) else getattr(node, "id", "")
            named = (
                name
                if name in (*_IMPORTS, "isinstance")
                else numbers.setdefault(name, str(len(numbers)))
            )
            constant = repr(node.value) if isinstance(node, ast.Constant) else ""
            attribute = node.attr if isinstance(node, ast.Attribute) else ""
            words.append(f"{type(node).__name__} {named} {constant} {attribute}")
    return "\n".join(words)


def _nodes(root: ast.AST) -> list[ast.AST]:
    """Return the nodes in their order, without the types that parameters are given."""
    found = [root]
    for name, child in ast.iter_fields(root):
        if name in ("annotation", "returns", "type_comment"):
            continue
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, ast.AST):
                found += _nodes(each)
    return found
