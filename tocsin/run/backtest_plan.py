"""Choose the rules of a backtest, and leave out those that find the same in both sets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tocsin import detect
from tocsin.errors import UsageError
from tocsin.run.tally import Difference
from tocsin.run.wiring import LoadedRules, RuleChoice, load_rules, rules_of
from tocsin.settings import Settings

# What does not change what a rule finds.
_WORDS: Mapping[str, object] = {
    "version": "",
    "examples": (),
    "example_condition": None,
    "false_positives": (),
    "references": (),
    "status": "",
    "author": "",
    "description": "",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be tested.

    Attributes:
        choice: the rules; `None` for those in force.
        since, until: of event time, UTC; `None` for all that is stored.
        source: events of this source only; "" for all.
        uids: these rules only, even where they are switched off; empty for all.
        is_comparing: whether to compare with the rules in force.
    """

    choice: RuleChoice | None = None
    since: datetime | None = None
    until: datetime | None = None
    source: str = ""
    uids: tuple[str, ...] = ()
    is_comparing: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rules are run.

    Attributes:
        tested, deployed: where they came from; `deployed` only where the two are compared.
        rules: those that are run.
        before: those in force that they are compared with.
        shown: those that are told of whatever they found; others only where findings differ.
        unaltered: how many are the same in both and are not run.
    """

    tested: LoadedRules
    deployed: LoadedRules | None
    rules: tuple[detect.Rule, ...]
    before: tuple[detect.Rule, ...] = ()
    shown: frozenset[str] = frozenset()
    unaltered: int = 0

    def is_told(self, uid: str, difference: Difference | None) -> bool:
        """Return whether a rule belongs into the report."""
        return uid in self.shown or bool(difference and difference.is_any)


def planned(asked: Asked, settings: Settings) -> Plan:
    """Return which rules are to be run.

    Raises:
        UsageError: there is no such rule.
        ContentError: a folder is not there.
    """
    deployed = load_rules(rules_of(settings), settings) if asked.is_comparing else None
    if asked.choice is not None:
        tested = load_rules(asked.choice, settings)
    else:
        tested = deployed or load_rules(rules_of(settings), settings)
    chosen = _wanted(tested, asked)
    shown = frozenset(rule.uid for rule in chosen)
    if deployed is None:
        return Plan(tested, None, _with_counted(chosen, tested), shown=shown)
    # Without rule names, whatever is in force and not among the tested rules is gone.
    before = [
        rule
        for rule in deployed.rules
        if rule.is_enabled and (not asked.uids or rule.uid in asked.uids)
    ]
    altered = _altered(chosen, before, are_alike=tested.surroundings == deployed.surroundings)
    run = _reached(altered, chosen, before)
    return Plan(
        tested,
        deployed,
        rules=tuple(rule for rule in chosen if rule.uid in run),
        before=tuple(rule for rule in before if rule.uid in run),
        shown=altered,
        unaltered=len(shown - run),
    )


def _wanted(loaded: LoadedRules, asked: Asked) -> tuple[detect.Rule, ...]:
    """Return the rules to be tested: with folders or names also those that are switched off."""
    if asked.is_comparing or not (asked.uids or asked.choice):
        chosen = [rule for rule in loaded.rules if rule.is_enabled]
    else:
        chosen = [replace(rule, is_enabled=True) for rule in (*loaded.rules, *loaded.switched_off)]
    known = {rule.uid for rule in chosen}
    for uid in asked.uids:
        if uid not in known:
            raise UsageError(f"there is no rule {uid!r} to test; `tocsin rules list` names them")
    return tuple(rule for rule in chosen if not asked.uids or rule.uid in asked.uids)


def _with_counted(chosen: Sequence[detect.Rule], loaded: LoadedRules) -> tuple[detect.Rule, ...]:
    """Return the rules, and those that correlations among them refer to, however far."""
    by_uid = {rule.uid: rule for rule in (*loaded.rules, *loaded.switched_off)}
    found = {rule.uid: rule for rule in chosen}
    waiting = list(chosen)
    while waiting:
        for uid in _references(waiting.pop()):
            if uid not in found and uid in by_uid:
                found[uid] = replace(by_uid[uid], is_enabled=True)
                waiting.append(found[uid])
    return tuple(found.values())


def _altered(
    after: Iterable[detect.Rule], before: Iterable[detect.Rule], *, are_alike: bool
) -> frozenset[str]:
    """Return the rules that are not the same in both sets.

    Args:
        after: the rules that are tested.
        before: those in force.
        are_alike: whether Python rules find the same around them.
    """
    new = {rule.uid: _essence(rule) for rule in after}
    old = {rule.uid: _essence(rule) for rule in before}
    return frozenset(
        uid
        for uid in new.keys() | old.keys()
        if new.get(uid) != old.get(uid) or (new[uid].source and not are_alike)
    )


def _reached(
    altered: Iterable[str], after: Iterable[detect.Rule], before: Iterable[detect.Rule]
) -> frozenset[str]:
    """Return the altered rules and all that correlations tie to them.

    A correlation that changes may silence the rules that it refers to (`generate`).
    """
    ties = [{rule.uid, *_references(rule)} for rule in (*after, *before) if rule.correlation]
    reached = set(altered)
    is_growing = True
    while is_growing:
        tied = [tie for tie in ties if tie & reached and not tie <= reached]
        reached.update(*tied)
        is_growing = bool(tied)
    return frozenset(reached)


def _references(rule: detect.Rule) -> tuple[str, ...]:
    return rule.correlation.references if rule.correlation else ()


def _essence(rule: detect.Rule) -> detect.Rule:
    """Return the rule without the words that change nothing of what it finds."""
    nowhere = type(rule.location)("")
    return replace(rule, location=nowhere, **_WORDS)  # type: ignore[arg-type] # as above
