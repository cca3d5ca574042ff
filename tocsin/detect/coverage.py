"""Which ATT&CK techniques the rules see, and which they would see if their sources spoke."""

import json
from collections.abc import Iterable, Mapping

from tocsin.detect.rules import Rule
from tocsin.ocsf.attack_matrix import Coverage, Tactic, Technique
from tocsin.ocsf.findings import TACTIC_UIDS


def coverage(
    rules: Iterable[Rule],
    sources: Mapping[str, frozenset[str]],
    attack: str,
    speaking: frozenset[str],
) -> Coverage:
    """Lay the rules over the matrix.

    A technique may belong to several tactics; a rule counts for those of them that it names itself,
    and for all of them where it names none.

    Args:
        rules: those that are switched off count for nothing.
        sources: which sources each rule reads, by its uid; correlations those of what they count.
        attack: the text of `content/attack.json`.
        speaking: sources that events come from.
    """
    known = {uid: each for uid, each in json.loads(attack).items() if not each.get("is_retired")}
    places: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    unplaced = set()
    for rule in rules:
        if not rule.is_enabled:
            continue
        is_blind = sources.get(rule.uid, frozenset()).isdisjoint(speaking)
        for uid in rule.techniques:
            if uid not in known:
                unplaced.add(uid)
                continue
            own = known[uid]["tactics"]
            for tactic in set(own) & set(rule.tactics) or set(own):
                places.setdefault((tactic, uid), ([], []))[is_blind].append(rule.uid)
    tactics = []
    for name in TACTIC_UIDS:
        of_tactic = sorted(uid for uid, each in known.items() if name in each["tactics"])
        techniques = (
            Technique(uid, known[uid]["name"], *map(_sorted, places.get((name, uid), ([], []))))
            for uid in of_tactic
        )
        tactics.append(Tactic(name, tuple(techniques)))
    return Coverage(tuple(tactics), tuple(sorted(unplaced)))


def _sorted(uids: list[str]) -> tuple[str, ...]:
    return tuple(sorted(uids))
