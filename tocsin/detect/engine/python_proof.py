"""Prove from the syntax tree of a Python rule what must hold of an event that it matches.

`rule(event)` is read in the order in which it runs, every branch of it, as far as its expressions
change nothing. What is returned holds of every event that the rule matches, and of every event on
which it comes to something that this reader has no rule for: that may change something, so that the
rule must be asked. Functions that are called are followed, those of helper modules too. Nothing is
guessed: a rule without a proof is asked about every event.

Taken for granted: rules do not replace names in Python itself or in each other's modules.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tocsin.conditions.tree import AllOf, Condition
from tocsin.detect.engine.python_conditions import Conditions
from tocsin.detect.engine.python_expressions import (
    EndOfProofError,
    Env,
    Scope,
    bind,
    elements_of,
)
from tocsin.detect.engine.python_known import is_deep_get
from tocsin.detect.engine.python_module import PythonModule, assigned_names, python_module
from tocsin.detect.engine.python_simple import condition_of_simple
from tocsin.detect.engine.python_values import DATA, NEVER, Known, Opaque, Part, Value, joined

Helpers: TypeAlias = Iterable[tuple[str, str]]
"""Name and text of the modules of its folder that a rule imports."""

_MOST_STEPS = 3_000
_DEEPEST_CALL = 4


def necessary_condition(source: str, helpers: Helpers = ()) -> Condition | None:
    """Return a condition that holds for every event the rule matches, `None` without a proof.

    It holds for records none of whose keys hold the dots of its paths; others must be asked.

    Args:
        source: text of the rule.
        helpers: modules that it imports; others that it names are not of its folder.
    """
    simple = condition_of_simple(source)
    if simple is not None:
        return simple
    module = python_module(source)
    function = module.functions.get("rule") if module else None
    if module is None or function is None:
        return None
    others = {name: python_module(text) for name, text in helpers}
    try:
        found = _Walk(others).returns(function, module, [Part(())], is_true=True)
    except (RecursionError, EndOfProofError):
        return None
    return AllOf(tuple(found.conditions)) if found.conditions else None


@dataclass(frozen=True, slots=True)
class _Found:
    """What holds where a function returns true (or false), or comes to what is not understood.

    Attributes:
        conditions: all of them hold.
        is_whole: whether everything was understood, so that reading may go on after it.
    """

    conditions: list[Condition]
    is_whole: bool


class _Walk:
    """Follows functions from one to the next; counts its steps, for branches multiply."""

    def __init__(self, others: Mapping[str, PythonModule | None]) -> None:
        self.others = others
        self._steps = 0
        self._depth = 0

    def step(self) -> None:
        """Count one statement; ends the proof where there are too many."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise EndOfProofError

    def returns(
        self, function: ast.FunctionDef, module: PythonModule, given: list[Value], *, is_true: bool
    ) -> _Found:
        """Return what holds where the function, given these values, returns true (or false)."""
        if self._depth >= _DEEPEST_CALL:
            raise EndOfProofError
        names = _parameters(function, given)
        scope = Scope(module, self.others, assigned_names([function]))
        self._depth += 1
        try:
            return _Reader(self, scope, is_true=is_true).block(tuple(function.body), names)
        finally:
            self._depth -= 1

    def single(
        self, function: ast.FunctionDef, module: PythonModule, given: list[Value]
    ) -> Value | None:
        """Return what a function gives that does nothing but return an expression."""
        body = [each for each in function.body if not _is_text(each)]
        match body:
            case [ast.Return(value=ast.expr() as value)]:
                names = _parameters(function, given)
                scope = Scope(module, self.others, assigned_names([function]))
                return _Reader(self, scope, is_true=True).value(value, names)
            case _:
                return None


class _Reader(Conditions):
    """Follows the statements of one function to where it returns true, or false."""

    def __init__(self, walk: _Walk, scope: Scope, *, is_true: bool) -> None:
        super().__init__(scope)
        self._walk = walk
        self._is_true = is_true

    def block(self, statements: tuple[ast.stmt, ...], env: Env) -> _Found:
        """Return what holds where these statements return what is looked for."""
        found: list[Condition] = []
        for index, statement in enumerate(statements):
            self._walk.step()
            try:
                if isinstance(statement, ast.Return):
                    return _Found(found + self._returned(statement, env), True)
                if isinstance(statement, ast.Raise | ast.Continue | ast.Break):
                    return _Found([NEVER], True)
                branches = self._branches(statement, statements[index + 1 :], env)
                if branches is not None:
                    joint = joined([each.conditions for each in branches])
                    return _Found(found + joint, all(each.is_whole for each in branches))
                found += self._plain_statement(statement, env)
            except EndOfProofError as end:
                return _Found(found + list(end.args), False)
        return _Found([NEVER] if self._is_true else found, True)

    def _returned(self, statement: ast.Return, env: Env) -> list[Condition]:
        if statement.value is None:
            return [NEVER] if self._is_true else []
        return self.when(statement.value, env, is_true=self._is_true)

    def _plain_statement(self, statement: ast.stmt, env: Env) -> list[Condition]:
        """Read a statement that goes on to the next; return what holds where it does."""
        match statement:
            case ast.Pass():
                return []
            case ast.Expr(value=value):
                self.value(value, env)
                return []
            case ast.Assign(targets=[target], value=value):
                bind(target, self.value(value, env), env)
                return []
            case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                bind(target, self.value(value, env), env)
                return []
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                if not isinstance(env.get(name), Known):
                    raise EndOfProofError  # a list would be changed in place
                self.value(value, env)
                env[name] = DATA
                return []
            case ast.Assert(test=test):
                return self.when(test, env, is_true=True)
            case _:
                raise EndOfProofError

    def _branches(
        self, statement: ast.stmt, rest: tuple[ast.stmt, ...], env: Env
    ) -> list[_Found] | None:
        """Return what holds in each way that a statement may go; `None` where there is one."""
        match statement:
            case ast.If():
                test, body, orelse = _first_test(statement)
                return [
                    self._branch(test, True, (*body, *rest), env),
                    self._branch(test, False, (*orelse, *rest), env),
                ]
            case ast.For(orelse=[]):
                return self._loop(statement, rest, env)
            case ast.Try(finalbody=[]):
                return self._attempts(statement, rest, env)
            case ast.Match():
                return self._cases(statement, rest, env)
            case _:
                return None

    def _branch(
        self, test: ast.expr, is_true: bool, statements: tuple[ast.stmt, ...], env: Env
    ) -> _Found:
        inner = dict(env)
        try:
            found = self.when(test, inner, is_true=is_true)
        except EndOfProofError as end:
            return _Found(list(end.args), False)
        if NEVER in found:
            return _Found([NEVER], True)
        after = self.block(statements, inner)
        conditions = [NEVER] if NEVER in after.conditions else found + after.conditions
        return _Found(conditions, after.is_whole)

    def _loop(self, statement: ast.For, rest: tuple[ast.stmt, ...], env: Env) -> list[_Found]:
        after = self._without([statement], env)
        found = []
        for met in elements_of(self.value(statement.iter, env)):
            inside = dict(after)
            bind(statement.target, met, inside)
            # What falls through does not return: it goes to the next element, or to the rest.
            found.append(self.block((*statement.body, ast.Continue()), inside))
        return [*found, self.block(rest, after)]

    def _attempts(self, statement: ast.Try, rest: tuple[ast.stmt, ...], env: Env) -> list[_Found]:
        found = [self.block((*statement.body, *statement.orelse, *rest), dict(env))]
        for handler in statement.handlers:
            inner = self._without(statement.body, env)
            if handler.name:
                inner[handler.name] = DATA
            found.append(self.block((*handler.body, *rest), inner))
        return found

    def _cases(self, statement: ast.Match, rest: tuple[ast.stmt, ...], env: Env) -> list[_Found]:
        """Read `match`; what a case does not say of those after it is left out."""
        subject = self.value(statement.subject, env)
        if isinstance(subject, Opaque):
            raise EndOfProofError
        found = []
        is_complete = False
        for case in statement.cases:
            inner = dict(env)
            conditions = self.matched(subject, case.pattern, inner)
            if case.guard is not None:
                guard = self._branch(case.guard, True, (*case.body, *rest), inner)
                found.append(_Found(_both(conditions, guard.conditions), guard.is_whole))
                continue
            after = self.block((*case.body, *rest), inner)
            found.append(_Found(_both(conditions, after.conditions), after.is_whole))
            takes_all = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            is_complete = is_complete or takes_all
        return found if is_complete else [*found, self.block(rest, dict(env))]

    def _without(self, body: list[ast.stmt], env: Env) -> Env:
        """Return the names with all unknown that the statements bind."""
        return {**env, **dict.fromkeys(assigned_names(body), DATA)}

    def called(self, node: ast.Call, env: Env) -> Value | None:
        """Follow a call for its value; `None` where the function is none of the rules'."""
        target = self._target(node)
        if target is None:
            return None
        function, module = target
        if is_deep_get(function, module):
            return self.deep_get(node, env)
        given = self._given(node, function, env)
        found = self._walk.single(function, module, given)
        if found is None and not self._walk.returns(function, module, given, is_true=True).is_whole:
            raise EndOfProofError
        return DATA if found is None else found

    def followed(self, node: ast.Call, env: Env, *, is_true: bool) -> list[Condition] | None:
        """Follow a call for what holds where it gives true, or false."""
        target = self._target(node)
        if target is None or is_deep_get(*target):
            return None
        function, module = target
        given = self._given(node, function, env)
        found = self._walk.returns(function, module, given, is_true=is_true)
        if not found.is_whole:
            raise EndOfProofError(*found.conditions)
        return found.conditions

    def _target(self, node: ast.Call) -> tuple[ast.FunctionDef, PythonModule] | None:
        match node.func:
            case ast.Name(id=name) if (
                name not in self.scope.locals and name in self.scope.module.functions
            ):
                return self.scope.module.functions[name], self.scope.module
            case _:
                module, name = self.scope.imported(node.func)
                other = self.scope.others.get(module)
                function = other.functions.get(name) if other else None
                return (function, other) if function is not None and other is not None else None

    def _given(self, node: ast.Call, function: ast.FunctionDef, env: Env) -> list[Value]:
        """Return the values of a call in the order of the function's parameters."""
        given = [self.value(each, env) for each in node.args]
        named = {each.arg: self.value(each.value, env) for each in node.keywords}
        names = [each.arg for each in function.args.args]
        defaults = [self.value(each, {}) for each in function.args.defaults]
        for at, name in enumerate(names[len(given) :], start=len(given)):
            missing = at - len(names)
            if name in named:
                given.append(named.pop(name))
            elif -missing <= len(defaults):
                given.append(defaults[missing])
            else:
                raise EndOfProofError  # it raises, or takes what is not read here
        if named or any(isinstance(each, Opaque) for each in given):
            raise EndOfProofError
        return given


def _first_test(
    statement: ast.If,
) -> tuple[ast.expr, list[ast.stmt], list[ast.stmt]]:
    """Return the first test made, and what follows: `if a or b` is `if a`, else `if b`."""
    match statement.test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _first_test(ast.If(operand, statement.orelse or [ast.Pass()], statement.body))
        case ast.BoolOp(op=operator, values=[first, *others]):
            last = others[0] if len(others) == 1 else ast.BoolOp(operator, others)
            following: list[ast.stmt] = [ast.If(last, statement.body, statement.orelse)]
            if isinstance(operator, ast.Or):
                return _first_test(ast.If(first, statement.body, following))
            return _first_test(ast.If(first, following, statement.orelse))
        case test:
            return test, statement.body, statement.orelse


def _both(conditions: list[Condition], after: list[Condition]) -> list[Condition]:
    return [NEVER] if NEVER in after or NEVER in conditions else conditions + after


def _parameters(function: ast.FunctionDef, given: list[Value]) -> Env:
    arguments = function.args
    is_plain = not (arguments.vararg or arguments.kwarg or arguments.kwonlyargs)
    if not is_plain or arguments.posonlyargs or len(arguments.args) != len(given):
        raise EndOfProofError
    if any(isinstance(node, ast.Yield | ast.YieldFrom | ast.Await) for node in ast.walk(function)):
        raise EndOfProofError
    return {each.arg: value for each, value in zip(arguments.args, given, strict=True)}


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
