"""Suppressions as people write them: read, foretold, kept, and looked after."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import yaml

from tocsin import detect
from tocsin.conditions.suppression import EntityPattern, Suppression, Warned, refusals
from tocsin.errors import ContentError, Location, UsageError
from tocsin.ocsf import EVERYTHING, Scope, identifiers
from tocsin.ocsf.yaml_text import Document, YamlValue, load
from tocsin.run.foretelling import Preview, foretell
from tocsin.run.wiring import load_rules, log_sources, rules_of
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.answers import KeptSuppression

_CONDITION = "condition"
_KEYS = ("uid", "rules", "entity", "condition", "reason", "owner", "expires")
_REQUIRED = ("uid", "rules", "reason", "owner", "expires")


@dataclass(frozen=True, slots=True)
class Written:
    """A suppression as a person writes it: text that nobody has looked at.

    Attributes:
        rules: uids, or `*`.
        expires: a day, a time, or a length from now such as `30d`.
        origin: where it was written.
        entity: `type:uid`, `*` for any run of characters; "" for every entity.
        condition: YAML; "" for none.
        uid: "" to have one made.
    """

    rules: tuple[str, ...]
    reason: str
    owner: str
    expires: str
    origin: str
    entity: str = ""
    condition: str = ""
    uid: str = ""


def read(written: Written, now: datetime, limits: Scope) -> Suppression:
    """Return the suppression that a person means.

    Args:
        written: what they wrote.
        now: UTC; when it begins.
        limits: what they may see; it hides nothing else.

    Raises:
        UsageError: with everything that is wrong, one sentence a line.
    """
    suppression, problems = _read(written, now, limits)
    if problems:
        raise UsageError("\n".join(problems))
    return suppression


def preview(
    suppression: Suppression, settings: Settings, store: Store, scope: Scope, now: datetime
) -> Preview:
    """Return what a suppression would have hidden of the last 30 days, by the rules of settings."""
    loaded = load_rules(rules_of(settings), settings)
    rules = detect.RuleSet.build(loaded.rules, log_sources(settings))
    return foretell(suppression, rules, store, scope, now)


def apply_file(
    text: str, file: str, store: Store, actor: str, now: datetime
) -> tuple[tuple[str, str], ...]:
    """Keep every suppression of a file, all or none; a second time it changes nothing.

    Returns:
        For each its uid and what was done: `added`, `changed` or `unchanged`.

    Raises:
        UsageError: with file, line and everything that is wrong.
        ContentError: the file is no YAML.
    """
    document = load(text, file)
    value = document.value
    if not isinstance(value, list):
        raise UsageError(f"{file}: the file must be a list of suppressions, each beginning with -")
    problems: list[str] = []
    found: list[Suppression] = []
    for place, entry in enumerate(value):
        suppression, wrong = _entry(entry, file, now)
        known = store.suppressions.get(suppression.uid, EVERYTHING) if suppression else None
        if suppression and known and _is_same(suppression, known.suppression):
            # Its expiry may have passed meanwhile: that is no mistake of the file.
            wrong = []
        problems += [f"{_place(document, file, place, each)}: {each}" for each in wrong]
        if suppression:
            found.append(suppression)
    twice = {each.uid for each in found if [one.uid for one in found].count(each.uid) > 1}
    problems += [f"{file}: the uid {uid} stands here twice" for uid in sorted(twice)]
    if problems:
        raise UsageError("\n".join(problems))
    return store.suppressions.put(found, actor, now, EVERYTHING)


def condition_problem(condition: str) -> str:
    """Return why a condition cannot be read, "" where it can or there is none."""
    return _problem(condition) if condition.strip() else ""


def attention(store: Store, now: datetime) -> Iterator[str]:
    """Yield one sentence for each thing about the suppressions that somebody should see to."""
    for kept in store.suppressions.list(EVERYTHING):
        if kept.holds_at(now):
            for said in remarks(kept, now):
                yield f"suppression {kept.suppression.uid} of {kept.suppression.owner} {said}"


def totals(store: Store, now: datetime) -> Iterator[str]:
    """Yield how many suppressions there are to see to, naming none: everybody may read this."""
    words: dict[Warned, str] = {
        "expires_soon": "suppressions that expire within 7 days: {}; see the page Suppressions",
        "idle": "suppressions that have hidden nothing for 30 days: {}; see the page Suppressions",
    }
    found = Counter(
        warning for kept in store.suppressions.list(EVERYTHING) for warning in kept.warnings(now)
    )
    for warning, said in words.items():
        if found[warning]:
            yield said.format(found[warning])


def remarks(kept: KeptSuppression, now: datetime) -> Iterator[str]:
    """Yield what is to be said about one suppression, as the end of a sentence."""
    words = {
        "expires_soon": f"expires on {kept.suppression.expires:%Y-%m-%d}: renew it or let it go",
        "idle": "has hidden nothing for 30 days: end it if its reason is gone",
    }
    for warning in kept.warnings(now):
        yield words[warning]
    problem = condition_problem(kept.suppression.condition) if kept.holds_at(now) else ""
    if problem:
        yield f"hides nothing, for it cannot be read any more: {problem}"


def _read(written: Written, now: datetime, limits: Scope) -> tuple[Suppression, list[str]]:
    problems: list[str] = []
    rules = tuple(dict.fromkeys(uid.strip() for uid in written.rules if uid.strip()))
    condition = written.condition.strip("\n").rstrip()
    suppression = Suppression(
        uid=written.uid or _uid(written, now),
        rules=rules,
        reason=written.reason.strip(),
        owner=written.owner.strip(),
        created=now,
        expires=_expiry(written.expires, now, problems),
        origin=written.origin,
        entity=_entity(written.entity, problems),
        condition=condition,
        limits=limits,
    )
    problems += refusals(suppression)
    problem = condition_problem(condition)
    return suppression, [*problems, problem] if problem else problems


@lru_cache(maxsize=512)
def _problem(condition: str) -> str:
    try:
        detect.RuleSet.read_condition(condition, _CONDITION)
    except ContentError as error:
        return str(error)
    return ""


def _entity(text: str, problems: list[str]) -> EntityPattern | None:
    text = text.strip()
    if not text:
        return None
    kind, colon, uid = text.partition(":")
    if not colon:
        problems.append(f"the entity {text[:80]!r} is not `type:uid`, as in `address:198.51.100.*`")
        return None
    return EntityPattern(kind.strip(), uid.strip())


def _expiry(text: str, now: datetime, problems: list[str]) -> datetime:
    """Return the moment that `30d`, `2026-12-31` or a time means."""
    text = text.strip()
    number, unit = text[:-1], text[-1:]
    try:
        if number.isascii() and number.isdigit() and unit in ("h", "d", "w"):
            return now + timedelta(hours=int(number) * {"h": 1, "d": 24, "w": 168}[unit])
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        what = f"`expires`: {text[:40]!r} is no time" if text else "`expires` is missing"
        problems.append(f"{what}; write 30d, 2026-12-31 or 2026-12-31T10:00, a year ahead at most")
        # Some moment that is no problem of its own.
        return now + timedelta(days=1)


def _uid(written: Written, now: datetime) -> str:
    parts = (*written.rules, written.entity, written.condition, written.reason, written.owner)
    return identifiers.derive("sup", *parts, written.expires, now.isoformat())


def _entry(entry: YamlValue, file: str, now: datetime) -> tuple[Suppression | None, list[str]]:
    """Return one suppression of a file with what is wrong; `None` where it has no shape at all."""
    if not isinstance(entry, dict):
        return None, ["a suppression is a mapping with uid, rules, reason, owner, expires"]
    known = ", ".join(_KEYS)
    problems = [f"unknown key {key!r}; known are {known}" for key in entry if key not in _KEYS]
    problems += [f"`{key}` is missing" for key in _REQUIRED if entry.get(key) in (None, "", [])]
    if problems:
        return None, problems
    rules = entry["rules"]
    written = Written(
        uid=str(entry["uid"]),
        rules=tuple(map(str, rules)) if isinstance(rules, list) else (str(rules),),
        entity=_entity_text(entry.get("entity")),
        condition=_condition_text(entry.get("condition")),
        reason=str(entry["reason"]),
        owner=str(entry["owner"]),
        expires=str(entry["expires"]),
        origin=file,
    )
    suppression, problems = _read(written, now, EVERYTHING)
    if written.expires[-1:] in ("h", "d", "w"):
        problems.append("`expires` must be a day or a time: a length would begin anew each time")
    return suppression, problems


def _entity_text(value: YamlValue) -> str:
    if isinstance(value, dict):
        return f"{value.get('type') or ''}:{value.get('uid') or ''}"
    return "" if value is None else str(value)


def _condition_text(value: YamlValue) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000))


def _is_same(new: Suppression, known: Suppression) -> bool:
    return replace(new, created=known.created, limits=known.limits) == known


def _place(document: Document, file: str, place: int, problem: str) -> Location:
    """Return where in the file a problem is: at the key that it names, else at the entry."""
    claim, begin = problem.partition(";")[0], problem.partition(":")[0]
    named = (
        name for name in _KEYS if f"`{name}`" in claim or f"the {name} " in claim or name == begin
    )
    key = next(named, None)
    return Location(file, document.line((place, key) if key else (place,)))


__all__ = [
    "Preview",
    "Suppression",
    "Written",
    "apply_file",
    "attention",
    "condition_problem",
    "foretell",
    "preview",
    "read",
    "remarks",
    "totals",
]
