"""What to tune: for each rule its noise, and one thing that may be done about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote

from tocsin.ocsf import EVERYTHING, Entity, Scope
from tocsin.store import Store
from tocsin.store.answers import RuleNoise

LEAST_FINDINGS = 5
LEAST_JUDGED = 3
_SHARE = 0.5
_LOUD_PER_DAY = 10.0


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of one rule.

    Attributes:
        told: the figures.
        per_day: findings a day.
        hint: what stands out and what may be done; "" where nothing does.
        command: which command shows or does it; "" for none.
    """

    told: RuleNoise
    per_day: float
    hint: str = ""
    command: str = ""


def noise(
    store: Store, since: datetime, now: datetime, scope: Scope = EVERYTHING
) -> tuple[Noise, ...]:
    """Return the noise of every rule that has found something since then, loudest first."""
    days = max((now - since) / timedelta(days=1), 1.0)
    found = []
    for each in store.tuning.noise(since, scope):
        per_day = each.findings / days
        hint, command = _hint(each, per_day)
        found.append(Noise(each, per_day, hint, command))
    return tuple(found)


def _hint(told: RuleNoise, per_day: float) -> tuple[str, str]:
    """Return what stands out: wrong rather than loud, one entity rather than all."""
    test = f"tocsin rules backtest --rule {quote(told.rule_uid)}"
    is_wrong = told.false_positives >= LEAST_JUDGED
    if is_wrong and told.false_positives >= told.judged * _SHARE:
        share = f"{told.false_positives} of {told.judged} judged incidents were false positives"
        return f"{share}: narrow its condition and test that on history", test
    if told.loudest and told.findings >= LEAST_FINDINGS:
        first = told.loudest[0]
        if told.entities > 1 and first.findings >= told.findings * _SHARE:
            name = first.entity.name or first.entity.uid
            share = f"{first.findings / told.findings:.0%} of its findings are about {name}"
            return f"{share}: suppress it there if that is harmless", _suppress(told, first.entity)
    if per_day > _LOUD_PER_DAY:
        return f"{per_day:.3g} findings a day: narrow it, or let it count before it tells", test
    return "", ""


def _suppress(told: RuleNoise, entity: Entity) -> str:
    return (
        f"tocsin suppressions preview --rule {quote(told.rule_uid)}"
        f" --entity {quote(f'{entity.type}:{entity.uid}')}"
    )
