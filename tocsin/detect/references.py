"""Find the rules that correlations refer to, wherever in the files they stand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tocsin.detect.correlations.model import Correlation, Denied, Expression, Joined, Occurs
from tocsin.detect.document import nearest
from tocsin.detect.rules import Rule
from tocsin.errors import Location, Problem

MAX_DEPTH = 16
"""Correlations in a chain."""

_MOST_NAMED = 3


def resolved(rules: Iterable[Rule]) -> tuple[list[Rule], list[Problem]]:
    """Return the rules, correlations with the uids of the rules they refer to.

    Correlations that refer to nothing, to several, or to themselves are left out, and so are those
    that refer to one of these.
    """
    every = list(rules)
    if not any(rule.correlation for rule in every):
        return every, []
    search = _Search({rule.uid: rule for rule in every}, _by_name(every))
    found = [search.bound(rule) if rule.correlation else rule for rule in every]
    kept = [rule for rule in found if rule is not None]
    return kept, search.problems


def _by_name(rules: Iterable[Rule]) -> Mapping[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.name:
            found.setdefault(rule.name, []).append(rule)
    return found


class _UnboundError(Exception):
    """A correlation cannot be bound; the text says why."""


@dataclass(slots=True)
class _Search:
    """Correlations on their way: found are their uids, then they are done or refused."""

    by_uid: Mapping[str, Rule]
    by_name: Mapping[str, list[Rule]]
    problems: list[Problem] = field(default_factory=list)
    found: dict[str, Correlation] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    done: dict[str, Rule] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def bound(self, rule: Rule) -> Rule | None:
        """Return the correlation with uids, `None` where it cannot be used."""
        # A stack of our own: a chain may be longer than the stack of Python.
        stack: dict[str, Rule] = {rule.uid: rule}
        while stack:
            top = stack[next(reversed(stack))]
            try:
                inner = self._next_inner(top, stack)
            except _UnboundError as error:
                self._refuse(top, str(error))
                inner = None
            if inner is None:
                stack.popitem()
            else:
                stack[inner.uid] = inner
        return self.done.get(rule.uid)

    def _next_inner(self, rule: Rule, stack: Mapping[str, Rule]) -> Rule | None:
        """Return an inner correlation that must come first; without one the rule is done."""
        if rule.correlation is None or rule.uid in self.done or rule.uid in self.refused:
            return None
        if rule.uid not in self.found:
            self.found[rule.uid] = self._with_uids(rule.correlation)
        references = [self.by_uid[uid] for uid in self.found[rule.uid].references]
        for inner in references:
            if inner.correlation is None or inner.uid in self.done:
                continue
            if inner.uid in self.refused:
                raise _UnboundError(f"it refers to {inner.title!r}, which cannot be used")
            if inner.uid in stack:
                uids = list(stack)
                circle = [*(stack[uid] for uid in uids[uids.index(inner.uid) :]), inner]
                titles = " → ".join(repr(each.title) for each in circle)
                raise _UnboundError(f"the correlation refers to itself: {titles}")
            return inner
        depth = 1 + max((self.depths.get(each.uid, 0) for each in references), default=0)
        if depth > MAX_DEPTH:
            raise _UnboundError(f"the chain of correlations is longer than {MAX_DEPTH}")
        self.depths[rule.uid] = depth
        self.done[rule.uid] = replace(rule, correlation=self.found[rule.uid])
        return None

    def _refuse(self, rule: Rule, message: str) -> None:
        line = rule.correlation.line if rule.correlation else rule.location.line
        self.problems.append(Problem(Location(rule.location.file, line), message))
        self.refused.add(rule.uid)

    def _with_uids(self, correlation: Correlation) -> Correlation:
        names = correlation.references
        aliased = [name for _, fields in correlation.aliases for name, _ in fields]
        uids = {name: self._uid(name) for name in dict.fromkeys((*names, *aliased))}
        return replace(
            correlation,
            rules=tuple(uids[name] for name in correlation.rules),
            without=tuple(uids[name] for name in correlation.without),
            expression=_renamed(correlation.expression, uids),
            aliases=tuple(
                (alias, tuple((uids[name], path) for name, path in fields))
                for alias, fields in correlation.aliases
            ),
        )

    def _uid(self, name: str) -> str:
        for uid in (name, name.lower()):
            if uid in self.by_uid:
                return uid
        found = self.by_name.get(name, [])
        if len(found) == 1:
            return found[0].uid
        if found:
            places = ", ".join(str(each.location) for each in found[:_MOST_NAMED])
            raise _UnboundError(f"several rules are named {name!r}: {places}; write the id")
        suggestion = nearest(name, [*self.by_name, *self.by_uid], 0.8)
        like = suggestion if "did you mean" in suggestion else ""
        raise _UnboundError(f"no rule has the id or name {name!r}{like}")


def _renamed(expression: Expression | None, uids: Mapping[str, str]) -> Expression | None:
    match expression:
        case Occurs(rule):
            return Occurs(uids[rule])
        case Denied(part):
            return Denied(_renamed(part, uids) or part)
        case Joined(parts, needs_all):
            return Joined(tuple(_renamed(part, uids) or part for part in parts), needs_all)
        case None:
            return None
