"""One turn: batches on their way from their sources through all thinking rooms to the commit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tocsin import detect, enrich, incidents, normalize, posture
from tocsin.collect import Outcome
from tocsin.conditions.suppression import Suppression
from tocsin.errors import WorldError
from tocsin.ocsf import RawBatch, concat, from_rows, identifiers, schemas
from tocsin.run import comparing
from tocsin.run.earlier import earlier_events, fetch
from tocsin.run.hiding import share
from tocsin.run.tools import Tools
from tocsin.store import Store, Turn

if TYPE_CHECKING:
    from tocsin.run.proposing import Asking

_KEPT_REJECT_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class TurnReport:
    """What one turn did, for the log, the counters, and those who wait for an answer."""

    outcomes: tuple[Outcome, ...]
    changed: tuple[incidents.Incident, ...]
    records: int
    events: int
    findings: int
    duplicates: int
    rejects: int
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch with its events: as far as it can be carried without the store and its lock."""

    batch: RawBatch
    normalized: normalize.Normalized
    redacted: Mapping[str, int] = field(default_factory=dict)


def prepare(batch: RawBatch, tools: Tools) -> Prepared:
    """Take secrets out of a batch and normalize it; a loader does it ahead in another thread."""
    clean, redacted = tools.redaction.of(batch)
    return Prepared(clean, normalize.apply(tools.mappings[batch.source], clean), redacted)


def turn(
    prepared: Sequence[Prepared],
    tools: Tools,
    store: Store,
    now: datetime,
    extra_findings: pa.Table | None = None,
) -> TurnReport:
    """Carry the batches from their sources to one commit; acting comes later and elsewhere.

    Args:
        prepared: at most one a feed; none makes a clock turn.
        tools: mappings, rules and settings.
        store: open; its turn lock is taken here.
        now: UTC and aware.
        extra_findings: findings that no record explains, such as a silent source.

    Raises:
        WorldError: nothing of the turn is stored.
    """
    with store.turns.lock():
        windows = store.turns.windows()
        in_force = store.suppressions.in_force(now)
        turns: list[Turn] = []
        outcomes: list[Outcome] = []
        for one in prepared:
            carried, windows = _carry(one, tools, store, windows, now)
            turns.append(
                _with_earlier(_shared(carried, turns, in_force, tools, store), turns, store)
            )
            outcomes.append(_outcome(carried))
        if not prepared:
            clocked, windows = _clocked(tools, store, windows, now)
            turns.append(
                _with_earlier(_shared(clocked, turns, in_force, tools, store), turns, store)
            )
        if extra_findings is not None and extra_findings.num_rows:
            own = _of_our_own(store, extra_findings, now)
            turns.append(_shared(own, turns, in_force, tools, store))
        if not tools.is_told:
            turns = [replace(each, is_told=False) for each in turns]
        fixed = tools.identification.fixed
        asked = _asked(tools, store) if tools.is_told else None
        committed = store.turns.commit(turns, windows, _grouping(tools), fixed, asked)
    return TurnReport(
        outcomes=tuple(outcomes),
        changed=committed.changed,
        records=sum(one.batch.records.num_rows + one.batch.rejects.num_rows for one in prepared),
        events=committed.events,
        findings=committed.findings,
        duplicates=committed.duplicates,
        rejects=committed.rejects,
        hidden=sum(each.hidden.num_rows for each in turns),
    )


def commit_found(
    findings: pa.Table, matches: pa.Table, tools: Tools, store: Store, now: datetime
) -> int:
    """Commit what was found in stored events; suppressions hide here what they hide in turns.

    Args:
        findings: rows of `ocsf.schemas.FINDINGS`.
        matches: rows of `ocsf.schemas.MATCHES`; those that are stored count no second time.
        tools: settings, and rules that read what suppressions speak of.
        store: open; its turn lock is taken here.
        now: UTC and aware.

    Returns:
        How many findings were new or have grown.

    Raises:
        WorldError: nothing of it is stored.
    """
    with store.turns.lock():
        windows = store.turns.windows()
        findings, matches = store.findings.unknown(findings, matches)
        if not findings.num_rows:
            return 0
        own = replace(_of_our_own(store, findings, now), matches=matches)
        in_force = store.suppressions.in_force(now)
        shared = _shared(_with_earlier(own, (), store), (), in_force, tools, store)
        fixed = tools.identification.fixed
        store.turns.commit([shared], windows, _grouping(tools), fixed)
    return int(shared.findings.num_rows)


def turn_whatever_comes(
    batches: Sequence[RawBatch], tools: Tools, store: Store, clock: Callable[[], datetime]
) -> TurnReport:
    """Take a turn even if some record breaks a room: that record becomes a reject.

    A fault of ours must not stop the stream or lose a neighbor, so the batches are halved until the
    record that breaks a room stands alone.

    Raises:
        WorldError: the disk or the database failed; nothing of what was tried last is stored.
    """
    try:
        return turn([prepare(batch, tools) for batch in batches], tools, store, clock())
    except WorldError:
        raise
    # The edge of the thinking rooms: protects the stream from a fault of ours.
    except Exception as error:
        halves = _halves(batches)
        if halves is None:
            refused = [prepare(_as_rejects(batch, error), tools) for batch in batches]
            return turn(refused, tools, store, clock())
    return _sum([turn_whatever_comes(half, tools, store, clock) for half in halves], batches)


def _carry(
    one: Prepared, tools: Tools, store: Store, windows: detect.Windows, now: datetime
) -> tuple[Turn, detect.Windows]:
    unseen = store.turns.unseen(one.batch, one.normalized)
    fresh = replace(
        unseen.normalized, events=enrich.enrich(unseen.normalized.events, tools.knowledge)
    )
    unseen = replace(unseen, normalized=fresh)
    compared = comparing.compare(fresh.events, tools, store, now)
    if compared is not None:
        fresh = replace(fresh, events=compared.events)
        unseen = replace(unseen, normalized=fresh)
    detected = detect.evaluate(tools.rules, fresh.events, windows, now, tools.run_python)
    assessed = posture.assess(tools.checks, fresh.resources)
    reported = _as_alerts(fresh.findings, now - tools.rules.alert_age)
    found = concat([reported, detected.findings, assessed.findings], schemas.FINDINGS)
    matches = detected.matches
    if compared is not None:
        found = concat([found, compared.findings], schemas.FINDINGS)
        matches = concat([matches, compared.matches], schemas.MATCHES)
    carried = Turn(
        batch=one.batch,
        unseen=unseen,
        findings=found,
        matches=matches,
        failures=concat([detected.failures, assessed.failures], schemas.FAILURES),
        now=now,
        redacted=one.redacted,
        statements=tools.identification.told(fresh.events, fresh.resources),
    )
    return carried, detected.windows


def _as_alerts(findings: pa.Table, alert_from: datetime) -> pa.Table:
    """Return what sources found themselves; as with rules, old history is no alert."""
    if not findings.num_rows:
        return findings
    since = pa.scalar(alert_from.astimezone(UTC).replace(tzinfo=None), schemas.TIME)
    is_alert = pc.and_(
        findings.column("is_alert"), pc.greater_equal(findings.column("last_time"), since)
    )
    place = schemas.FINDINGS.get_field_index("is_alert")
    return findings.set_column(place, schemas.FINDINGS.field(place), is_alert)


def _shared(
    carried: Turn,
    before: Sequence[Turn],
    in_force: Sequence[Suppression],
    tools: Tools,
    store: Store,
) -> Turn:
    """Return the turn with what suppressions hide taken out of its findings, whoever made them."""
    if not in_force or not carried.findings.num_rows:
        return carried
    # What comes before in the same commit is not stored yet.
    events = [each.unseen.normalized.events for each in (carried, *before)]
    found, matches = carried.findings, carried.matches
    shares = share(found, matches, events, in_force, rules=tools.rules, store=store)
    return replace(
        carried,
        findings=shares.findings,
        matches=shares.matches,
        hidden=shares.hidden,
        hidden_matches=shares.hidden_matches,
    )


def _with_earlier(carried: Turn, before: Sequence[Turn], store: Store) -> Turn:
    """Return the turn with the events of earlier turns that its findings name."""
    if not carried.findings.num_rows and not carried.hidden.num_rows:
        return carried
    tables = (carried.findings, carried.matches, carried.hidden, carried.hidden_matches)
    not_stored = [each.unseen.normalized.events for each in before]
    events = earlier_events(tables, carried.unseen.normalized.events, not_stored, store)
    return replace(carried, earlier=events)


def _asked(tools: Tools, store: Store) -> "Asking | None":
    return tools.proposing.asked_by(tools.rules, tools.mappings, partial(fetch, store))


def _grouping(tools: Tools) -> Callable[..., incidents.Grouped]:
    settings = tools.settings.incidents
    return partial(
        incidents.group,
        gap=settings.gap,
        threshold=settings.threshold_id,
        never_link=tools.never_link,
    )


def _clocked(
    tools: Tools, store: Store, windows: detect.Windows, now: datetime
) -> tuple[Turn, detect.Windows]:
    """Return what rules find because time has passed: nothing came that should have come."""
    nothing = schemas.EVENT_COLUMNS.empty_table()
    detected = detect.evaluate(tools.rules, nothing, windows, now, tools.run_python)
    turned = _of_our_own(store, detected.findings, now)
    turned = replace(turned, matches=detected.matches, failures=detected.failures)
    return turned, detected.windows


def _of_our_own(store: Store, findings: pa.Table, now: datetime) -> Turn:
    """Return a turn without records that carries findings which no record of its own explains."""
    batch = RawBatch(
        source="tocsin",
        feed="tocsin",
        records=schemas.RAW.empty_table(),
        cursor=None,
        receipt=None,
        rejects=schemas.REJECTS.empty_table(),
    )
    nothing = normalize.Normalized(
        events=schemas.EVENT_COLUMNS.empty_table(),
        findings=schemas.FINDINGS.empty_table(),
        resources=schemas.RESOURCES.empty_table(),
        rejects=schemas.REJECTS.empty_table(),
    )
    unseen = store.turns.unseen(batch, nothing)
    none = schemas.MATCHES.empty_table(), schemas.FAILURES.empty_table()
    return Turn(batch, unseen, findings, none[0], none[1], now)


def _outcome(carried: Turn) -> Outcome:
    # Few rows: rejects are the exception.
    rows = carried.unseen.normalized.rejects.select(["origin", "position", "reason"]).to_pylist()
    rejected = {(str(row["origin"]), int(row["position"])): str(row["reason"]) for row in rows}
    return Outcome("committed", rejected)


def _halves(batches: Sequence[RawBatch]) -> tuple[list[RawBatch], list[RawBatch]] | None:
    """Return the batches in two parts, or None where only one record is left."""
    if len(batches) > 1:
        middle = len(batches) // 2
        return list(batches[:middle]), list(batches[middle:])
    if not batches or batches[0].records.num_rows < 2:
        return None
    batch = batches[0]
    middle = batch.records.num_rows // 2
    # The cursor moves with the second half only: a crash between the two reads the first again.
    first = replace(batch, records=batch.records.slice(0, middle), cursor=None)
    second = replace(
        batch, records=batch.records.slice(middle), rejects=schemas.REJECTS.empty_table()
    )
    return [first], [second]


def _as_rejects(batch: RawBatch, error: Exception) -> RawBatch:
    reason = f"internal_error: {type(error).__name__}; please report it with this record"
    rows = [
        {
            "source": batch.source,
            "origin": row["origin"],
            "position": row["position"],
            "received_time": row["received_time"],
            "reason": reason,
            "raw": row["raw"][:_KEPT_REJECT_BYTES],
            "raw_hash": identifiers.content_hash(row["raw"]),
            "size_bytes": len(row["raw"]),
            "is_replayable": len(row["raw"]) <= _KEPT_REJECT_BYTES,
        }
        for row in batch.records.to_pylist()
    ]
    rejects = concat([batch.rejects, from_rows(rows, schemas.REJECTS)], schemas.REJECTS)
    return replace(batch, records=schemas.RAW.empty_table(), rejects=rejects)


def _sum(reports: Iterable[TurnReport], batches: Sequence[RawBatch]) -> TurnReport:
    parts = tuple(reports)
    if len(batches) == 1:
        rejected = {
            key: why for part in parts for out in part.outcomes for key, why in out.rejected.items()
        }
        outcomes: tuple[Outcome, ...] = (Outcome("committed", rejected),)
    else:
        outcomes = tuple(outcome for part in parts for outcome in part.outcomes)
    return TurnReport(
        outcomes=outcomes,
        changed=tuple(incident for part in parts for incident in part.changed),
        records=sum(part.records for part in parts),
        events=sum(part.events for part in parts),
        findings=sum(part.findings for part in parts),
        duplicates=sum(part.duplicates for part in parts),
        rejects=sum(part.rejects for part in parts),
        hidden=sum(part.hidden for part in parts),
    )
