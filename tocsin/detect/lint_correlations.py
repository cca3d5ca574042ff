"""What looks wrong with correlations that can be used: warnings, each with its line."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from tocsin.detect.correlations.model import OWN_PATHS, Bound, Correlation
from tocsin.detect.document import nearest
from tocsin.detect.fields import SHARED_ROOTS
from tocsin.detect.rules import Rule
from tocsin.errors import Location, Problem

_LOUD_ID = 4
_NEEDS_ALL = ("temporal", "temporal_ordered", "sequence", "absence")

SourcesOf = Callable[[Rule], tuple[str, ...]]


def proven(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the rules that need no examples: those of correlations show that they work."""
    by_uid = {rule.uid: rule for rule in rules}
    found: set[str] = set()
    waiting = [rule for rule in by_uid.values() if rule.correlation and rule.examples]
    while waiting:
        correlation = waiting.pop().correlation
        for uid in correlation.references if correlation else ():
            if uid in by_uid and uid not in found:
                found.add(uid)
                waiting.append(by_uid[uid])
    return frozenset(found)


def lint_correlations(
    rules: Iterable[Rule], sources_of: SourcesOf, roots: Mapping[str, frozenset[str]]
) -> Iterator[Problem]:
    """Yield the warnings about correlations.

    Args:
        rules: all that are in force.
        sources_of: gives the sources that a rule reads.
        roots: first segments of the fields of each source.
    """
    every = list(rules)
    linter = _Linter({rule.uid: rule for rule in every}, sources_of, roots)
    kept = {
        uid
        for rule in every
        if rule.correlation and rule.correlation.keeps_findings
        for uid in rule.correlation.references
    }
    for rule in every:
        if rule.correlation is not None:
            correlation, file = rule.correlation, rule.location.file
            odd = linter.messages(correlation)
            for message in (*odd, *linter.silenced(correlation, file, kept)):
                place = Location(file, correlation.line)
                yield Problem(place, message, is_warning=True)


class _Linter:
    def __init__(
        self,
        by_uid: Mapping[str, Rule],
        sources_of: SourcesOf,
        roots: Mapping[str, frozenset[str]],
    ) -> None:
        self._by_uid = by_uid
        self._sources_of = sources_of
        self._roots = roots

    def messages(self, correlation: Correlation) -> Iterator[str]:
        """Yield what is odd about a correlation."""
        wanted = correlation.rules if correlation.expression is None else ()
        missing = [uid for uid in correlation.references if not self._runs(uid)]
        is_dead = len(missing) == len(correlation.references) or (
            correlation.kind in _NEEDS_ALL
            and self._counts_all(correlation)
            and any(uid in missing for uid in wanted)
        )
        for uid in missing:
            effect = "it can never match" if is_dead else "it is counted in vain"
            why = "is switched off, or no source gives its logs"
            yield f"the rule {self._title(uid)} {why}; {effect}"
        if _is_impossible(correlation.bounds):
            yield f"the condition never holds: nothing is {correlation} at once"
        for uid in correlation.references:
            yield from self._fields(correlation, uid)

    def silenced(self, correlation: Correlation, file: str, kept: set[str]) -> Iterator[str]:
        """Yield the rules of other files that make no findings any more, though they are loud."""
        for uid in correlation.references:
            other = self._by_uid.get(uid)
            is_loud = other is not None and other.severity_id >= _LOUD_ID
            is_elsewhere = other is not None and other.location.file != file
            if is_loud and is_elsewhere and uid not in kept:
                yield (
                    f"{self._title(uid)} makes no findings of its own any more;"
                    " write `generate: true` to keep them"
                )

    def _counts_all(self, correlation: Correlation) -> bool:
        count = len(correlation.rules)
        return all(
            bound.comparison == "gte" and bound.number >= count for bound in correlation.bounds
        )

    def _title(self, uid: str) -> str:
        return repr(self._by_uid[uid].title) if uid in self._by_uid else uid

    def _runs(self, uid: str) -> bool:
        rule = self._by_uid.get(uid)
        if rule is None or not rule.is_enabled:
            return False
        return rule.correlation is not None or bool(self._sources_of(rule))

    def _fields(self, correlation: Correlation, uid: str) -> Iterator[str]:
        rule = self._by_uid.get(uid)
        if rule is None or rule.correlation is not None or rule.log_source.reads_ocsf:
            return
        sources = [each for each in self._sources_of(rule) if each in self._roots]
        known = SHARED_ROOTS.union({"ocsf"}, *(self._roots[each] for each in sources))
        for name in dict.fromkeys((*correlation.group_by, *correlation.fields)):
            path = correlation.field_of(name, uid)
            root = path.split(".")[0]
            if sources and path not in OWN_PATHS and root not in known and path not in known:
                suggestion = nearest(root, known)
                like = suggestion if "did you mean" in suggestion else ""
                yield f"no record of {', '.join(sources)} has the field {path!r}{like}"


def _is_impossible(bounds: Iterable[Bound]) -> bool:
    """Return whether no number fulfills all of the bounds."""
    found = list(bounds)
    numbers = {each.number for each in found}
    tried = numbers | {number + step for number in numbers for step in (-1, -0.5, 0.5, 1)}
    return bool(found) and not any(all(each.holds(number) for each in found) for number in tried)
