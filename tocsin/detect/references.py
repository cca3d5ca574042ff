"""Find the rules that correlations refer to, wherever in the files they stand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tocsin.detect.correlations.model import Correlation, Denied, Expression, Joined, Occurs
from tocsin.detect.document import nearest
from tocsin.detect.rules import Rule
from tocsin.errors import Location, Problem

MAX_DEPTH = 16
"""Correlations in a chain."""

_TOO_DEEP = f"the chain of correlations is longer than {MAX_DEPTH}"
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
    by_uid: Mapping[str, Rule]
    by_name: Mapping[str, list[Rule]]
    problems: list[Problem] = field(default_factory=list)
    depths: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    done: dict[str, Rule] = field(default_factory=dict)

    def bound(self, rule: Rule) -> Rule | None:
        """Return the correlation with uids, `None` where it cannot be used."""
        self._bind(rule, ())
        return self.done.get(rule.uid)

    def _bind(self, rule: Rule, above: tuple[Rule, ...]) -> int:
        """Bind a correlation and those it refers to; return how deep the chain is."""
        if rule.correlation is None:
            return 0
        if rule.uid in self.refused:
            raise _UnboundError(f"it refers to {rule.title!r}, which cannot be used")
        if rule.uid in self.depths:
            return self.depths[rule.uid]
        try:
            self._check_chain(rule, above)
            changed = self._with_uids(rule, rule.correlation)
            below = [self._bind(self.by_uid[uid], (*above, rule)) for uid in changed.references]
            depth = 1 + max(below, default=0)
            if depth > MAX_DEPTH:
                raise _UnboundError(_TOO_DEEP)
        except _UnboundError as error:
            if rule.uid not in self.refused:
                place = Location(rule.location.file, rule.correlation.line)
                self.problems.append(Problem(place, str(error)))
            self.refused.add(rule.uid)
            if above:
                raise _UnboundError(f"it refers to {rule.title!r}, which cannot be used") from error
            return 0
        self.depths[rule.uid] = depth
        self.done[rule.uid] = replace(rule, correlation=changed)
        return depth

    def _check_chain(self, rule: Rule, above: tuple[Rule, ...]) -> None:
        if rule in above:
            circle = [*above[above.index(rule) :], rule]
            titles = " → ".join(repr(each.title) for each in circle)
            raise _UnboundError(f"the correlation refers to itself: {titles}")
        if len(above) >= MAX_DEPTH:
            raise _UnboundError(_TOO_DEEP)

    def _with_uids(self, rule: Rule, correlation: Correlation) -> Correlation:
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
