"""What must hold of a record where an expression of a Python rule is true, or false."""

import ast

from tocsin.conditions.tree import Condition
from tocsin.detect.engine.python_expressions import (
    EndOfProofError,
    Env,
    Expressions,
    bind,
    elements_of,
)
from tocsin.detect.engine.python_module import Constant
from tocsin.detect.engine.python_values import (
    NEVER,
    Known,
    Opaque,
    Part,
    Value,
    ends,
    equals,
    equals_one_of,
    holds_text,
    is_false,
    joined,
    starts,
)


class Conditions(Expressions):
    """Reads the tests of one function.

    Where a test is understood only up to some part of it, the error that ends the proof carries
    what must hold for that part to be reached.
    """

    def followed(self, node: ast.Call, env: Env, *, is_true: bool) -> list[Condition] | None:
        """Follow a call of a function of the rules; `None` where it is another's."""
        raise NotImplementedError

    def when(self, test: ast.expr, env: Env, *, is_true: bool) -> list[Condition]:
        """Return what holds where the test is true, or false.

        Raises:
            EndOfProofError: it may change something; carries what holds where that is reached.
        """
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.when(operand, env, is_true=not is_true)
            case ast.BoolOp(op=operator, values=values):
                is_each = isinstance(operator, ast.And) is is_true
                tell = self._each if is_each else self._some
                return tell(values, env, is_true)
            case ast.IfExp(test=inner, body=body, orelse=orelse):
                either = [[(inner, True), (body, is_true)], [(inner, False), (orelse, is_true)]]
                return self._one_branch(either, env)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._compared(left, operator, right, env, is_true)
            case ast.Call():
                return self._called_for(test, env, is_true)
            case _:
                return _truth(self.plain(test, env), is_true)

    def matched(self, subject: Value, pattern: ast.pattern, env: Env) -> list[Condition]:
        """Return what holds where a value matches the pattern of a case; names are bound.

        Raises:
            EndOfProofError: the pattern looks inside the value.
        """
        match pattern:
            case ast.MatchValue(value=value):
                return _equal(subject, self.plain(value, env), is_true=True)
            case ast.MatchSingleton():
                return []
            case ast.MatchOr(patterns=patterns):
                return joined([self.matched(subject, each, env) for each in patterns])
            case ast.MatchAs(pattern=inner, name=name):
                if name is not None:
                    env[name] = subject
                return [] if inner is None else self.matched(subject, inner, env)
            case _:
                raise EndOfProofError

    def _each(self, values: list[ast.expr], env: Env, is_true: bool) -> list[Condition]:
        return self._each_of([(value, is_true) for value in values], env)

    def _each_of(self, tests: list[tuple[ast.expr, bool]], env: Env) -> list[Condition]:
        """Return what every part demands, up to the first that is not understood."""
        found: list[Condition] = []
        for test, is_true in tests:
            try:
                found += self.when(test, env, is_true=is_true)
            except EndOfProofError as end:
                raise EndOfProofError(*found, *end.args) from None
        return found

    def _one_branch(self, branches: list[list[tuple[ast.expr, bool]]], env: Env) -> list[Condition]:
        """Return what one branch demands; where one is not understood, the other counts as well."""
        found: list[list[Condition]] = []
        is_understood = True
        for branch in branches:
            try:
                found.append(self._each_of(branch, env))
            except EndOfProofError as end:
                found.append(list(end.args))
                is_understood = False
        if is_understood:
            return joined(found)
        raise EndOfProofError(*joined(found))

    def _some(self, values: list[ast.expr], env: Env, is_true: bool) -> list[Condition]:
        """Return that one part must hold, or be reached where it is not understood."""
        branches: list[list[Condition]] = []
        for value in values:
            try:
                branches.append(self.when(value, env, is_true=is_true))
            except EndOfProofError as end:
                raise EndOfProofError(*joined([*branches, list(end.args)])) from None
        return joined(branches)

    def _compared(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr, env: Env, is_true: bool
    ) -> list[Condition]:
        first, second = self.plain(left, env), self.plain(right, env)
        match operator:
            case ast.Eq() | ast.NotEq() | ast.Is() | ast.IsNot():
                is_same = isinstance(operator, ast.Eq | ast.Is) is is_true
                return _equal(first, second, is_true=is_same)
            case ast.In() | ast.NotIn():
                is_inside = isinstance(operator, ast.In) is is_true
                return _member(first, second) if is_inside else []
            case _:
                return []

    def _called_for(self, node: ast.Call, env: Env, is_true: bool) -> list[Condition]:
        followed = self.followed(node, env, is_true=is_true)
        if followed is not None:
            return followed
        match node.func, node.args:
            case ast.Name(id="bool"), [inner] if self.scope.is_free("bool") and not node.keywords:
                return self.when(inner, env, is_true=is_true)
            case ast.Name(id="any" | "all" as name), [ast.GeneratorExp() | ast.ListComp() as inner]:
                if self.scope.is_free(name) and not node.keywords:
                    return self._quantified(inner, env, is_any=name == "any", is_true=is_true)
            case ast.Attribute(value=base, attr="startswith" | "endswith" as name), [edge]:
                self.plain(node, env)
                return self._edged(base, name, edge, env) if is_true else []
            case _:
                pass
        return _truth(self.plain(node, env), is_true)

    def _quantified(
        self, node: ast.GeneratorExp | ast.ListComp, env: Env, *, is_any: bool, is_true: bool
    ) -> list[Condition]:
        """Read `any(test for name in values if ...)`: what holds of some element that is met.

        `all` is true of nothing at all, and demands something only where it is false.
        """
        self.comprehended(node, env)
        if is_any is not is_true or len(node.generators) != 1:
            return []
        generator = node.generators[0]
        branches = []
        for met in elements_of(self.plain(generator.iter, env)):
            inner = dict(env)
            bind(generator.target, met, inner)
            tests = [(each, True) for each in generator.ifs]
            branches.append(self._each_of([*tests, (node.elt, is_true)], inner))
        return joined(branches)

    def _edged(self, base: ast.expr, name: str, edge: ast.expr, env: Env) -> list[Condition]:
        """Read `value.startswith("…")`, or `endswith`, of one text or several."""
        value, words = self.plain(base, env), self.plain(edge, env)
        if not isinstance(value, Part) or not isinstance(words, Known):
            return []
        return starts(value, words.value) if name == "startswith" else ends(value, words.value)


def _truth(found: Value, is_true: bool) -> list[Condition]:
    match found:
        case Known(value):
            return [] if bool(value) is is_true else [NEVER]
        case Part() as part:
            return [] if is_true else is_false(part)
        case Opaque():
            raise EndOfProofError
        case _:
            return []


def _equal(first: Value, second: Value, *, is_true: bool) -> list[Condition]:
    match first, second:
        case (Part() as part, Known(value)) | (Known(value), Part() as part):
            return equals(part, value) if is_true else []
        case Known(one), Known(other) if isinstance(one, str) and isinstance(other, str):
            return [] if (one == other) is is_true else [NEVER]
        case _:
            return []


def _member(first: Value, second: Value) -> list[Condition]:
    match first, second:
        case Part() as part, Known(tuple(values)):
            return equals_one_of(part, values)
        case Known(value), Part() as part:
            return holds_text(part, value)
        case Known(str(value)), Known(tuple(values)) if _are_texts(values):
            return [] if value in values else [NEVER]
        case _:
            return []


def _are_texts(values: tuple[Constant, ...]) -> bool:
    return all(isinstance(each, str) for each in values)
