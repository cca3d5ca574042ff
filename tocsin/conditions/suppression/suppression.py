"""What a suppression is, when it is refused, and what there is to warn of.

One object for everything that finds or judges: rules over events today; checks, vulnerabilities,
the gate and admission name their own identifiers where rules stand here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from tocsin.conditions.tree import Text, Wildcard
from tocsin.conditions.values import Predicate, predicate
from tocsin.ocsf import EVERYTHING, Entity, Scope

ANY_RULE = "*"
LONGEST_LIFE = timedelta(days=366)
EXPIRES_SOON = timedelta(days=7)
IDLE_AFTER = timedelta(days=30)

MAX_RULES = 200
MAX_REASON = 2_000
MAX_NAME = 200
MAX_PATTERN = 1_000
MAX_CONDITION = 8_000

Warned = Literal["expires_soon", "idle"]
"""Why somebody should look: it ends within 7 days, or has hidden nothing for 30."""

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class EntityPattern:
    """The entities that a suppression is about, by type and identifier.

    Attributes:
        type: `user`, `role`, `address`, ...; `*` stands for any run of characters, here and below.
        uid: letter case counts.
    """

    type: str
    uid: str

    def fits(self, entity: Entity) -> bool:
        """Return whether the entity is one of these."""
        return _pattern(self.type)(entity.type) and _pattern(self.uid)(entity.uid)

    def __str__(self) -> str:
        return f"{self.type}:{self.uid}"


@dataclass(frozen=True, slots=True)
class Suppression:
    """A reason not to alert: where it holds, why, whose it is, and until when.

    Attributes:
        uid: names it for good; what it hid refers to it.
        rules: uids; or `*` alone, together with an entity or a condition.
        reason: why this is harmless, for whoever reviews it.
        owner: the person or team that answers for it.
        created: UTC.
        expires: UTC; at this moment it holds no more.
        origin: where it was written: the console, the command line, a file.
        entity: which entities; `None` for all.
        condition: a Sigma detection in YAML over the finding (`finding.title`) and its event, for
            `detect` to read; "" for none.
        limits: what its author may see; nothing outside is hidden.
    """

    uid: str
    rules: tuple[str, ...]
    reason: str
    owner: str
    created: datetime
    expires: datetime
    origin: str
    entity: EntityPattern | None = None
    condition: str = ""
    limits: Scope = EVERYTHING

    def holds_at(self, moment: datetime) -> bool:
        """Return whether the moment is inside its life; `expires` is not."""
        return self.created <= moment < self.expires

    def names(self, rule_uid: str) -> bool:
        """Return whether it is about this rule."""
        return rule_uid in self.rules or self.rules == (ANY_RULE,)

    def warnings(self, last_hit: datetime | None, now: datetime) -> tuple[Warned, ...]:
        """Return what is to be said while it holds; () where it holds no more.

        Args:
            last_hit: when it last hid something.
            now: UTC.
        """
        if not self.holds_at(now):
            return ()
        found: list[Warned] = []
        if self.expires - now <= EXPIRES_SOON:
            found.append("expires_soon")
        if now - (last_hit or self.created) >= IDLE_AFTER:
            found.append("idle")
        return tuple(found)


def refusals(suppression: Suppression) -> Iterator[str]:
    """Yield what is wrong with a suppression, a sentence each; the condition is read elsewhere."""
    if not _UID.match(suppression.uid):
        yield "`uid` is 1 to 100 letters, digits, dots, colons, dashes"
    yield from _wrong_rules(suppression)
    yield from _wrong_entity(suppression.entity)
    if len(suppression.condition) > MAX_CONDITION:
        yield f"the condition is longer than {MAX_CONDITION} characters"
    for name, text, most in (
        ("reason", suppression.reason, MAX_REASON),
        ("owner", suppression.owner, MAX_NAME),
    ):
        if not text.strip():
            yield f"`{name}` is missing: whoever reviews it must know"
        elif len(text) > most:
            yield f"`{name}` is longer than {most} characters"
    yield from _wrong_life(suppression)


def _wrong_rules(suppression: Suppression) -> Iterator[str]:
    rules = suppression.rules
    if not rules:
        yield "`rules` is missing: name the rules by uid, or `*` with an entity or a condition"
    if len(rules) > MAX_RULES:
        yield f"more than {MAX_RULES} rules; write several suppressions"
    if ANY_RULE in rules and len(rules) > 1:
        yield "`*` stands for every rule: name no other beside it"
    if ANY_RULE in rules and suppression.entity is None and not suppression.condition.strip():
        yield "`*` needs an entity or a condition beside it: it would hide everything"
    for uid in rules:
        if uid != ANY_RULE and (not uid or len(uid) > MAX_NAME or "*" in uid or uid != uid.strip()):
            yield f"{uid[:80]!r} is no rule's uid; see `tocsin rules list --output json`"


def _wrong_entity(entity: EntityPattern | None) -> Iterator[str]:
    if entity is None:
        return
    if not entity.type or not entity.uid:
        yield "an entity has a type and a uid, as in `user:arn:aws:iam::111122223333:user/ci`"
    elif not entity.uid.strip("*"):
        yield f"the entity {str(entity)!r} is every one: say more of its uid than `*`"
    if len(entity.uid) > MAX_PATTERN or len(entity.type) > MAX_NAME:
        yield f"the entity is longer than {MAX_PATTERN} characters"


def _wrong_life(suppression: Suppression) -> Iterator[str]:
    life = suppression.expires - suppression.created
    if life <= timedelta(0):
        yield "`expires` lies in the past"
    elif life > LONGEST_LIFE:
        yield "`expires` is more than a year ahead; renew it by then if it is still right"


@lru_cache(maxsize=4096)
def _pattern(pattern: str) -> Predicate:
    """Return a test for text in which `*` stands for any run of characters."""
    parts: list[str | Wildcard] = []
    for place, part in enumerate(pattern.split("*")):
        if place and parts[-1:] != [Wildcard.ANY]:
            parts.append(Wildcard.ANY)
        if part:
            parts.append(part)
    return predicate(Text(tuple(parts), is_cased=True))
