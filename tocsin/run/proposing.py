"""Ask the playbooks about the incidents of a commit: what they need is gathered here."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from tocsin import detect
from tocsin.errors import ContentError
from tocsin.incidents import Incident
from tocsin.ocsf import concat, from_rows, identifiers, schemas
from tocsin.respond import Playbook
from tocsin.respond.guardrails import Limits, Protected
from tocsin.respond.playbooks.trigger import reads_incident
from tocsin.respond.proposing import OWN_RULES, Case, Proposed, Surroundings, propose
from tocsin.run.playbook_files import LoadedPlaybooks, load_playbooks
from tocsin.store.answers import KeptStop

if TYPE_CHECKING:
    from tocsin import normalize
    from tocsin.respond.ports import Testimony
    from tocsin.settings import Settings
    from tocsin.store import Store
    from tocsin.store.answers import Desk

OVERFLOW_RULE = f"{OWN_RULES}.overflow"
EVENTS_ASKED = 20
"""Events of one finding that are asked what they name, the newest."""

EARLIER_FINDINGS = 20
"""Findings of earlier turns that are asked again when their incident grows, the newest."""

_MOST_EARLIER = 200
_MOST_GROWING = 20

_HIGH = 4
_HOUR = timedelta(hours=1)

log = logging.getLogger("tocsin.respond")


@dataclass(frozen=True, slots=True)
class TrustLabels:
    """Who chose which field, by the mappings of the sources."""

    mappings: "Mapping[str, normalize.Mapping]" = field(repr=False)

    def label(self, source: str, path: str) -> str:
        """Return `provider`, `agent` or `attacker`; `ocsf.` stands before paths of OCSF."""
        try:
            mapping = self.mappings[source]
        except (KeyError, ContentError):
            return "attacker"
        if path.startswith("ocsf."):
            return mapping.event_trust.get(path.removeprefix("ocsf."), "attacker")
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            label = mapping.trust.get(".".join(parts[:length]))
            if label:
                return label
        return "attacker"


Fetch: TypeAlias = Callable[[Sequence[str]], pa.Table]
"""Gives the stored events with these uids, as far as there are any."""


class Proposing:
    """The playbooks in force and their limits; read when they are first asked for."""

    def __init__(self, settings: "Settings | None" = None) -> None:
        """Take the settings; without them there are no playbooks."""
        self._settings = settings
        self._reading = threading.Lock()
        self._read: LoadedPlaybooks | None = None

    def warm(self) -> None:
        """Read everything now, so that no turn waits for it; from any thread."""
        _ = self.loaded, self.limits

    @cached_property
    def loaded(self) -> LoadedPlaybooks:
        """The playbooks, and what is wrong with their files."""
        if self._settings is None:
            return LoadedPlaybooks()
        with self._reading:
            return self._read if self._read is not None else self._load(self._settings)

    def _load(self, settings: "Settings") -> LoadedPlaybooks:
        loaded = self._read = load_playbooks(settings)
        for problem in loaded.problems:
            log.warning("a playbook is refused", extra={"problem": str(problem)})
        return loaded

    @cached_property
    def limits(self) -> Limits:
        """What holds for all playbooks."""
        return Limits() if self._settings is None else limits_of(self._settings)

    def asked_by(
        self,
        rules: detect.RuleSet,
        mappings: "Mapping[str, normalize.Mapping]",
        fetch: Fetch | None = None,
    ) -> "Asking | None":
        """Return what a commit asks about the incidents that it changes; `None` without playbooks.

        Args:
            rules: those that made the findings.
            mappings: by source.
            fetch: of events of earlier turns; without it an incident that grows is judged by what
                is new.
        """
        if self._settings is None or not self.loaded.playbooks:
            return None
        labels = TrustLabels(mappings)
        return Asking(self.loaded.playbooks, self.limits, rules, labels, fetch)


@dataclass(frozen=True, slots=True)
class Asking:
    """Playbooks with all that does not change from commit to commit."""

    playbooks: tuple[Playbook, ...]
    limits: Limits
    rules: detect.RuleSet = field(repr=False)
    labels: TrustLabels = field(repr=False)
    fetch: Fetch | None = field(default=None, repr=False)

    def __call__(
        self,
        changed: tuple[Incident, ...],
        findings: Sequence[pa.Table],
        events: Sequence[pa.Table],
        desk: "Desk",
        now: datetime,
    ) -> Proposed:
        """Return what the playbooks ask; see `store.proposals.Propose`."""
        if self.fetch is not None and any(reads_incident(each.trigger) for each in self.playbooks):
            cases = self._grown(changed, findings, events, desk, self.fetch)
        else:
            cases = cases_of(changed, findings, events, self.rules)
        longest = max((each.cooldown for each in self.playbooks), default=_HOUR)
        uids = [each.uid for each in changed]
        around = Surroundings(self.labels, desk, self.limits, desk.stopped())
        if any(each.tells for each in self.playbooks):
            around = replace(around, told=desk.told(uids), lately=desk.lately(now))
        history = desk.history(uids, now, max(longest, _HOUR))
        return propose(self.playbooks, cases, around, history, now)

    def _grown(
        self,
        changed: Sequence[Incident],
        findings: Sequence[pa.Table],
        events: Sequence[pa.Table],
        desk: "Desk",
        fetch: Fetch,
    ) -> tuple[Case, ...]:
        """Return the cases with findings of earlier turns: only now may a trigger fit them."""
        riskiest = sorted(changed, key=lambda one: (-one.risk_score, one.uid))[:_MOST_GROWING]
        fresh = [uid for table in findings for uid in table.column("uid").to_pylist()]
        fresh_uids = set(fresh)
        earlier = [
            uid
            for incident in riskiest
            for uid in [each for each in incident.finding_uids if each not in fresh_uids][
                -EARLIER_FINDINGS:
            ]
        ]
        rows = desk.findings(earlier)
        wanted = [uid for row in rows for uid in row["event_uids"][-EVENTS_ASKED:]]
        kept = _not_among(dict.fromkeys(wanted), events)
        told = [*events, fetch(kept[:_MOST_EARLIER])] if kept else events
        stored = from_rows(
            ({name: row[name] for name in schemas.FINDINGS.names} for row in rows), schemas.FINDINGS
        )
        return cases_of(changed, [*findings, stored], told, self.rules)


def cases_of(
    changed: Sequence[Incident],
    findings: Sequence[pa.Table],
    events: Sequence[pa.Table],
    rules: detect.RuleSet,
) -> tuple[Case, ...]:
    """Return each incident with those of the findings that it has taken in, and their events."""
    rows = concat(findings, schemas.FINDINGS).to_pylist() if findings else []
    wanted = {uid for row in rows for uid in row["event_uids"][-EVENTS_ASKED:]}
    testimony = rules.testimonies(events, wanted, _nothing)
    by_uid: dict[str, dict[str, Any]] = {row["uid"]: row for row in rows}
    cases = []
    for incident in changed:
        mine = [by_uid[uid] for uid in incident.finding_uids if uid in by_uid]
        mine.sort(key=lambda row: (row["last_time"], row["uid"]), reverse=True)
        told = tuple((row, tuple(_testimonies(row, testimony))) for row in mine)
        cases.append(Case(incident, told))
    return tuple(cases)


def _not_among(uids: Iterable[str], events: Iterable[pa.Table]) -> list[str]:
    here: set[str] = set()
    for table in events:
        here.update(table.column("event_uid").to_pylist())
    return [uid for uid in uids if uid not in here]


def _testimonies(row: Mapping[str, Any], testimony: Any) -> "Iterator[Testimony]":
    for uid in row["event_uids"][-EVENTS_ASKED:]:
        found = testimony(row["rule_uid"], uid)
        if found is not None:
            yield found


def _nothing(uids: tuple[str, ...]) -> pa.Table:
    return schemas.EVENT_COLUMNS.empty_table()


def limits_of(settings: "Settings") -> Limits:
    """Return what the settings protect, and how much all playbooks together may ask for."""
    response, organization = settings.response, settings.organization
    # Only some kinds of accounts have a role of their own.
    roles = {str(getattr(each, "role_arn", None) or "") for each in response.accounts} - {""}
    protected = Protected(
        networks=(*response.protected.address_ranges, *organization.address_ranges),
        identities=frozenset({*response.protected.identities, *organization.break_glass, *roles}),
    )
    return Limits(
        protected=protected,
        per_account_hour=response.playbooks.per_account_hour,
        own_roles=frozenset(roles),
    )


class OverflowWatch:
    """Raises one finding for each playbook that was stopped, again until it is stored."""

    def __init__(self, store: "Store") -> None:
        """Watch the stops of a store."""
        self._store = store
        self._raised: set[str] = set()

    def findings(self, now: datetime) -> pa.Table:
        """Return a row of `ocsf.schemas.FINDINGS` for each stop that nobody was told of."""
        from tocsin.ocsf import EVERYTHING

        rows = []
        for stop in self._store.playbooks.stops():
            uid = identifiers.derive("fnd", OVERFLOW_RULE, stop.uid)
            if uid in self._raised:
                continue
            if self._store.findings.get(uid, EVERYTHING).num_rows:
                self._raised.add(uid)
                continue
            rows.append(_overflow(stop, uid))
        return from_rows(rows, schemas.FINDINGS)


def _overflow(stop: KeptStop, uid: str) -> dict[str, object]:
    moment = stop.time.astimezone(UTC).replace(tzinfo=None)
    return {
        "uid": uid,
        "class_uid": 2004,
        "rule_uid": OVERFLOW_RULE,
        "rule_title": "Possible abuse of response",
        "rule_type": "Tocsin",
        "source": "tocsin",
        "severity_id": _HIGH,
        "is_alert": True,
        "title": "Possible abuse of response",
        "description": (
            f"The playbook {stop.title!r} was stopped: {stop.reason}. Somebody may be writing logs"
            " so that Tocsin acts on others. Look at its requests; when all is well, let it go on"
            f" with `tocsin playbooks go-on {stop.playbook_uid}`."
        ),
        "dedup_key": stop.playbook_uid,
        "period_start": moment,
        "first_time": moment,
        "last_time": moment,
        "match_count": 1,
        "entity": {"type": "playbook", "uid": stop.playbook_uid, "name": stop.playbook_uid},
        "links": [],
        "account": None,
        "tactics": ["defense-evasion"],
        "techniques": [],
        "event_uids": [],
        "context": "{}",
    }
