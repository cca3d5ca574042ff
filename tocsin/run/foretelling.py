"""What a suppression would have hidden: the turns' own decision, taken again on what is stored."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tocsin import detect
from tocsin.conditions.suppression import DIVISIBLE, Suppression
from tocsin.ocsf import Scope, from_rows, schemas
from tocsin.run.earlier import MOST_FETCHED
from tocsin.run.hiding import share
from tocsin.store import FindingFilter, Store

DAYS = 30
MOST_FINDINGS = 5_000
MOST_SAMPLES = 10
_PAGE = 500

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RuleShare:
    """What would be hidden of one rule's findings."""

    rule_uid: str
    title: str
    findings: int
    matches: int


@dataclass(frozen=True, slots=True)
class SampleFinding:
    """A finding of which something would be hidden: `hidden` of its `matches`."""

    uid: str
    title: str
    severity_id: int
    entity: str
    last_time: datetime
    hidden: int
    matches: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a suppression would have hidden, had it held all the time.

    Attributes:
        days: how far back was looked.
        findings: how many findings would be hidden, wholly or in part.
        matches: how many matches of these.
        looked_at: findings of the rules concerned.
        by_day: matches by day in UTC, every day in order.
        by_rule: most matches first.
        samples: the newest ten.
        is_whole: whether everything was looked at; else only the newest findings.
    """

    days: int
    findings: int
    matches: int
    looked_at: int
    by_day: tuple[tuple[date, int], ...]
    by_rule: tuple[RuleShare, ...]
    samples: tuple[SampleFinding, ...]
    is_whole: bool


def foretell(
    suppression: Suppression, rules: detect.RuleSet, store: Store, scope: Scope, now: datetime
) -> Preview:
    """Return what the suppression would have hidden of the last 30 days.

    Args:
        suppression: not stored; nothing is written.
        rules: in force.
        store: open.
        scope: what whoever asks may see.
        now: UTC.
    """
    tally = _Tally(now)
    for findings in _chunks(_stored(suppression, store, scope, tally), store, scope, tally):
        rows = [row for row, _ in findings]
        matches = [match for _, mine in findings for match in mine]
        shares = share(
            from_rows(rows, schemas.FINDINGS),
            from_rows(matches, schemas.MATCHES),
            (),
            (suppression,),
            rules=rules,
            store=store,
        )
        tally.add(rows, shares.hidden.to_pylist(), shares.hidden_matches.to_pylist())
    return tally.result()


def _stored(suppression: Suppression, store: Store, scope: Scope, tally: "_Tally") -> Iterator[Row]:
    """Yield the findings of the rules concerned, newest first, up to the most."""
    named = [None] if suppression.rules == ("*",) else list(suppression.rules)
    for rule_uid in named:
        which = FindingFilter(rule_uid=rule_uid, since=tally.since)
        cursor: str | None = None
        while True:
            page = store.findings.list(which, scope, limit=_PAGE, cursor=cursor)
            for row in page.rows.to_pylist():
                if tally.looked_at >= MOST_FINDINGS:
                    tally.is_whole = False
                    return
                tally.looked_at += 1
                yield row
            cursor = page.cursor
            if cursor is None:
                break


def _chunks(
    findings: Iterator[Row], store: Store, scope: Scope, tally: "_Tally"
) -> Iterator[list[tuple[Row, list[Row]]]]:
    """Yield findings with their matches, so many that their events can be looked at together."""
    chunk: list[tuple[Row, list[Row]]] = []
    size = 0
    for row in findings:
        mine = _matches(row, store, scope, tally)
        if chunk and size + len(mine) > MOST_FETCHED:
            yield chunk
            chunk, size = [], 0
        chunk.append((_as_found(row, mine), mine))
        size += len(mine)
    if chunk:
        yield chunk


def _matches(row: Row, store: Store, scope: Scope, tally: "_Tally") -> list[Row]:
    """Return the matches of a finding that lie inside the days, the newest of very many."""
    if row["match_count"] == 1 and len(row["event_uids"]) == 1:
        only = {"event_uid": row["event_uids"][0], "event_time": row["last_time"]}
        return [{"finding_uid": row["uid"], "rule_uid": row["rule_uid"], **only}]
    page = store.findings.matches(row["uid"], scope, limit=MOST_FETCHED)
    if page.cursor is not None:
        tally.is_whole = False
    since = tally.since.replace(tzinfo=None)
    return [match for match in page.rows.to_pylist() if match["event_time"] >= since]


def _as_found(row: Row, mine: Sequence[Row]) -> Row:
    """Return a stored finding as a turn that found all of it would have given it."""
    if row["rule_type"] not in DIVISIBLE:
        return row
    return {**row, "match_count": len(mine), "event_uids": [each["event_uid"] for each in mine]}


@dataclass(slots=True)
class _Tally:
    """Counts while chunk after chunk is looked at."""

    now: datetime
    looked_at: int = 0
    is_whole: bool = True
    findings: int = 0
    by_day: Counter[date] = field(default_factory=Counter)
    titles: dict[str, str] = field(default_factory=dict)
    findings_by_rule: Counter[str] = field(default_factory=Counter)
    matches_by_rule: Counter[str] = field(default_factory=Counter)
    samples: list[SampleFinding] = field(default_factory=list)

    @property
    def since(self) -> datetime:
        """The first moment that counts."""
        return self.now - timedelta(days=DAYS)

    def add(self, rows: Sequence[Row], hidden: Sequence[Row], matches: Sequence[Row]) -> None:
        """Count what is hidden of some findings."""
        whole = {row["uid"]: row for row in rows}
        times: dict[str, list[datetime]] = {}
        for match in matches:
            times.setdefault(match["finding_uid"], []).append(match["event_time"])
        for row in hidden:
            count, rule = row["match_count"], row["rule_uid"]
            self.findings += 1
            self.findings_by_rule[rule] += 1
            self.matches_by_rule[rule] += count
            self.titles.setdefault(rule, row["rule_title"])
            mine = times.get(row["uid"], [])
            # What has no matches of its own happened when it was last seen.
            mine += [row["last_time"]] * (count - len(mine))
            self.by_day.update(moment.date() for moment in mine)
            self.samples.append(_sample(row, whole[row["original_uid"]]))
        self.samples = sorted(self.samples, key=lambda each: each.last_time)[-MOST_SAMPLES:]

    def result(self) -> Preview:
        """Return the counts."""
        today = self.now.astimezone(UTC).date()
        days = [today - timedelta(days=back) for back in range(DAYS, -1, -1)]
        rules = [
            RuleShare(uid, self.titles[uid], self.findings_by_rule[uid], matches)
            for uid, matches in self.matches_by_rule.most_common()
        ]
        return Preview(
            days=DAYS,
            findings=self.findings,
            matches=self.matches_by_rule.total(),
            looked_at=self.looked_at,
            by_day=tuple((day, self.by_day[day]) for day in days),
            by_rule=tuple(rules),
            samples=tuple(reversed(self.samples)),
            is_whole=self.is_whole,
        )


def _sample(row: Row, whole: Row) -> SampleFinding:
    return SampleFinding(
        uid=row["original_uid"],
        title=row["title"],
        severity_id=row["severity_id"],
        entity=row["entity"]["name"] or row["entity"]["uid"],
        last_time=row["last_time"],
        hidden=row["match_count"],
        matches=whole["match_count"],
    )
