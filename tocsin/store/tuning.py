"""Which rules make noise: their findings by entity, and what people made of their incidents."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, distinct, func, select

from tocsin.ocsf import Entity, Scope
from tocsin.store import documents
from tocsin.store.database import Database
from tocsin.store.findings import visible
from tocsin.store.tables import FINDINGS, INCIDENT_FINDINGS, INCIDENTS

FALSE_POSITIVE = "False Positive"
SHOWN_ENTITIES = 3


@dataclass(frozen=True, slots=True)
class EntityNoise:
    """What one rule has found about one entity."""

    entity: Entity
    findings: int
    matches: int


@dataclass(frozen=True, slots=True)
class RuleNoise:
    """What one rule has found in a time, and what became of it.

    Attributes:
        findings, matches, entities: those that are not hidden.
        hidden: findings that suppressions hide.
        incidents: those that hold a finding of the rule.
        alone: those of them that hold findings of no other rule.
        judged: those of them that have a verdict.
        false_positives: those of them whose verdict is that nothing was there.
        loudest: entities with the most findings, at most three.
    """

    rule_uid: str
    rule_title: str
    severity_id: int
    findings: int
    matches: int
    entities: int
    hidden: int
    last_time: datetime
    incidents: int = 0
    alone: int = 0
    judged: int = 0
    false_positives: int = 0
    loudest: tuple[EntityNoise, ...] = ()


class Tuning:
    """Figures for those who tune rules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def noise(self, since: datetime, scope: Scope) -> tuple[RuleNoise, ...]:
        """Return one row for each rule with findings whose last match is `since` then.

        Those with the most findings first.
        """
        with self._database.read() as connection:
            rows = connection.execute(_by_rule(since, scope)).mappings().all()
            loudest = _loudest(connection, since, scope)
            judged = {
                row["rule_uid"]: row for row in connection.execute(_judged(since, scope)).mappings()
            }
        return tuple(
            RuleNoise(
                **{**row, **judged.get(row["rule_uid"], {})},
                loudest=tuple(loudest[row["rule_uid"]]),
            )
            for row in rows
        )


def _by_rule(since: datetime, scope: Scope) -> Select[Any]:
    columns = FINDINGS.c
    is_shown = columns.suppression_uid == ""
    shown = func.sum(case((is_shown, 1), else_=0))
    return (
        select(
            columns.rule_uid,
            func.max(columns.rule_title).label("rule_title"),
            func.max(columns.severity_id).label("severity_id"),
            shown.label("findings"),
            func.sum(case((is_shown, columns.match_count), else_=0)).label("matches"),
            func.count(distinct(case((is_shown, columns.entity_uid), else_=None))).label(
                "entities"
            ),
            func.sum(case((is_shown, 0), else_=1)).label("hidden"),
            func.max(columns.last_time).label("last_time"),
        )
        .where(columns.last_time >= since, *visible(scope))
        .group_by(columns.rule_uid)
        .order_by(shown.desc(), columns.rule_uid)
    )


def _loudest(connection: Connection, since: datetime, scope: Scope) -> dict[str, list[EntityNoise]]:
    columns = FINDINGS.c
    many = func.count()
    ranked = (
        select(
            columns.rule_uid,
            func.max(columns.entity).label("entity"),
            many.label("findings"),
            func.sum(columns.match_count).label("matches"),
            func.row_number()
            .over(
                partition_by=columns.rule_uid,
                order_by=(many.desc(), func.sum(columns.match_count).desc(), columns.entity_uid),
            )
            .label("place"),
        )
        .where(columns.last_time >= since, columns.suppression_uid == "", *visible(scope))
        .group_by(columns.rule_uid, columns.entity_uid)
        .subquery()
    )
    query = select(ranked).where(ranked.c.place <= SHOWN_ENTITIES).order_by(ranked.c.place)
    found: dict[str, list[EntityNoise]] = defaultdict(list)
    for row in connection.execute(query):
        entity = Entity(**documents.entity(row.entity))
        found[row.rule_uid].append(EntityNoise(entity, row.findings, int(row.matches)))
    return found


def _judged(since: datetime, scope: Scope) -> Select[Any]:
    """Count by rule: incidents, those of this rule alone, those with a verdict, false positives."""
    held = (
        select(
            INCIDENT_FINDINGS.c.incident_uid,
            func.count(distinct(FINDINGS.c.rule_uid)).label("rules"),
        )
        .join(FINDINGS, FINDINGS.c.uid == INCIDENT_FINDINGS.c.finding_uid)
        .group_by(INCIDENT_FINDINGS.c.incident_uid)
        .subquery()
    )
    verdict = func.json_extract(INCIDENTS.c.body, "$.verdict")
    pairs = (
        select(FINDINGS.c.rule_uid, INCIDENTS.c.uid, verdict.label("verdict"), held.c.rules)
        .distinct()
        .join(INCIDENT_FINDINGS, INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid)
        .join(INCIDENTS, INCIDENTS.c.uid == INCIDENT_FINDINGS.c.incident_uid)
        .join(held, held.c.incident_uid == INCIDENTS.c.uid)
        .where(
            FINDINGS.c.last_time >= since,
            INCIDENTS.c.merged_into == "",
            *visible(scope),
        )
        .subquery()
    )
    columns = pairs.c
    return select(
        columns.rule_uid,
        func.count().label("incidents"),
        func.sum(case((columns.rules == 1, 1), else_=0)).label("alone"),
        func.count(columns.verdict).label("judged"),
        func.sum(case((columns.verdict == FALSE_POSITIVE, 1), else_=0)).label("false_positives"),
    ).group_by(columns.rule_uid)
