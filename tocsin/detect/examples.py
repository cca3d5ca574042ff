"""Run the examples that rules carry: the answer expected against the answer given."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from tocsin.detect.findings import Refusal
from tocsin.detect.judging import judge
from tocsin.detect.laying import Laid, NormalizeRecords, merged
from tocsin.detect.rule_set import BoundRule, RuleSet, SourceEngine
from tocsin.detect.rules import Example, Rule
from tocsin.detect.run_python import RunPython, Verdict
from tocsin.detect.stories import (
    Teller,
    UntellableError,
    as_in_examples,
    narrowed,
    usual_source,
)


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What came of one example; `reason` says what was expected where it failed."""

    rule_uid: str
    name: str
    passed: bool
    reason: str = ""


def run_examples(
    rules: RuleSet,
    normalize_records: NormalizeRecords,
    run_python: RunPython,
    *,
    base_records: Mapping[str, Mapping[str, object]],
) -> tuple[ExampleResult, ...]:
    """Run every example of every rule.

    Args:
        rules: bound to sources; rules that nothing is bound to are run if they are Python.
        normalize_records: turns complete records of a source into an events table each.
        run_python: where Python rules run.
        base_records: by source, the complete record that examples of Sigma rules lie over.

    Returns:
        One result for each example, in order of the rules and of their examples.
    """
    bound, laid = _by_rule(rules), Laid(normalize_records)
    runs = {
        rule.uid: _Run(bound[rule.uid], rules, laid, run_python, base_records)
        for rule in rules.rules
    }
    for rule in rules.rules:
        runs[rule.uid].want(rule)
    results = []
    for rule in rules.rules:
        alone, run = _alone(rule, run_python), runs[rule.uid]
        for index, example in enumerate(rule.examples):
            if index in alone:
                results.append(
                    ExampleResult(rule.uid, example.name, not alone[index], alone[index])
                )
                continue
            try:
                reason = run.story(rule, example) if example.story else run(rule, example)
            except (_ImpossibleError, UntellableError) as obstacle:
                reason = str(obstacle)
            results.append(ExampleResult(rule.uid, example.name, not reason, reason))
    return tuple(results)


class _ImpossibleError(Exception):
    """The example cannot be run; the text says why."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One example being run; gives the reason of its failure, empty where it passed."""

    bound: Mapping[str, BoundRule]
    rules: RuleSet
    laid: Laid
    run_python: RunPython
    base_records: Mapping[str, Mapping[str, object]]

    def want(self, rule: Rule) -> None:
        """Say which records the examples of the rule are made of."""
        for example in rule.examples:
            with suppress(_ImpossibleError, UntellableError):
                if example.story:
                    self._teller(rule).want(example)
                elif not example.obstacle:
                    source = self._source(rule, example)
                    self.laid.want(source, self._record(source, example))

    def __call__(self, rule: Rule, example: Example) -> str:
        if example.obstacle:
            return example.obstacle
        source = self._source(rule, example)
        events = self.laid.events(source, self._record(source, example))
        if not events.num_rows:
            return f"the mapping of {source} rejects the record"
        run_python = _mocked(self.run_python, example.mocks)
        hits, refusals = judge(SourceEngine([self.bound[source]]), events, run_python)
        return _reason(bool(hits), refusals, example)

    def story(self, rule: Rule, example: Example) -> str:
        """Run an example of a correlation."""
        is_found, failure = self._teller(rule).says(rule, example)
        return failure or _reason(is_found, [], example)

    def _teller(self, rule: Rule) -> Teller:
        return Teller(narrowed(self.rules, rule), self.laid, self.run_python, self.base_records)

    def _source(self, rule: Rule, example: Example) -> str:
        if example.source in self.bound:
            return str(example.source)
        if example.source:
            raise _ImpossibleError(f"the rule does not read the source {example.source!r}")
        usual = usual_source(self.bound, [rule])
        if usual is None:
            names = ", ".join(sorted(self.bound)) or f"none for {rule.log_source}"
            raise _ImpossibleError(f"`source` must say which source the record is of: {names}")
        return usual

    def _record(self, source: str, example: Example) -> dict[str, object]:
        record: dict[str, object] = msgspec.json.decode(example.record)
        return record if example.is_complete else merged(self.base_records.get(source, {}), record)


def _mocked(run_python: RunPython, given: str) -> RunPython:
    """Return what runs rules with these mocks, if there are any."""
    if not given:
        return run_python

    def run(
        rules: Mapping[str, str], records: Sequence[str], mocks: Sequence[str] = ()
    ) -> Sequence[Verdict]:
        return run_python(rules, records, mocks or [given] * len(records))

    return run


def _alone(rule: Rule, run_python: RunPython) -> dict[int, str]:
    """Run the tests of the Panther format, which are judged on their records alone, together.

    Returns:
        By index of the example, why it failed, empty where it passed.
    """
    tests = {
        index: example
        for index, example in enumerate(rule.examples)
        if rule.condition is None and example.is_complete and not example.obstacle
    }
    if not tests:
        return {}
    records = [example.record for example in tests.values()]
    mocks = [example.mocks or "[]" for example in tests.values()]
    verdicts = run_python({rule.uid: rule.source}, records, mocks)
    reasons = {}
    for place, (index, example) in enumerate(tests.items()):
        own = [each for each in verdicts if each.record == place]
        # What concerns several records concerns those of which nothing else is known.
        said = own or [each for each in verdicts if each.record is None]
        refusals = [Refusal(rule.uid, each.failure) for each in said if each.failure]
        reasons[index] = _reason(any(each.matched for each in said), refusals, example)
    return reasons


def _by_rule(rules: RuleSet) -> Mapping[str, dict[str, BoundRule]]:
    found: dict[str, dict[str, BoundRule]] = {rule.uid: {} for rule in rules.rules}
    for source, bound in rules.by_source.items():
        for each in bound:
            found[each.rule.uid][source] = as_in_examples(each)
    return found


def _reason(matched: bool, refusals: list[Refusal], example: Example) -> str:
    failures: Iterator[str] = (refusal.reason for refusal in refusals)
    failure = next(failures, "")
    if failure:
        return failure
    if matched == example.matches:
        return ""
    return "should match, but does not" if example.matches else "should not match, but does"
