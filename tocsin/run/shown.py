"""Rules as pages show them: bound to sources, with the text of their file."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tocsin import detect
from tocsin.run.wiring import LoadedRules


@dataclass(frozen=True, slots=True)
class ShownExample:
    """An example of a rule: an event, and whether the rule must match it."""

    name: str
    match: bool
    event: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ShownRule:
    """One rule with everything that its page tells."""

    uid: str
    title: str
    description: str
    severity_id: int
    kind: str
    sources: tuple[str, ...]
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    false_positives: tuple[str, ...]
    references: tuple[str, ...]
    examples: tuple[ShownExample, ...]
    location: str
    text: str


def shown_rules(loaded: LoadedRules, rules: detect.RuleSet) -> tuple[ShownRule, ...]:
    """Return the rules in force, in order of title."""
    sources: dict[str, list[str]] = {}
    for source, bound in rules.by_source.items():
        for each in bound:
            sources.setdefault(each.rule.uid, []).append(source)
    shown = [_shown(rule, tuple(sources.get(rule.uid, ())), loaded.texts) for rule in rules.rules]
    return tuple(sorted(shown, key=lambda rule: rule.title))


def _shown(rule: detect.Rule, sources: tuple[str, ...], texts: Mapping[str, str]) -> ShownRule:
    description = texts.get(rule.location.file, "")
    return ShownRule(
        uid=rule.uid,
        title=rule.title,
        description=rule.description,
        severity_id=rule.severity_id,
        kind=rule.kind,
        sources=sources,
        tactics=rule.tactics,
        techniques=rule.techniques,
        false_positives=rule.false_positives,
        references=rule.references,
        examples=tuple(
            ShownExample(example.name, example.matches, msgspec.json.decode(example.record))
            for example in rule.examples
        ),
        location=rule.location.file,
        text=f"{rule.source}\n\n{description}" if rule.source else description,
    )
