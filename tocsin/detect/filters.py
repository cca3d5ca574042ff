"""Sigma filters, once read: conditions that are laid over the rules that they name.

A rule that a filter names matches where its own condition and that of the filter hold: filters are
written as `condition: not selection`. This is how pySigma and the published filters read them.

Source: Sigma filters specification 2.1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tocsin.conditions import Condition
from tocsin.conditions.tree import AllOf
from tocsin.detect.rules import LogSource, Rule
from tocsin.errors import Location, Problem
from tocsin.ocsf.identifiers import content_hash


@dataclass(frozen=True, slots=True)
class Filter:
    """What a filter adds to rules.

    Attributes:
        condition: holds for the matches that stay.
        rules: ids or names of the rules meant; empty for every rule of the log source.
        log_source: a rule is meant only where it says the same in each word given.
        version: hash of the text.
    """

    condition: Condition
    rules: frozenset[str]
    log_source: LogSource
    location: Location
    version: str

    def means(self, rule: Rule) -> bool:
        """Return whether the filter is laid over the rule."""
        ours, theirs = self.log_source, rule.log_source
        pairs = (
            (ours.product, theirs.product),
            (ours.service, theirs.service),
            (ours.category, theirs.category),
        )
        is_named = not self.rules or not self.rules.isdisjoint({rule.uid, rule.name.lower()})
        return is_named and all(mine in (None, other) for mine, other in pairs)


def applied(filters: Sequence[Filter], rules: Iterable[Rule]) -> tuple[list[Rule], list[Problem]]:
    """Lay filters over rules; a filter that meets no rule is a warning.

    Examples prove the rule itself: they are judged without filters.
    """
    met: set[int] = set()
    results: list[Rule] = []
    for rule in rules:
        meant = [at for at, each in enumerate(filters) if rule.condition and each.means(rule)]
        met.update(meant)
        results.append(_filtered(rule, [filters[at] for at in meant]) if meant else rule)
    problems = [
        Problem(each.location, "the filter names no Sigma rule that is loaded", is_warning=True)
        for at, each in enumerate(filters)
        if at not in met
    ]
    return results, problems


def _filtered(rule: Rule, filters: list[Filter]) -> Rule:
    if rule.condition is None:
        return rule
    versions = " ".join([rule.version, *(each.version for each in filters)])
    return replace(
        rule,
        condition=AllOf((rule.condition, *(each.condition for each in filters))),
        example_condition=rule.example_condition or rule.condition,
        version=content_hash(versions.encode()),
    )
