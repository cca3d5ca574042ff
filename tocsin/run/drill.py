"""Replay labelled attacks and a benign day through mapping, rules and findings; store nothing."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from tocsin import detect, normalize
from tocsin.collect import demo_story
from tocsin.errors import ContentError, Location, TocsinError
from tocsin.isolate import RuleWorker
from tocsin.ocsf import RawBatch, empty, from_rows, schemas
from tocsin.ocsf.yaml_text import load
from tocsin.run import content
from tocsin.run.drill_attacks import COMPANY, Attack, read_attacks
from tocsin.run.drill_card import (
    COUNTED_SEVERITY_ID,
    AttackScore,
    BenignScore,
    Detection,
    FalseFindings,
    Label,
    ScoreCard,
)
from tocsin.run.offline import file_source
from tocsin.run.recognition import recognize
from tocsin.run.wiring import LoadedRules, RuleChoice, load_mappings, load_rules, log_sources
from tocsin.settings import Organization, Settings

__all__ = [
    "AttackScore",
    "BenignScore",
    "Detection",
    "DrillChoice",
    "FalseFindings",
    "Label",
    "ScoreCard",
    "run_drill",
]

_EVERY_AGE = timedelta(days=365_000)
# After the last event the clock goes on, for rules that wait for something to stay away.
_AFTERMATH = tuple(timedelta(hours=hours) for hours in (0.5, 1, 1.5, 2, 4, 8, 16, 24, 32, 40, 48))
_MOST_TURNS = 200
_DAY_TURNS = 24
_MOST_ENTITIES = 5
_PAST_DAYS = 14
_PAST_RARELY = timedelta(hours=2)

Advance = Callable[[str], None]
"""Told what is being replayed."""


@dataclass(frozen=True, slots=True)
class DrillChoice:
    """What a drill replays.

    Attributes:
        folder: attacks instead of ours.
        rules: which rules defend.
        with_benign: whether the benign day is played.
    """

    folder: Path | None = None
    rules: RuleChoice = RuleChoice()
    with_benign: bool = True


def run_drill(
    choice: DrillChoice, settings: Settings, advance: Advance = lambda told: None
) -> ScoreCard:
    """Replay every attack in a fresh state, and the benign day; say what was found.

    Raises:
        ContentError: the folder or one of its labels or stories cannot be read.
    """
    techniques = json.loads(content.attack_text())
    tactics = {uid: tuple(each["tactics"]) for uid, each in techniques.items()}
    folder = choice.folder or content.drill_folder() / "attacks"
    company = _company(folder) if choice.folder else _own_company()
    attacks = read_attacks(folder, frozenset(name for names in tactics.values() for name in names))
    ground = _ground(choice.rules, settings, company)
    scores = []
    for attack in attacks:
        advance(attack.file)
        scores.append(_score(attack, ground, company or _own_company(), tactics))
    benign = None
    if choice.with_benign:
        advance("the benign day")
        benign = _benign(
            _ground(choice.rules, settings, _own_company()) if choice.folder else ground
        )
    names = {uid: str(each["name"]) for uid, each in techniques.items()}
    return ScoreCard(tuple(scores), benign, tuple(ground.problems), names)


@dataclass(frozen=True, slots=True)
class _Turn:
    """The time reached, and what was found."""

    now: datetime
    findings: pa.Table


@dataclass(frozen=True)
class _Ground:
    """What attacks run against; every replay starts with empty windows and a fresh worker."""

    mappings: Mapping[str, normalize.Mapping]
    rules: detect.RuleSet
    surroundings: str
    problems: list[str] = field(default_factory=list)

    def replay(
        self, tables: Sequence[pa.Table], turns: int, aftermath: Sequence[timedelta] = _AFTERMATH
    ) -> Iterator[_Turn]:
        """Yield what each turn found; a turn is of one source, as those of a running Tocsin are.

        Args:
            tables: events, of one source each.
            turns: about how many.
            aftermath: how long after the last event the clock is looked at again.
        """
        windows = detect.Windows()
        end: datetime | None = None
        with RuleWorker() as worker:
            worker.provide(self.surroundings)
            for now, some in _in_turns(tables, turns):
                findings, windows = self._judged(some, windows, now, worker)
                yield _Turn(now, findings)
                end = now
            # What should have come by then is missing.
            for later in [end + length for length in aftermath] if end else []:
                nothing = tables[0].slice(0, 0)
                findings, windows = self._judged(nothing, windows, later, worker)
                yield _Turn(later, findings)

    def _judged(
        self, events: pa.Table, windows: detect.Windows, now: datetime, worker: RuleWorker
    ) -> tuple[pa.Table, detect.Windows]:
        detected = detect.evaluate(self.rules, events, windows, now, worker)
        for row in detected.failures.to_pylist():
            told = f"rule {row['rule_uid']}: {row['reason']}"
            if told not in self.problems:
                self.problems.append(told)
        return detected.findings, detected.windows


def _in_turns(tables: Sequence[pa.Table], turns: int) -> Iterator[tuple[datetime, pa.Table]]:
    """Yield the events of all tables in order of time, in about so many turns, with their end."""
    order = sorted(
        (time, index, row)
        for index, table in enumerate(tables)
        for row, time in enumerate(table["time"].to_pylist())
    )
    size = max(1, -(-len(order) // turns))
    for start in range(0, len(order), size):
        together = order[start : start + size]
        now = together[-1][0].replace(tzinfo=UTC)
        for index in sorted({index for _, index, _ in together}):
            rows = [row for _, of, row in together if of == index]
            yield now, tables[index].take(pa.array(rows))


def _ground(choice: RuleChoice, settings: Settings, company: str) -> _Ground:
    """Return rules bound to the organization that the company describes, or to one's own."""
    if company:
        described = load(company, COMPANY).value
        organization = described.get("organization") if isinstance(described, dict) else None
        settings = settings.model_copy(
            update={"organization": Organization.model_validate(organization or {})}
        )
    loaded: LoadedRules = load_rules(choice, settings)
    rules = detect.RuleSet.build(loaded.rules, log_sources(settings), _EVERY_AGE)
    problems = [str(problem) for problem in loaded.refusals]
    return _Ground(load_mappings(), rules, loaded.surroundings, problems)


def _company(folder: Path) -> str:
    """Return the text of the company beside the attacks or above them; empty for none."""
    root = folder.resolve() if folder.is_dir() else folder.resolve().parent
    for path in (root / COMPANY, root.parent / COMPANY):
        if path.is_file():
            return content.read_text(path)
    return ""


def _own_company() -> str:
    return content.read_text(content.drill_folder() / COMPANY)


def _score(
    attack: Attack, ground: _Ground, company: str, tactics: Mapping[str, Sequence[str]]
) -> AttackScore:
    score = AttackScore(attack.file, attack.name, attack.label)
    try:
        read, begun = _attack_events(attack, ground, company)
    except TocsinError as error:
        return replace(score, problem=str(error))
    tables = [each.events for each in read if each.events.num_rows]
    if not tables:
        return replace(score, problem="no event could be read")
    first = begun or min(_times(tables)).replace(tzinfo=UTC)
    turns = (turn for turn in ground.replay(tables, _MOST_TURNS) if turn.now >= first)
    return replace(
        score,
        event_count=sum(table.num_rows for table in tables),
        first_time=first,
        unread=sum(each.rejects.num_rows for each in read),
        detections=tuple(_detections(turns, first, attack.label, tactics)),
    )


def _times(tables: Sequence[pa.Table]) -> Iterator[datetime]:
    for table in tables:
        yield from table["time"].to_pylist()


def _detections(
    turns: Iterator[_Turn], first: datetime, label: Label, tactics: Mapping[str, Sequence[str]]
) -> Iterator[Detection]:
    """Yield the first finding of each rule, and the first that fits where that came later."""
    told: set[tuple[str, bool]] = set()
    for turn in turns:
        rows = sorted(turn.findings.to_pylist(), key=lambda row: (-row["severity_id"], row["uid"]))
        for row in rows:
            is_severe = row["severity_id"] >= COUNTED_SEVERITY_ID
            fits = is_severe and label.fits(row["techniques"], tactics)
            if {(row["rule_uid"], fits), (row["rule_uid"], True)} & told:
                continue
            told.add((row["rule_uid"], fits))
            yield Detection(
                rule_uid=row["rule_uid"],
                title=row["rule_title"],
                severity_id=row["severity_id"],
                after=turn.now - first,
                fits=fits,
            )


def _attack_events(
    attack: Attack, ground: _Ground, company: str
) -> tuple[list[normalize.Normalized], datetime | None]:
    """Return the events of an attack, and when it begins where its file says so.

    The habits of a story are what went on before; only its steps are the attack.
    """
    if attack.is_story:
        story = demo_story.load_story(content.read_text(attack.path), attack.file, company)
        begun = _begin(company, attack.file)
        return list(_story_events(story, ground, begun)), begun + story.first_step
    path = str(attack.path)
    mapping = recognize([path], ground.mappings)
    source = file_source([path], mapping, "drill", lambda done, total: None)
    return [normalize.apply(mapping, batch) for batch in source.read(None)], None


def _begin(company: str, location: str) -> datetime:
    """Return when the stories begin, UTC."""
    described = load(company, location).value
    text = described.get("begins") if isinstance(described, dict) else None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ContentError(f"`begins` of {COMPANY} is no time", Location(location)) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _story_events(
    story: demo_story.Story, ground: _Ground, begun: datetime
) -> Iterator[normalize.Normalized]:
    # Only the mappings of the story: each is compiled when it is first asked for.
    for source in ground.mappings:
        if source not in story.frames:
            continue
        records = [
            json.dumps(record, separators=(",", ":")).encode()
            for record in story.told(source, begun)
        ]
        if records:
            batch = _batch(source, records, begun + story.span)
            yield normalize.apply(ground.mappings[source], batch)


def _batch(source: str, records: Sequence[bytes], received: datetime) -> RawBatch:
    rows = [
        {
            "raw": record,
            "origin": "drill",
            "position": position,
            "received_time": received.replace(tzinfo=None),
        }
        for position, record in enumerate(records)
    ]
    records_table = from_rows(rows, schemas.RAW)
    return RawBatch(source, "drill", records_table, None, None, empty(schemas.REJECTS))


def _benign(ground: _Ground) -> BenignScore:
    """Play the benign day, after a fortnight in which rules get to know who does what."""
    company = _own_company()
    story = demo_story.load_story(
        content.read_text(content.drill_folder() / "benign_day.yaml"), "benign_day.yaml", company
    )
    begun = _begin(company, COMPANY)
    past = [
        normalized.events
        for days in range(_PAST_DAYS, 0, -1)
        for normalized in _story_events(
            story.another_day(days, _PAST_RARELY), ground, begun - timedelta(days=days)
        )
    ]
    today = [each.events for each in _story_events(story, ground, begun)]
    found: dict[str, Mapping[str, object]] = {}
    # No aftermath: what stays away once the day is over is not missing.
    for turn in ground.replay([*past, *today], _DAY_TURNS * (_PAST_DAYS + 1), aftermath=()):
        found |= {row["uid"]: row for row in turn.findings.to_pylist() if turn.now >= begun}
    counted = [row for row in found.values() if int(str(row["severity_id"])) >= COUNTED_SEVERITY_ID]
    return BenignScore(
        event_counts={table["source"][0].as_py(): table.num_rows for table in today},
        false_findings=tuple(_false_findings(counted)),
        quiet_count=len(found) - len(counted),
    )


def _false_findings(rows: Sequence[Mapping[str, object]]) -> Iterator[FalseFindings]:
    counts = Counter(str(row["rule_uid"]) for row in rows)
    for rule_uid, count in counts.most_common():
        mine = [row for row in rows if row["rule_uid"] == rule_uid]
        names = sorted({_name(row["entity"]) for row in mine})
        yield FalseFindings(
            rule_uid=rule_uid,
            title=str(mine[0]["rule_title"]),
            severity_id=max(int(str(row["severity_id"])) for row in mine),
            count=count,
            entities=tuple(names[:_MOST_ENTITIES]),
        )


def _name(entity: object) -> str:
    found = entity if isinstance(entity, dict) else {}
    return str(found.get("name") or found.get("uid"))
