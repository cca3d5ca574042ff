"""What the API answers, as its OpenAPI document says it. Times are ISO 8601 in UTC."""

from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, computed_field

from tocsin.incidents import Status, Verdict
from tocsin.serve.web import names


def _in_utc(value: object) -> object:
    """Give the lake's times, which have no zone and mean UTC, their zone."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


Moment = Annotated[datetime, BeforeValidator(_in_utc)]
Item = TypeVar("Item")
OcsfEvent = dict[str, JsonValue]


class Model(BaseModel):
    """Reads attributes of the store's frozen things as well as rows."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Listed(Model, Generic[Item]):
    """One page of a list; ask again with `cursor` = `next_cursor` until that is null."""

    items: list[Item]
    next_cursor: str | None


class Problem(Model):
    """Why a request was refused."""

    status: int
    message: str


class Refusal(Model):
    """The body of every answer from 400 on."""

    error: Problem


class EntityModel(Model):
    """One user, key, host, pod, address or account."""

    type: str
    uid: str
    name: str


class WithSeverity(Model):
    """Has an OCSF severity, 1 to 6, and its caption."""

    severity_id: int

    @computed_field
    def severity(self) -> str:
        """Name `severity_id`."""
        return names.severity(self.severity_id)


class TaskModel(Model):
    """Something to do in an incident."""

    number: int
    text: str
    owner: str
    is_done: bool


class ReferenceModel(Model):
    """Another incident, or an https address of somebody's choice: show it, do not open it."""

    target: str
    note: str


class ReportModel(Model):
    """The mark *reportable*: since when it stands, why, and when it was reported."""

    since: Moment
    reason: str
    sent: Moment | None


class ClockModel(Model):
    """Until when an incident should be taken, ended or reported; `ended` says when it was."""

    name: Literal["acknowledge", "close", "report"]
    due: Moment
    ended: Moment | None
    is_late: bool


class TicketModel(Model):
    """The ticket of an incident in another system, as it was when it was last read."""

    system: str
    key: str
    url: str
    is_open: bool
    synced_time: Moment | None


class MeansModel(Model):
    """Mean times of incidents in seconds; null where none tells."""

    incidents: int
    detect_seconds: float | None = Field(description="MTTD: from the first event to the opening")
    acknowledge_seconds: float | None = Field(description="MTTA: from there until it was taken")
    resolve_seconds: float | None = Field(description="MTTR: from the opening to the end")


class SeverityMeans(WithSeverity):
    """Mean times of incidents of one severity."""

    means: MeansModel


class ClockFiguresModel(Model):
    """How many clocks of one kind were kept, were missed, still run in time, and are late now."""

    name: Literal["acknowledge", "close", "report"]
    kept: int
    missed: int
    running: int
    late: int


class FiguresModel(Model):
    """Figures over incidents; merged ones are left out."""

    means: MeansModel
    by_severity: list[SeverityMeans]
    still_open: int
    clocks: list[ClockFiguresModel]


class TieModel(Model):
    """Why two entities of an incident belong together."""

    one: EntityModel
    other: EntityModel
    reason: str


class IncidentModel(WithSeverity):
    """Findings that people handle as one."""

    uid: str
    title: str
    status: Status
    risk_score: int = Field(ge=0, le=100)
    risk_reasons: tuple[str, ...]
    entities: tuple[EntityModel, ...]
    accounts: tuple[str, ...]
    finding_uids: tuple[str, ...]
    rule_uids: tuple[str, ...]
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    first_time: Moment
    last_time: Moment
    opened_time: Moment
    updated_time: Moment
    finding_count: int
    match_count: int
    verdict: Verdict | None
    verdict_reason: str
    assignee: str
    merged_into: str
    version: int
    tags: tuple[str, ...]
    tasks: tuple[TaskModel, ...]
    references: tuple[ReferenceModel, ...]
    report: ReportModel | None
    acknowledged_time: Moment | None
    finished_time: Moment | None
    ties: tuple[TieModel, ...]


class StoryLine(Model):
    """One line of a story in plain words.

    `whole` comes first; of a `step`, `time` is when it began and `finding_uid` where it is told;
    `meaning` says what a tactic is, `first` what to do first.
    """

    kind: Literal["whole", "step", "meaning", "first"]
    text: str
    time: Moment | None
    finding_uid: str
    severity_id: int


class ToldIncidentModel(IncidentModel):
    """An incident with its story."""

    story: tuple[StoryLine, ...]


class IncidentChange(Model):
    """What to change of an incident; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Status | None = None
    assignee: str | None = Field(default=None, max_length=200)
    verdict: Verdict | None = None
    reason: str = Field(default="", max_length=2000)
    comment: str = Field(default="", max_length=2000)
    add_tags: tuple[str, ...] = Field(default=(), max_length=50)
    remove_tags: tuple[str, ...] = Field(default=(), max_length=50)
    add_task: str = Field(default="", max_length=500)
    task: int | None = Field(default=None, description="number of a task to change")
    owner: str | None = Field(default=None, max_length=200, description="of the task")
    is_done: bool | None = Field(default=None, description="of the task")
    add_link: str = Field(default="", max_length=2000, description="an incident, or https://...")
    link_note: str = Field(default="", max_length=500)
    remove_link: str = Field(default="", max_length=2000)
    report: Literal["needed", "sent", "not needed"] | None = None


class ChangeOfMany(Model):
    """One change for many incidents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uids: tuple[str, ...] = Field(min_length=1, max_length=500)
    change: IncidentChange


class Merging(Model):
    """Incidents that are one, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uids: tuple[str, ...] = Field(min_length=2, max_length=50)
    reason: str = Field(min_length=1, max_length=2000)


class Splitting(Model):
    """What is another matter: findings, and all findings about these entities (uids); and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    finding_uids: tuple[str, ...] = Field(default=(), max_length=1000)
    entity_uids: tuple[str, ...] = Field(default=(), max_length=100)
    reason: str = Field(min_length=1, max_length=2000)


class TakingBack(Model):
    """Why a decision is taken back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1, max_length=2000)


class DecisionModel(Model):
    """A merge or split by a person; `undone_time` is null while it stands."""

    uid: str
    kind: Literal["merge", "split"]
    time: Moment
    actor: str
    reason: str
    kept_uid: str
    other_uid: str
    findings: int
    undone_time: Moment | None
    undone_by: str
    undone_reason: str


class ChangedModel(Model):
    """What became of one of many incidents; `problem` is "" where it was changed."""

    uid: str
    problem: str


class TimelineMoment(WithSeverity):
    """One line of an incident's timeline: an event, a finding's first match, or a change."""

    time: Moment
    kind: str
    uid: str
    title: str
    actor: str
    status: str
    address: str


class FindingModel(WithSeverity):
    """A conclusion of one rule about one entity in one period."""

    uid: str
    class_uid: int
    rule_uid: str
    rule_title: str
    rule_type: str
    source: str
    is_alert: bool
    title: str
    description: str
    first_time: Moment
    last_time: Moment
    match_count: int
    entity: EntityModel
    links: list[EntityModel]
    account: str | None
    tactics: list[str]
    techniques: list[str]
    event_uids: list[str]
    context: str
    incident_uid: str | None
    suppression_uid: str = Field(description='what hides it; "" for nothing')
    original_uid: str = Field(description='the finding that it was cut from; "" for none')


class BucketModel(Model):
    """One bar of a histogram: from `start` to the next bar's start."""

    start: Moment
    count: int


class ValueCount(Model):
    """How often a value occurs."""

    value: str
    count: int


class FieldModel(Model):
    """A path that can be searched."""

    path: str
    kind: str


class FeedModel(Model):
    """One feed since it was first seen; times in seconds.

    received = events + findings + resources + duplicates + rejects; records that wait for their
    commit are in flight and not received yet. `lag_seconds` is what the provider took until the
    records came, `own_lag_seconds` what Tocsin took to commit them. `redacted` counts secrets that
    were taken out, by kind; `lost` what the way in lost, refused or skipped since the start.
    """

    feed: str
    source: str
    received: int
    events: int
    findings: int
    resources: int
    duplicates: int
    rejects: int
    last_event_time: Moment | None
    last_received_time: Moment | None
    lag_seconds: float | None
    rhythm_seconds: float | None
    is_silent: bool
    own_lag_seconds: float | None = None
    redacted: dict[str, int] = {}
    in_flight: int = 0
    guarantee: str | None = None
    kind: str | None = None
    lost: dict[str, int] = {}


class RuleModel(WithSeverity):
    """A rule in force with what it has found."""

    uid: str
    title: str
    description: str
    kind: str
    sources: tuple[str, ...]
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    false_positives: tuple[str, ...]
    references: tuple[str, ...]
    location: str
    findings: int
    matches: int
    last_time: Moment | None


class RejectModel(Model):
    """A record that no mapping could read; `raw` is text, with escapes for bytes that are none."""

    uid: str
    feed: str
    source: str
    origin: str
    position: int
    received_time: Moment
    reason: str
    raw: str
    raw_hash: str
    size_bytes: int
    is_replayable: bool


class AuditModel(Model):
    """One change, chained to the one before it by hash."""

    seq: int
    time: Moment
    actor: str
    action: str
    object: str
    details: str
    previous_hash: str
    hash: str


class Me(Model):
    """Who is signed in; `csrf` goes into the header `X-CSRF-Token` of every change."""

    name: str
    role: str
    permissions: list[str]
    csrf: str
