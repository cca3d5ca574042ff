"""Which expressions of a Python rule change nothing, and what they give as far as it is known."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tocsin.detect.engine.python_module import PythonModule, constant_of
from tocsin.detect.engine.python_values import DATA, OPAQUE, Data, Known, Opaque, Part, Value

Env: TypeAlias = dict[str, Value]
"""What the names of a function stand for; of its names, those left out may not be bound yet."""

_METHODS = frozenset(
    {
        *("get", "deep_get", "deep_walk", "lookup", "keys", "values", "items", "to_dict"),
        *("lower", "upper", "casefold", "capitalize", "title", "strip", "lstrip", "rstrip"),
        *("split", "rsplit", "splitlines", "partition", "rpartition", "join", "replace", "format"),
        *("find", "rfind", "index", "count", "startswith", "endswith", "encode", "decode"),
        *("removeprefix", "removesuffix", "isdigit", "isalpha", "isnumeric", "isalnum"),
        *("isupper", "islower", "union", "intersection", "difference", "symmetric_difference"),
        *("issubset", "issuperset", "isdisjoint"),
        *("match", "search", "fullmatch", "findall", "group", "groups"),
    }
)
_BUILTINS = frozenset(
    {
        *("len", "str", "int", "float", "bool", "set", "frozenset", "list", "tuple", "dict"),
        *("sorted", "reversed", "enumerate", "zip", "range", "min", "max", "sum", "abs"),
        *("round", "repr", "any", "all", "isinstance"),
    }
)
_MOST_ELEMENTS = 64
_PLAIN_TYPES = frozenset({"str", "int", "float", "bool", "list", "dict", "tuple", "set"})
_PLAIN_CLASSES = {"collections.abc": ("Mapping", "Sequence", "Iterable"), "typing": ("Mapping",)}
_LIBRARY: Mapping[str, frozenset[str]] = {
    "re": frozenset({"match", "search", "fullmatch", "findall", "compile", "split", "sub"}),
    "json": frozenset({"loads", "dumps"}),
    "fnmatch": frozenset({"fnmatch", "fnmatchcase"}),
    "ipaddress": frozenset({"ip_address", "ip_network"}),
    "base64": frozenset({"b64decode", "b64encode"}),
    "urllib.parse": frozenset({"urlparse", "unquote"}),
}
_OWN_HELPERS: Mapping[str, frozenset[str]] = {
    "panther_base_helpers": frozenset(
        {"deep_walk", "pattern_match", "pattern_match_list", "is_ip_in_network"}
    ),
}
_EVENT_TYPES = "panther_event_type_helpers"
_DEEP_GET = frozenset({"panther_base_helpers", "panther_core"})


class EndOfProofError(Exception):
    """What follows cannot be understood, or may change something."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean inside one function.

    Attributes:
        module: whose function it is.
        others: texts of helper modules by name.
        locals: how often the function binds each of its names.
    """

    module: PythonModule
    others: Mapping[str, PythonModule | None]
    locals: Mapping[str, int]

    def is_free(self, name: str) -> bool:
        """Return whether a name means what Python itself gives it."""
        return name not in self.locals and name not in self.module.bound

    def imported(self, node: ast.expr) -> tuple[str, str]:
        """Return module and name of what is imported under this expression; else empty."""
        match node:
            case ast.Name(id=name) if name not in self.locals:
                module, member = self.module.imports.get(name, ("", ""))
                return (module, member) if member else ("", "")
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name not in self.locals:
                module, member = self.module.imports.get(name, ("", ""))
                return (module, attribute) if module and not member else ("", "")
            case _:
                return "", ""

    def serves(self, module: str, known: Mapping[str, frozenset[str]], name: str) -> bool:
        """Return whether a module that is not the folder's has this function."""
        return module not in self.others and name in known.get(module, ())


class Expressions:
    """Reads the expressions of one function."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def called(self, node: ast.Call, env: Env) -> Value | None:
        """Follow a call of a function of the rules; `None` where it is another's."""
        raise NotImplementedError

    def value(self, node: ast.expr, env: Env) -> Value:
        """Return what an expression gives.

        Raises:
            EndOfProofError: evaluating it may change something, as far as can be told.
        """
        match node:
            case ast.Constant(value=value):
                is_known = value is None or isinstance(value, str | int | float)
                return Known(value) if is_known else DATA  # type: ignore[arg-type] # is_known says so
            case ast.Name(id=name):
                return self._name(name, env)
            case ast.NamedExpr(target=ast.Name(id=name), value=inner):
                return self._named(name, self.value(inner, env), env)
            case ast.Call():
                return self._called(node, env)
            case ast.Subscript(value=inner, slice=index):
                return self._inside(self.plain(inner, env), self.plain(index, env))
            case ast.BoolOp(op=ast.Or(), values=[inner, other]):
                return self._either(self.plain(inner, env), self.plain(other, env))
            case _:
                return self._composed(node, env)

    def _composed(self, node: ast.expr, env: Env) -> Value:
        """Read what is made of other expressions and gives plain data."""
        constant = constant_of(node)
        if constant is not None:
            return Known(constant)
        match node:
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self.comprehended(node, env)
                return DATA
            case ast.Attribute():
                module, name = self.scope.imported(node)
                return self._imported(module, name)
            case ast.BoolOp() | ast.Compare() | ast.BinOp() | ast.UnaryOp() | ast.IfExp():
                return self._all_plain(node, env)
            case ast.Tuple() | ast.List() | ast.Set() | ast.Dict() | ast.JoinedStr():
                return self._all_plain(node, env)
            case ast.FormattedValue() | ast.Slice():
                return self._all_plain(node, env)
            case _:
                raise EndOfProofError

    def comprehended(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, env: Env
    ) -> Env:
        """Return the names inside a comprehension, once all of it is seen to change nothing."""
        inner = dict(env)
        for each in node.generators:
            if each.is_async:
                raise EndOfProofError
            bind(each.target, element_of(self.plain(each.iter, inner)), inner)
            for test in each.ifs:
                self.plain(test, inner)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for part in parts:
            self.plain(part, inner)
        return inner

    def plain(self, node: ast.expr, env: Env) -> Value:
        """Return what an expression gives, if using it changes nothing either."""
        found = self.value(node, env)
        if isinstance(found, Opaque):
            raise EndOfProofError
        return found

    def _all_plain(self, node: ast.AST, env: Env) -> Value:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Starred | ast.Yield | ast.Await):
                raise EndOfProofError
            if isinstance(child, ast.expr):
                self.plain(child, env)
        return DATA

    def _name(self, name: str, env: Env) -> Value:
        if name in self.scope.locals:
            return env.get(name, OPAQUE)
        if name in self.scope.module.constants:
            return Known(self.scope.module.constants[name])
        if name in self.scope.module.plain:
            return DATA
        return self._imported(*self.scope.module.imports.get(name, ("", "")))

    def _imported(self, module: str, name: str) -> Value:
        """Return what a name of another module stands for."""
        other = self.scope.others.get(module)
        if other is not None and name in other.plain:
            is_fixed = name in other.constants and name in other.unchangeable
            return Known(other.constants[name]) if is_fixed else DATA
        if module in self.scope.others or not name.isupper():
            return OPAQUE
        if module == _EVENT_TYPES:
            return Known(name.lower())
        return DATA if module in _LIBRARY else OPAQUE  # a constant such as `re.IGNORECASE`

    def _named(self, name: str, found: Value, env: Env) -> Value:
        if self.scope.locals.get(name) != 1:
            raise EndOfProofError
        env[name] = found
        return found

    def _inside(self, base: Value, index: Value) -> Value:
        match base, index:
            case Part() as part, Known(str(key)):
                return part.under(key) if not part.is_element or part.path else DATA
            case Part() as part, Known(int()):
                return part.element
            case _:
                return DATA

    def _either(self, base: Value, other: Value) -> Value:
        """Return what `base or other` gives: the part itself, where the other is empty."""
        is_empty = isinstance(other, Known) and not other.value
        return base if isinstance(base, Part) and is_empty else DATA

    def _called(self, node: ast.Call, env: Env) -> Value:
        followed = self.called(node, env)
        if followed is not None:
            return followed
        match node.func:
            case ast.Attribute(value=base, attr=name) if not self.scope.imported(node.func)[0]:
                if name not in _METHODS:
                    raise EndOfProofError
                return self._method(self.plain(base, env), name, node, env)
            case ast.Name(id=name) if name in _BUILTINS and self.scope.is_free(name):
                return self._builtin(name, node, env)
            case _:
                return self._of_library(node, env)

    def _arguments(self, node: ast.Call, env: Env) -> list[Value]:
        return [self.plain(each, env) for each in node.args] + [
            self.plain(each.value, env) for each in node.keywords
        ]

    def _method(self, base: Value, name: str, node: ast.Call, env: Env) -> Value:
        arguments = self._arguments(node, env)
        if not isinstance(base, Part):
            return DATA
        if name == "get" and not node.keywords and len(arguments) <= 2:
            return under(base, arguments[:1], arguments[1:])
        if name == "deep_get" and not base.path and _only_default(node):
            count = len(node.args)
            return under(base, arguments[:count], arguments[count:])
        if name == "lower" and not arguments and base.form == "plain":
            return Part(base.path, "lower", base.is_element, base.is_inside)
        return DATA

    def _builtin(self, name: str, node: ast.Call, env: Env) -> Value:
        if name == "isinstance" and len(node.args) == 2 and not node.keywords:
            self.plain(node.args[0], env)
            if not self._is_plain_type(node.args[1]):
                raise EndOfProofError
            return DATA
        arguments = self._arguments(node, env)
        match name, arguments:
            case "str", [Part(form="plain") as part] if part.path:
                return Part(part.path, "text", part.is_element, part.is_inside)
            case "list" | "tuple" | "sorted" | "set", [Part() as part] if not part.is_element:
                return part if not node.keywords and part.path else DATA
            case _:
                return DATA

    def _is_plain_type(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Tuple):
            return all(map(self._is_plain_type, node.elts))
        if isinstance(node, ast.Name) and self.scope.is_free(node.id):
            return node.id in _PLAIN_TYPES
        module, name = self.scope.imported(node)
        return name in _PLAIN_CLASSES.get(module, ())

    def _of_library(self, node: ast.Call, env: Env) -> Value:
        module, name = self.scope.imported(node.func)
        if module in _LIBRARY and name in _LIBRARY[module]:
            self._arguments(node, env)
            return DATA
        if module in _DEEP_GET and name == "deep_get" and module not in self.scope.others:
            return self.deep_get(node, env)
        if self.scope.serves(module, _OWN_HELPERS, name):
            self._arguments(node, env)
            return DATA
        raise EndOfProofError

    def deep_get(self, node: ast.Call, env: Env) -> Value:
        """Return what `deep_get(value, "a", "b", default=…)` reads."""
        arguments = self._arguments(node, env)
        count = len(node.args)
        base = arguments[0] if count else DATA
        if not isinstance(base, Part) or not _only_default(node):
            return DATA
        return under(base, arguments[1:count], arguments[count:])


def bind(target: ast.expr, found: Value, env: Env) -> None:
    """Let a name stand for a value, or names for what a value holds.

    Raises:
        EndOfProofError: the target is something else.
    """
    match target:
        case ast.Name(id=name):
            env[name] = found
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for each in elements:
                bind(each, DATA, env)
        case _:
            raise EndOfProofError


def elements_of(found: Value) -> list[Value]:
    """Return what one meets when going through a value: its constants, or some element of it."""
    match found:
        case Known(tuple(values)) if 0 < len(values) <= _MOST_ELEMENTS:
            return [Known(each) for each in values]
        case _:
            return [element_of(found)]


def element_of(found: Value) -> Value:
    """Return some element of a value.

    Raises:
        EndOfProofError: going through it may run code of its own.
    """
    match found:
        case Part() as part:
            return part.element
        case Opaque():
            raise EndOfProofError
        case _:
            return DATA


def under(base: Part, keys: list[Value], defaults: list[Value]) -> Part | Data:
    """Return the value under constant keys, if whatever stands for a missing one is empty."""
    names = [each.value for each in keys if isinstance(each, Known) and isinstance(each.value, str)]
    is_known = bool(keys) and len(names) == len(keys)
    are_empty = all(isinstance(each, Known) and not each.value for each in defaults)
    return base.under(*map(str, names)) if is_known and are_empty else DATA


def _only_default(node: ast.Call) -> bool:
    return all(each.arg == "default" for each in node.keywords) and len(node.keywords) <= 1
