"""Which ATT&CK techniques would be noticed now: the rules in force, and the sources that speak."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tocsin import detect
from tocsin.ocsf import EVERYTHING
from tocsin.ocsf.attack_matrix import Coverage, Tactic, Technique
from tocsin.run import content
from tocsin.run.wiring import RuleChoice, load_rules, log_sources, rules_of
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.answers import FeedHealth

_STALE = timedelta(days=1)
_NAVIGATOR = "5.0.0"
_LAYER = "4.5"
_BLIND = "#8a8f99"
_GRADIENT = ("#d7e9ff", "#1f6fd1")


@dataclass(frozen=True, slots=True)
class SourceState:
    """Whether events of a source come in, and why not."""

    source: str
    is_speaking: bool
    why: str


@dataclass(frozen=True, slots=True)
class Covered:
    """The matrix, what is known of the sources, and the titles of the rules in it."""

    matrix: Coverage
    sources: tuple[SourceState, ...]
    titles: Mapping[str, str]

    @property
    def tactics(self) -> tuple[Tactic, ...]:
        """The tactics in the order of an attack."""
        return self.matrix.tactics


def coverage(
    choice: RuleChoice | None, settings: Settings, *, every_source: bool = False
) -> Covered:
    """Return what the rules would notice.

    Args:
        choice: the rules; `None` for those in force.
        settings: say which feeds there are, and where the store is.
        every_source: as if every source spoke.
    """
    loaded = load_rules(choice or rules_of(settings), settings)
    rules = detect.RuleSet.build(loaded.rules, log_sources(settings))
    now = datetime.now(UTC)
    if every_source:
        states = tuple(SourceState(each, True, "taken as speaking") for each in _known(rules))
        return covered(rules, states)
    kind = Store.kind(settings.data)
    if kind is None:
        return covered(rules, source_states(rules, settings, None, now))
    with Store.open(settings.data, demo=kind == "demo") as store:
        feeds = store.sources.list(EVERYTHING, now)
    return covered(rules, source_states(rules, settings, feeds, now))


def covered(rules: detect.RuleSet, states: tuple[SourceState, ...]) -> Covered:
    """Lay rules that are bound over the matrix."""
    speaking = frozenset(each.source for each in states if each.is_speaking)
    titles = {rule.uid: rule.title for rule in rules.rules}
    return Covered(rules.coverage(content.attack_text(), speaking), states, titles)


def source_states(
    rules: detect.RuleSet,
    settings: Settings,
    feeds: Iterable[FeedHealth] | None,
    now: datetime,
) -> tuple[SourceState, ...]:
    """Return whether each source that rules may read speaks.

    Args:
        rules: bound.
        settings: say which feeds there are, and how long each may be silent.
        feeds: as the store knows them; `None` where there is no store yet: a feed that is in the
            settings counts as one that speaks.
        now: UTC.
    """
    configured = {feed.source for feed in settings.feeds}
    limits = {feed.name: feed.silent_after for feed in settings.feeds}
    by_source: dict[str, list[FeedHealth]] = {}
    for feed in feeds or ():
        by_source.setdefault(feed.source, []).append(feed)
    found = []
    for source in sorted({*_known(rules), *configured, *by_source} - {"tocsin"}):
        known = by_source.get(source, [])
        if feeds is None:
            is_fed = source in configured
            found.append(SourceState(source, is_fed, "configured" if is_fed else "no feed"))
        elif not known:
            why = "nothing has come yet" if source in configured else "no feed"
            found.append(SourceState(source, False, why))
        else:
            found.append(_heard(source, known, limits, now))
    return tuple(found)


def _heard(
    source: str,
    feeds: Iterable[FeedHealth],
    limits: Mapping[str, timedelta | None],
    now: datetime,
) -> SourceState:
    received = [each for each in feeds if each.last_received_time is not None]
    speaking = [each for each in received if not _is_silent(each, limits.get(each.feed), now)]
    latest = max(
        (each.last_received_time for each in received if each.last_received_time), default=None
    )
    if latest is None:
        return SourceState(source, False, "nothing has come yet")
    word = "last heard" if speaking else "silent since"
    return SourceState(source, bool(speaking), f"{word} {latest:%Y-%m-%d %H:%M} UTC")


def _is_silent(feed: FeedHealth, limit: timedelta | None, now: datetime) -> bool:
    last = feed.last_received_time
    if last is None:
        return True
    age = now - (last if last.tzinfo else last.replace(tzinfo=UTC))
    if limit is not None:
        return age > limit
    # Files that were loaded once have no rhythm, and are no feed that goes on.
    return feed.is_silent or (feed.rhythm is None and age > _STALE)


def _known(rules: detect.RuleSet) -> frozenset[str]:
    return frozenset(rules.by_source)


def navigator_layer(found: Covered, name: str = "Tocsin") -> dict[str, object]:
    """Return the matrix as a layer of the ATT&CK Navigator.

    Source: MITRE ATT&CK Navigator layer file format 4.5.
    """
    shown = [
        _annotated(technique, tactic.name, found.titles)
        for tactic in found.tactics
        for technique in tactic.techniques
        if technique.state != "uncovered"
    ]
    most = max((len(t.seeing) for tactic in found.tactics for t in tactic.techniques), default=0)
    silent = [f"{each.source}: {each.why}" for each in found.sources if not each.is_speaking]
    return {
        "name": name,
        "versions": {"navigator": _NAVIGATOR, "layer": _LAYER},
        "domain": "enterprise-attack",
        "description": "Techniques that enabled rules see; the score is the number of rules."
        + (f" Blind: {'; '.join(silent)}." if silent else ""),
        "sorting": 3,
        "layout": {"layout": "side", "showID": True, "expandedSubtechniques": "annotated"},
        "hideDisabled": False,
        "techniques": shown,
        "gradient": {"colors": list(_GRADIENT), "minValue": 0, "maxValue": max(most, 1)},
        "legendItems": [
            {"label": "seen by rules", "color": _GRADIENT[1]},
            {"label": "blind: the sources of its rules are silent", "color": _BLIND},
        ],
    }


def _annotated(technique: Technique, tactic: str, titles: Mapping[str, str]) -> dict[str, object]:
    uids = technique.seeing or technique.blind
    found: dict[str, object] = {
        "techniqueID": technique.uid,
        "tactic": tactic,
        "score": len(technique.seeing),
        "comment": "\n".join(titles[uid] for uid in uids),
        "enabled": True,
        "metadata": [{"name": "rule", "value": uid} for uid in uids],
        "showSubtechniques": False,
    }
    if technique.state == "blind":
        found["color"] = _BLIND
    return found
