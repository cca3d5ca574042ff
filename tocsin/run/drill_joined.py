"""Play attacks that go on at once through real turns; each must end as one incident.

Unlike the drill of techniques, everything runs here that runs on any day: the store, the grouping,
the identities. All attacks happen in one hour, in the same accounts, behind the same gateway.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tocsin import normalize
from tocsin.collect import demo_story
from tocsin.errors import ContentError, Location
from tocsin.incidents import Incident
from tocsin.isolate import RuleWorker
from tocsin.ocsf import EVERYTHING, RawBatch, empty, from_rows, schemas
from tocsin.ocsf.yaml_text import load
from tocsin.run import content
from tocsin.run.drill_attacks import COMPANY
from tocsin.run.pipeline import prepare, turn
from tocsin.run.tools import Tools
from tocsin.run.wiring import RuleChoice, load_mappings, load_rules, load_tools
from tocsin.settings import Settings
from tocsin.store import FindingFilter, IncidentFilter, Store

_MOST = 1_000
_TURNS = 40
_EVER = timedelta(days=36_500)
Advance = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class JoinedAttack:
    """One attack and what became of it.

    Attributes:
        file: its name.
        vectors: sources that told of it in findings.
        findings: how many.
        incidents: uids of the incidents that its findings are in; one is right.
        mixed: other attacks whose findings are in one of them; none is right.
        ties: why the findings belong together.
    """

    file: str
    name: str
    vectors: tuple[str, ...] = ()
    findings: int = 0
    incidents: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether it is exactly one incident and nobody else's."""
        return len(self.incidents) == 1 and not self.mixed


@dataclass(frozen=True, slots=True)
class JoinedCard:
    """The result of a joined drill.

    Attributes:
        incidents: how many were opened in all.
        titles: of their findings, by attack and incident; for those who ask why.
    """

    attacks: tuple[JoinedAttack, ...]
    incidents: int
    titles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        """Whether there is exactly one incident an attack."""
        return self.incidents == len(self.attacks) and all(one.is_right for one in self.attacks)


@dataclass(frozen=True, slots=True)
class JoinedChoice:
    """What is played.

    Attributes:
        folder: attacks and their company instead of ours.
        only: names of files, without ending; none for all.
        shuffled: seed of the order in which records come; `None` for the order of time.
    """

    folder: Path | None = None
    only: tuple[str, ...] = ()
    shuffled: int | None = None


def run_joined(
    choice: JoinedChoice, settings: Settings, advance: Advance = lambda told: None
) -> JoinedCard:
    """Play attacks that go on at once; say which incidents came of them.

    Raises:
        ContentError: the folder holds no attacks, or one of them is wrong.
    """
    folder = choice.folder or content.drill_folder() / "joined"
    company = content.read_text(folder / COMPANY)
    settings = _settings(settings, company, folder)
    stories = _stories(folder, company, choice.only)
    mappings = load_mappings()
    advance("the records of all attacks")
    records = _records(stories, _begins(company), mappings)
    if choice.shuffled is not None:
        Random(choice.shuffled).shuffle(records)
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-drill-") as data,
        RuleWorker() as worker,
        Store.open(Path(data) / "data") as store,
    ):
        tools = load_tools(settings, load_rules(RuleChoice(), settings), worker, mappings)
        origins = _play(records, tools, store)
        advance("the incidents")
        return _card(stories, origins, store)


@dataclass(frozen=True, slots=True)
class _Record:
    time: datetime
    source: str
    origin: str
    raw: bytes


def _settings(settings: Settings, company: str, folder: Path) -> Settings:
    """Return the settings with what the company says of itself."""
    described = load(company, str(folder / COMPANY)).value
    wanted = described if isinstance(described, dict) else {}
    mine = {name: wanted[name] for name in ("organization", "enrichment") if name in wanted}
    whole = settings.model_validate(settings.model_dump(include={"data"}) | mine)
    return settings.model_copy(
        update={
            "organization": whole.organization,
            "enrichment": whole.enrichment,
            "incidents": settings.incidents.model_copy(update={"max_age": _EVER}),
        }
    )


def _stories(
    folder: Path, company: str, only: Sequence[str]
) -> dict[str, tuple[str, demo_story.Story]]:
    paths = sorted((folder / "attacks").glob("*.yaml"))
    chosen = [path for path in paths if not only or path.stem in only]
    if not chosen:
        raise ContentError("there is no attack here", Location(str(folder)))
    found: dict[str, tuple[str, demo_story.Story]] = {}
    for path in chosen:
        text = content.read_text(path)
        described = load(text, path.name).value
        name = described.get("name") if isinstance(described, dict) else None
        story = demo_story.load_story(text, path.name, company)
        found[path.stem] = (str(name or path.stem), story)
    return found


def _begins(company: str) -> datetime:
    described = load(company, COMPANY).value
    text = described.get("begins") if isinstance(described, dict) else None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ContentError(f"`begins` of {COMPANY} is no time", Location(COMPANY)) from error
    return moment.astimezone(UTC)


def _records(
    stories: Mapping[str, tuple[str, demo_story.Story]],
    begun: datetime,
    mappings: Mapping[str, normalize.Mapping],
) -> list[_Record]:
    found: list[_Record] = []
    for stem, (_, story) in stories.items():
        for source in story.frames:
            if source not in mappings:
                raise ContentError(f"there is no source {source!r}", Location(stem))
            for each in story.occurrences(source):
                time = begun + each.offset
                raw = json.dumps(story.record(source, each, time), separators=(",", ":"))
                found.append(_Record(time, source, stem, raw.encode()))
    return sorted(found, key=lambda one: (one.time, one.origin))


def _play(records: Sequence[_Record], tools: Tools, store: Store) -> dict[str, str]:
    """Take the records in turns; return by event of which attack it is."""
    origins: dict[str, str] = {}
    size = max(1, -(-len(records) // _TURNS))
    latest = records[0].time
    for start in range(0, len(records), size):
        some = records[start : start + size]
        latest = max(latest, *(one.time for one in some))
        prepared = [
            prepare(_batch(source, some, start), tools)
            for source in sorted({one.source for one in some})
        ]
        for each in prepared:
            events = each.normalized.events
            pairs = zip(events["event_uid"].to_pylist(), events["origin"].to_pylist(), strict=True)
            origins |= {str(uid): str(origin) for uid, origin in pairs}
            if each.normalized.rejects.num_rows:
                reason = each.normalized.rejects["reason"][0].as_py()
                message = f"a record of {each.batch.source} is unreadable: {reason}"
                raise ContentError(message, Location("content/drill/joined"))
        turn(prepared, tools, store, latest)
    return origins


def _batch(source: str, some: Sequence[_Record], first: int) -> RawBatch:
    rows = [
        {
            "raw": one.raw,
            "origin": one.origin,
            "position": first + place,
            "received_time": one.time.replace(tzinfo=None),
        }
        for place, one in enumerate(some)
        if one.source == source
    ]
    table = from_rows(rows, schemas.RAW)
    return RawBatch(source, f"drill {source}", table, None, None, empty(schemas.REJECTS))


def _card(
    stories: Mapping[str, tuple[str, demo_story.Story]], origins: Mapping[str, str], store: Store
) -> JoinedCard:
    incidents = store.incidents.list(IncidentFilter(), EVERYTHING, limit=_MOST).rows
    of_attack: dict[str, list[_Found]] = {stem: [] for stem in stories}
    titles: dict[str, tuple[str, ...]] = {}
    for incident in incidents:
        found = _found(incident, origins, store)
        titles[incident.uid] = tuple(f"{one.attack}: {one.title} ({one.about})" for one in found)
        for one in found:
            of_attack[one.attack].append(one)
    attacks = tuple(_attack(stem, stories[stem][0], of_attack) for stem in stories)
    return JoinedCard(attacks, len(incidents), titles)


@dataclass(frozen=True, slots=True)
class _Found:
    """One finding as far as it is of one attack."""

    attack: str
    incident: Incident
    uid: str
    source: str
    title: str
    about: str


def _found(incident: Incident, origins: Mapping[str, str], store: Store) -> list[_Found]:
    which = FindingFilter(incident_uid=incident.uid)
    rows = store.findings.list(which, EVERYTHING, limit=_MOST).rows.to_pylist()
    return [
        _Found(attack, incident, row["uid"], row["source"], row["title"], row["entity"]["uid"])
        for row in rows
        for attack in sorted({origins[uid] for uid in row["event_uids"] if uid in origins})
    ]


def _attack(stem: str, name: str, found: Mapping[str, Sequence[_Found]]) -> JoinedAttack:
    mine = found[stem]
    incidents = {one.incident.uid: one.incident for one in mine}
    others = {
        other
        for other, theirs in found.items()
        if other != stem and any(one.incident.uid in incidents for one in theirs)
    }
    return JoinedAttack(
        file=stem,
        name=name,
        vectors=tuple(sorted({one.source for one in mine})),
        findings=len({one.uid for one in mine}),
        incidents=tuple(sorted(incidents)),
        mixed=tuple(sorted(others)),
        ties=tuple(tie.reason for one in incidents.values() for tie in one.ties),
    )
