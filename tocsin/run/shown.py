"""Rules as pages show them: bound to sources, with the text of their file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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
    """One rule with everything that its page tells.

    Attributes:
        is_on: whether it runs: neither the settings nor its file switch it off.
        own_severity_id: what its file says, where the settings say otherwise; else `None`.
    """

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
    is_on: bool = True
    own_severity_id: int | None = None


def shown_rules(loaded: LoadedRules, rules: detect.RuleSet) -> tuple[ShownRule, ...]:
    """Return the rules in force, and those that are switched off, in order of title."""
    sources: dict[str, list[str]] = {}
    for source, bound in rules.by_source.items():
        for each in bound:
            sources.setdefault(each.rule.uid, []).append(source)
    for plan in rules.plans.plans:
        sources[plan.uid] = sorted(plan.sources)
    off = frozenset(rule.uid for rule in loaded.switched_off)
    shown = [
        replace(
            _shown(rule, tuple(sources.get(rule.uid, ())), loaded.texts),
            is_on=rule.is_enabled and rule.uid not in off,
            own_severity_id=loaded.own_severities.get(rule.uid),
        )
        for rule in (*rules.rules, *loaded.switched_off)
    ]
    return tuple(sorted(shown, key=lambda rule: rule.title))


def _event(record: str, story: str) -> Mapping[str, object]:
    """Return the event of an example; of a correlation what happens, with the time before each."""
    if not story:
        found: Mapping[str, object] = msgspec.json.decode(record)
        return found
    return {
        "events": [
            {
                "after_seconds": entry["after_us"] / 1_000_000,
                **{name: entry[name] for name in ("repeat", "source", "event") if entry[name]},
            }
            for entry in msgspec.json.decode(story)
        ]
    }


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
            ShownExample(example.name, example.matches, _event(example.record, example.story))
            for example in rule.examples
        ),
        location=rule.location.file,
        text=f"{rule.source}\n\n{description}" if rule.source else description,
    )
