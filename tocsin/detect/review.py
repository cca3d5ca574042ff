"""Judge rules themselves: whether examples hold each condition, whether rules differ in substance.

A mutant is a rule with one condition removed, negated or changed. If every example still gives the
right answer, nobody would notice that the condition is gone: the examples are too weak.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    AnyTest,
    Condition,
    Exists,
    Field,
    Flag,
    Keyword,
    Leaf,
    Network,
    Not,
    Number,
    Order,
    Pattern,
    SameAs,
    Test,
    Text,
    TimePart,
)
from tocsin.detect.rules import Rule

Change: TypeAlias = Literal["dropped", "negated", "changed"]

_EVENT_NAMES = frozenset({"eventName", "eventSource", "api.operation", "api.service.name", "verb"})
_SAYING = frozenset(
    {"title", "severity", "dedup", "alert_context", "description", "reference", "runbook"}
)
_NEVER = "[^\\x00-\\x{10FFFF}]"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A Sigma rule with one condition altered; `where` is the altered condition's path or words."""

    rule: Rule
    change: Change
    where: str


def mutants(rule: Rule) -> tuple[Mutant, ...]:
    """Return every variant of a Sigma rule with one condition dropped, negated or changed.

    Python rules have none.
    """
    if rule.condition is None:
        return ()
    return tuple(
        Mutant(replace(rule, condition=condition), change, where)
        for condition, change, where in _variants(_flat(rule.condition))
    )


def structure(rule: Rule) -> str:
    """Return what the rule tests, with literals blanked: equal for rules that differ only in them.

    The order of conditions and the number of literals for one field make no difference.
    """
    if rule.condition is not None:
        return f"{rule.log_source}: {_shape(_flat(rule.condition))}"
    return f"{rule.log_source}: {_python_shape(rule.source)}"


def is_single_comparison(rule: Rule) -> bool:
    """Return whether the rule only compares the name of the event, perhaps with its service."""
    if rule.condition is None:
        return False
    condition = _flat(rule.condition)
    parts = condition.conditions if isinstance(condition, AllOf) else (condition,)
    return all(isinstance(part, Field) and part.path in _EVENT_NAMES for part in parts)


def _flat(condition: Condition) -> Condition:
    """Open groups inside groups of the same kind, so that each condition stands for itself."""
    match condition:
        case AllOf(inner):
            return _joined(AllOf, inner)
        case AnyOf(inner):
            return _joined(AnyOf, inner)
        case Not(Not(inner_condition)):
            return _flat(inner_condition)
        case Not(inner_condition):
            return Not(_flat(inner_condition))
        case _:
            return condition


def _joined(kind: type[AllOf] | type[AnyOf], inner: tuple[Condition, ...]) -> Condition:
    flat: list[Condition] = []
    for each in map(_flat, inner):
        flat += each.conditions if isinstance(each, kind) else (each,)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _variants(condition: Condition) -> Iterator[tuple[Condition, Change, str]]:
    match condition:
        case AllOf(inner) | AnyOf(inner):
            yield from _group_variants(type(condition), inner)
        case Not(inner_condition):
            for variant, change, where in _variants(inner_condition):
                yield Not(variant), change, where
        case _:
            where = _name(condition)
            yield AllOf(()), "dropped", where
            yield Not(condition), "negated", where
            changed = _changed(condition)
            if changed != condition:
                yield changed, "changed", where


def _group_variants(
    kind: type[AllOf] | type[AnyOf], inner: tuple[Condition, ...]
) -> Iterator[tuple[Condition, Change, str]]:
    for index, each in enumerate(inner):
        before, after = inner[:index], inner[index + 1 :]
        yield kind(before + after), "dropped", _name(each)
        for variant, change, where in _variants(each):
            # Dropping is a matter of the group: inside one, "dropped" would mean "always true".
            if change != "dropped" or not _is_single(each):
                yield kind((*before, variant, *after)), change, where


def _is_single(condition: Condition) -> bool:
    inner = condition.condition if isinstance(condition, Not) else condition
    return not isinstance(inner, AllOf | AnyOf | Not)


def _name(condition: Condition) -> str:
    match condition:
        case Field(path) | Exists(path) | SameAs(path):
            return path
        case Keyword():
            return "keywords"
        case Not(inner):
            return f"not {_name(inner)}"
        case AllOf(inner_all):
            return f"({' and '.join(map(_name, inner_all))})"
        case AnyOf(inner_any):
            return f"({' or '.join(map(_name, inner_any))})"


def _changed(leaf: Leaf) -> Condition:
    """Return the condition with other literals; the same where it has none."""
    match leaf:
        case Field(path, tests, needs_all):
            return Field(path, tuple(map(_other, tests)), needs_all)
        case Keyword(tests, needs_all):
            return Keyword(tuple(map(_other, tests)), needs_all)
        case _:
            return leaf


def _other(test: Test) -> Test:
    match test:
        case Text(parts, is_cased):
            other = tuple(f"{part}~" if isinstance(part, str) else part for part in parts)
            return Text(other or ("~",), is_cased)
        case Number(number):
            return Number(number + 1)
        case Flag(is_true):
            return Flag(not is_true)
        case Pattern(_, flags):
            return Pattern(_NEVER, flags)
        case AnyTest(tests):
            return AnyTest(tuple(map(_other, tests)))
        case _:
            return _other_measure(test)


def _other_measure(test: Test) -> Test:
    match test:
        case Order(operator, number):
            reverse: dict[str, Literal["lt", "lte", "gt", "gte"]]
            reverse = {"lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}
            return Order(reverse[operator], number)
        case TimePart(part, number):
            return TimePart(part, number + 1)
        case Network(network):
            # Addresses set aside for documentation, RFC 5737 and RFC 3849.
            return Network("2001:db8::/128" if ":" in network else "192.0.2.255/32")
        case _:
            return test


def _shape(condition: Condition) -> str:
    match condition:
        case Field(path, tests, needs_all) if needs_all:
            return f"{path} all {_shapes(tests)}"
        case Field(path, tests):
            return f"{path} {_shapes(tests)}"
        case Keyword(tests):
            return f"keywords {_shapes(tests)}"
        case Exists(path):
            return f"{path} exists"
        case SameAs(path, other, at):
            return f"{path} same {at} {other}"
        case _:
            return _group_shape(condition)


def _group_shape(condition: Condition) -> str:
    match condition:
        case AllOf(inner):
            return f"({' and '.join(sorted(map(_shape, inner)))})"
        case AnyOf(inner):
            return f"({' or '.join(sorted(map(_shape, inner)))})"
        case Not(inner_condition):
            return f"not {_shape(inner_condition)}"
        case _:
            return ""


def _shapes(tests: tuple[Test, ...]) -> str:
    return "/".join(sorted(set(map(_test_shape, tests))))


def _test_shape(test: Test) -> str:
    match test:
        case Text(parts, is_cased):
            words = "".join("_" if isinstance(part, str) else part.value for part in parts)
            return f"text{'C' if is_cased else ''}{words}"
        case AnyTest(tests):
            return f"any({_shapes(tests)})"
        case Order(operator):
            return operator
        case TimePart(part):
            return part
        case _:
            return type(test).__name__.lower()


class _Blank(ast.NodeTransformer):
    """Replaces every literal by nothing."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:  # noqa: N802 # ast's own name
        return ast.Constant(value=type(node.value).__name__)


def _python_shape(source: str) -> str:
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _only_speaks(node)]
    return ast.dump(_Blank().visit(tree))


def _only_speaks(node: ast.stmt) -> bool:
    """Return whether the statement is a docstring or a function that only words the finding."""
    if isinstance(node, ast.FunctionDef):
        return node.name in _SAYING
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
