"""Prove from the syntax tree of a Python rule what must hold of an event that it matches.

`rule(event)` is read in the order in which it runs, as far as every expression is one that changes
nothing: early returns of false, names given to parts of the event, and the `and` chain of a return.
The first expression that this reader has no rule for ends the proof. Nothing is guessed: a rule
without a proof is asked about every event.
"""

import ast
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

from tocsin.conditions.tree import AllOf, AnyOf, Condition, Field, Not, Pattern, Text, Wildcard

Path: TypeAlias = tuple[str, ...]

_ADDED_PREFIX = "p_"
_NOT_TEXT = ("None", "True", "False", "nan", "inf")


def necessary_condition(source: str) -> Condition | None:
    """Return a condition that holds for every event the rule matches, `None` without a proof.

    It holds for records none of whose keys hold the dots of its paths; others must be asked.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    rules = [node for node in ast.walk(module) if _defines_rule(node)]
    if len(rules) != 1 or rules[0] not in module.body:
        return None
    rule = rules[0]
    if not isinstance(rule, ast.FunctionDef) or rule.decorator_list or len(rule.args.args) != 1:
        return None
    found = _Reader(rule.args.args[0].arg, _constants(module)).body(rule.body)
    return AllOf(tuple(found)) if found else None


def _defines_rule(node: ast.AST) -> bool:
    """Return whether the node may give the name `rule` a meaning."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name == "rule"
        case ast.Name(id="rule", ctx=ast.Store() | ast.Del()):
            return True
        case ast.alias():
            return (node.asname or node.name) in ("rule", "*")
        case ast.Call(func=ast.Name(id="globals" | "exec" | "eval" | "setattr" | "vars")):
            return True
        case _:
            return False


def _constants(module: ast.Module) -> dict[str, tuple[str, ...]]:
    """Return module names bound once to texts, or to a group of texts that nothing can change."""
    uses: Counter[str] = Counter()
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                uses[name] += 1
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                uses[name] += 1
            case ast.alias():
                uses[node.asname or node.name] += 1
            case _:
                pass
    loaded_apart = _changeable_uses(module)
    found = {}
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if uses[name] == 1:
                texts = _texts(value)
                is_fixed = isinstance(value, ast.Tuple | ast.Constant)
                if texts is not None and (is_fixed or name not in loaded_apart):
                    found[name] = texts
            case _:
                pass
    return found


def _changeable_uses(module: ast.Module) -> frozenset[str]:
    """Return names used for more than asking what is in them, so that a list may be changed."""
    asked: set[int] = set()
    for node in ast.walk(module):
        match node:
            case ast.Compare(comparators=comparators):
                asked.update(map(id, comparators))
            case ast.Attribute(value=value, attr="get"):
                asked.add(id(value))
            case _:
                pass
    return frozenset(
        node.id
        for node in ast.walk(module)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in asked
    )


def _texts(node: ast.expr) -> tuple[str, ...] | None:
    match node:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            texts = [each.value for each in elements if isinstance(each, ast.Constant)]
            are_texts = len(texts) == len(elements) and all(isinstance(each, str) for each in texts)
            return tuple(map(str, texts)) if are_texts else None
        case ast.Dict(keys=keys):
            return None if None in keys else _texts(ast.Tuple([key for key in keys if key]))
        case _:
            return None


class _EndOfProofError(Exception):
    """What follows cannot be understood."""


@dataclass(slots=True)
class _Reader:
    """Follows one function; `names` are local names for parts of the event."""

    event: str
    constants: dict[str, tuple[str, ...]]
    names: dict[str, Path] = field(default_factory=dict)

    def body(self, statements: list[ast.stmt]) -> list[Condition]:
        """Return what must hold so that the statements return true."""
        found: list[Condition] = []
        try:
            for statement in statements:
                found += self._statement(statement)
                if isinstance(statement, ast.Return):
                    break
        except _EndOfProofError as end:
            found += end.args
        return found

    def _statement(self, statement: ast.stmt) -> list[Condition]:
        match statement:
            case ast.Expr(value=ast.Constant()):
                return []
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name != self.event:
                path = self._path(value)
                if path is None or name in self.constants:
                    raise _EndOfProofError
                self.names[name] = path
                return []
            case ast.If(test=test, body=[ast.Return(value=ast.Constant(value=False))], orelse=[]):
                return self._when(test, is_true=False)
            case ast.Return(value=ast.expr() as value):
                return self._when(value, is_true=True)
            case _:
                raise _EndOfProofError

    def _when(self, test: ast.expr, *, is_true: bool) -> list[Condition]:
        """Return what must hold so that the test is true, or false."""
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._when(operand, is_true=not is_true)
            case ast.BoolOp(op=operator, values=values):
                is_each = isinstance(operator, ast.And) is is_true
                return self._each(values, is_true) if is_each else self._some(values, is_true)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._compare(left, operator, right, is_true)
            case ast.Call(func=ast.Attribute(value=value, attr="startswith"), args=[start]):
                return self._starts(value, start, test, is_true)
            case _ if self._path(test) is not None:
                return [] if is_true else [_empty(self._path(test) or ())]
            case _:
                raise _EndOfProofError

    def _each(self, values: list[ast.expr], is_true: bool) -> list[Condition]:
        """Return what every part demands, up to the first that is not understood."""
        found: list[Condition] = []
        for value in values:
            try:
                found += self._when(value, is_true=is_true)
            except _EndOfProofError as end:
                raise _EndOfProofError(*found, *end.args) from None
        return found

    def _some(self, values: list[ast.expr], is_true: bool) -> list[Condition]:
        """Return that one part must hold; each must be understood, for one alone proves nothing."""
        try:
            parts = [self._when(value, is_true=is_true) for value in values]
        except _EndOfProofError:
            raise _EndOfProofError from None
        return [AnyOf(tuple(AllOf(tuple(part)) for part in parts))] if all(parts) else []

    def _compare(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr, is_true: bool
    ) -> list[Condition]:
        path, texts = self._path(left), self._literals(operator, right)
        if path is None or texts is None:
            raise _EndOfProofError
        is_equal = isinstance(operator, ast.Eq | ast.In)
        if is_equal is not is_true or "" in texts:
            return []  # an empty text may stand for a missing value
        return [_field(path, tuple(Text((text,), True) for text in texts))]

    def _literals(self, operator: ast.cmpop, node: ast.expr) -> tuple[str, ...] | None:
        if isinstance(operator, ast.Eq | ast.NotEq):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            return (str(node.value),) if is_text and isinstance(node, ast.Constant) else None
        if not isinstance(operator, ast.In | ast.NotIn):
            return None
        if isinstance(node, ast.Name):
            return None if node.id in self.names else self.constants.get(node.id)
        return _texts(node)

    def _starts(
        self, value: ast.expr, start: ast.expr, call: ast.expr, is_true: bool
    ) -> list[Condition]:
        """Read `event.get("x").startswith("y")`, also with `str(...)` around the value."""
        is_printed = False
        match value:
            case ast.Call(func=ast.Name(id="str"), args=[inner], keywords=[]):
                value, is_printed = inner, True
            case _:
                pass
        path = self._path(value)
        starts = (start.value,) if isinstance(start, ast.Constant) else _texts(start)
        if path is None or starts is None or not isinstance(call, ast.Call) or call.keywords:
            raise _EndOfProofError
        texts = [text for text in starts if isinstance(text, str) and text]
        is_sure = len(texts) == len(starts) and not (is_printed and any(map(_may_print, texts)))
        if not is_true or not is_sure:
            return []
        return [_field(path, tuple(Text((text, Wildcard.ANY), True) for text in texts))]

    def _path(self, node: ast.expr) -> Path | None:
        """Return the part of the event that an expression reads, `None` where it does more."""
        match node:
            case ast.Name(id=name):
                return () if name == self.event else self.names.get(name)
            case ast.BoolOp(op=ast.Or(), values=[inner, other]) if _is_empty(other):
                return self._path(inner)
            case ast.Subscript(value=inner, slice=ast.Constant(value=str(key))):
                return _under(self._path(inner), (key,))
            case ast.Call(func=ast.Attribute(value=inner, attr="get"), args=arguments, keywords=[]):
                return _under(self._path(inner), _keys(arguments[:1], arguments[1:]))
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="deep_get"),
                args=keys,
                keywords=[] | [ast.keyword(arg="default")] as keywords,
            ) if name == self.event:
                return _keys(keys, [each.value for each in keywords])
            case _:
                return None


def _keys(nodes: list[ast.expr], defaults: list[ast.expr]) -> Path | None:
    """Return constant keys, if whatever stands for a missing value is empty."""
    keys = tuple(
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    is_known = len(defaults) <= 1 and all(map(_is_empty, defaults))
    return keys if is_known and keys and len(keys) == len(nodes) else None


def _under(path: Path | None, keys: Path | None) -> Path | None:
    return None if path is None or keys is None else path + keys


def _field(path: Path, tests: tuple[Text | Pattern, ...]) -> Condition:
    if not path or path[0].startswith(_ADDED_PREFIX) or not all(path):
        # Nothing of the record itself: fields that the worker may add.
        return AllOf(())
    return Field(".".join(path), tests)


def _empty(path: Path) -> Condition:
    """Return what holds where the value is taken for false: whatever it is, it prints otherwise."""
    condition = _field(path, (Pattern("^[A-Z]"),))
    return Not(condition) if isinstance(condition, Field) else condition


def _is_empty(node: ast.expr) -> bool:
    match node:
        case ast.Dict(keys=[]) | ast.List(elts=[]) | ast.Tuple(elts=[]):
            return True
        case ast.Constant(value=None | "" | False):
            return True
        case _:
            return False


def _may_print(text: str) -> bool:
    """Return whether `str` of something that is no text may start so."""
    return not text[0].isalpha() or any(word.startswith(text[:4]) for word in _NOT_TEXT)
