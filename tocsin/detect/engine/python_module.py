"""What the text of a Python module binds at its top: functions, constants and imports.

A name counts only where the text binds it once, so that nothing can give it another meaning; rules
do not change the names of each other's modules.
"""

import ast
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, Union

Constant: TypeAlias = Union[str, int, float, bool, None, tuple["Constant", ...]]  # noqa: UP007 # names itself
"""A value written out in the text; groups of values are tuples of them."""

_GIVES_NAMES = frozenset({"globals", "exec", "eval", "setattr", "vars", "locals", "__import__"})
_GROUPS = frozenset({"set", "frozenset", "tuple", "list"})
_SAFE_USES = frozenset({"get", "keys", "items", "values"})


@dataclass(frozen=True, slots=True)
class PythonModule:
    """One module of a folder of rules.

    Attributes:
        functions: by name; those that are decorated, or bound twice, are left out.
        constants: values by name; of a dictionary, its keys.
        plain: names of values made of constants alone, and of compiled patterns.
        unchangeable: names of values that no other module can change.
        imports: by the name bound, the module and the name in it, which is empty for the module.
        bound: every name that the text gives a meaning.
    """

    functions: Mapping[str, ast.FunctionDef]
    constants: Mapping[str, Constant]
    plain: frozenset[str]
    unchangeable: frozenset[str]
    imports: Mapping[str, tuple[str, str]]
    bound: frozenset[str]


@lru_cache(maxsize=4096)
def python_module(text: str) -> PythonModule | None:
    """Return what a text binds; `None` where it is no Python, or binds names in hidden ways."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    uses = Counter(name for node in ast.walk(tree) for name in _bound(node))
    if "*" in uses:
        return None
    once = frozenset(name for name, count in uses.items() if count == 1)
    fixed = once - _changeable(tree)
    functions = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in once and not node.decorator_list
    }
    values = dict(_assigned(tree.body, once))
    imports = {name: each for name, each in _imports(tree.body) if name in once}
    is_known = imports.get("re") == ("re", "")
    return PythonModule(
        functions,
        {name: each for name, each in _constants(values) if _stays(name, values[name], fixed)},
        frozenset(
            name
            for name, node in values.items()
            if _is_plain(node) or (is_known and _is_pattern(node))
        ),
        frozenset(name for name, node in values.items() if _is_unchangeable(node)),
        imports,
        frozenset(uses),
    )


def constant_of(node: ast.expr) -> Constant | None:
    """Return the value that an expression writes out, `None` where it is none (or is `None`)."""
    match node:
        case ast.Constant(value=str() | int() | float() as value):
            return value
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return _group(elements)
        case ast.Dict(keys=keys):
            return None if None in keys else _group([key for key in keys if key])
        case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in _GROUPS:
            found = constant_of(inner)
            return found if isinstance(found, tuple) else None
        case _:
            return None


def assigned_names(nodes: list[ast.stmt]) -> Counter[str]:
    """Return how often each name is bound inside these statements."""
    return Counter(
        name for statement in nodes for node in ast.walk(statement) for name in _bound(node)
    )


def _group(nodes: list[ast.expr]) -> Constant | None:
    found = [constant_of(node) for node in nodes]
    is_none = [isinstance(node, ast.Constant) and node.value is None for node in nodes]
    is_known = all(each is not None or none for each, none in zip(found, is_none, strict=True))
    return tuple(found) if is_known else None


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node may give a meaning; `*` where nobody can say which."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias():
            yield node.asname or node.name.split(".")[0]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
        case ast.Call(func=ast.Name(id=name)) if name in _GIVES_NAMES:
            yield "*"
        case _:
            pass


def _changeable(tree: ast.Module) -> frozenset[str]:
    """Return names used for more than asking what is in them, so that a group may be changed."""
    asked: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Compare(comparators=comparators):
                asked.update(map(id, comparators))
            case ast.Attribute(value=value, attr=attribute) if attribute in _SAFE_USES:
                asked.add(id(value))
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith"), args=arguments):
                asked.update(map(id, arguments))
            case ast.Subscript(value=value, ctx=ast.Load()):
                asked.add(id(value))
            case ast.comprehension(iter=value) | ast.For(iter=value):
                asked.add(id(value))
            case _:
                pass
    return frozenset(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in asked
    )


def _assigned(body: list[ast.stmt], once: frozenset[str]) -> Iterator[tuple[str, ast.expr]]:
    for statement in body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name in once:
                yield name, value
            case _:
                pass


def _constants(values: Mapping[str, ast.expr]) -> Iterator[tuple[str, Constant]]:
    for name, node in values.items():
        found = constant_of(node)
        if found is not None:
            yield name, found


def _stays(name: str, node: ast.expr, fixed: frozenset[str]) -> bool:
    """Return whether nothing in its module changes a value: it cannot be, or is only asked.

    What is inside of what is only asked could be changed, if it were a group.
    """
    if _is_unchangeable(node):
        return True
    found = constant_of(node)
    is_flat = isinstance(found, tuple) and not any(isinstance(each, tuple) for each in found)
    return name in fixed and is_flat


def _is_unchangeable(node: ast.expr) -> bool:
    match node:
        case ast.Constant() | ast.Call(func=ast.Name(id="frozenset" | "tuple")):
            return True
        case ast.Tuple(elts=elements):
            return all(map(_is_unchangeable, elements))
        case _:
            return False


def _is_pattern(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr="compile"), args=[inner]):
            return _is_plain(inner)
        case _:
            return False


def _is_plain(node: ast.expr) -> bool:
    """Return whether a value is made of constants alone, so that asking it runs nothing."""
    match node:
        case ast.Constant():
            return True
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return all(map(_is_plain, elements))
        case ast.Dict(keys=keys, values=values):
            return all(key is not None and _is_plain(key) for key in keys) and all(
                map(_is_plain, values)
            )
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _GROUPS:
            return all(map(_is_plain, arguments))
        case _:
            return False


def _imports(body: list[ast.stmt]) -> Iterator[tuple[str, tuple[str, str]]]:
    for statement in body:
        match statement:
            case ast.Import(names=names):
                for each in names:
                    if each.asname or "." not in each.name:
                        yield each.asname or each.name, (each.name, "")
            case ast.ImportFrom(module=str(module), names=names, level=0):
                for each in names:
                    yield each.asname or each.name, (module, each.name)
            case _:
                pass
