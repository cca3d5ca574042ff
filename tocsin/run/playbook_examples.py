"""Run the examples of playbooks: findings of one incident, and exactly the requests they lead to.

Findings are made as in production: records of a source are normalized by its mapping, and the rule
that the example names judges them. Of rules over several events, and of Python rules, the finding
is made of what the rule reads in the records.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from tocsin import detect, incidents, normalize
from tocsin.errors import Location, Problem, TocsinError
from tocsin.ocsf import Entity, RawBatch, concat, from_rows, identifiers, schemas
from tocsin.ocsf.yaml_text import YamlValue
from tocsin.respond import Playbook
from tocsin.respond.guardrails import Limits
from tocsin.respond.playbooks import Example
from tocsin.respond.ports import KnownResource
from tocsin.respond.proposing import Surroundings, propose
from tocsin.run.proposing import TrustLabels, cases_of
from tocsin.run.wiring import LoadedRules, RuleChoice, load_mappings, load_rules, log_sources

_KEYS = ("rule", "source", "events", "known", "count")
_MOMENT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_ANY_AGE = timedelta(days=36_500)
_JUDGED = "Sigma"


@dataclass(frozen=True, slots=True)
class ExampleOutcome:
    """What became of one example.

    Attributes:
        problem: how its requests differ from those that are expected; "" where they do not.
    """

    playbook_uid: str
    name: str
    location: Location
    problem: str

    @property
    def is_passed(self) -> bool:
        """Whether it gave exactly the requests that it names."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class KnownThings:
    """An inventory of what an example says is known, by uid and name."""

    things: Mapping[str, KnownResource] = field(default_factory=dict)

    def resource_at(self, entity: Entity, time: datetime) -> KnownResource | None:
        """Return the thing of that name."""
        return self.things.get(entity.uid) or self.things.get(entity.name)

    def count(self, type: str, account: str) -> int:
        """Return how many there are."""
        return len({thing.uid for thing in self.things.values()})


class ExampleRunner:
    """Runs examples with the rules and mappings that ship.

    Attributes:
        rules: by uid.
    """

    def __init__(self) -> None:
        """Load rules and mappings; mappings are compiled when an example first needs one."""
        self._mappings = load_mappings()
        self._loaded: LoadedRules = load_rules(RuleChoice())
        self.rules = {rule.uid: rule for rule in self._loaded.rules}
        self._sources = log_sources()

    def run(self, playbook: Playbook) -> Iterator[ExampleOutcome]:
        """Yield the outcome of each example, in the order of the file."""
        for example in playbook.examples:
            location = Location(playbook.location, example.line)
            try:
                problem = self._problem(playbook, example)
            except (TocsinError, _UnfitError) as error:
                problem = str(error)
            yield ExampleOutcome(playbook.uid, example.name, location, problem)

    def _problem(self, playbook: Playbook, example: Example) -> str:
        rules, findings, events, known = self._found(example)
        grouped = incidents.group((), findings, _MOMENT, gap=timedelta(days=1), threshold=1)
        around = Surroundings(TrustLabels(self._mappings), known, Limits())
        cases = cases_of(grouped.changed, [findings], events, rules)
        proposed = propose([replace(playbook, mode="propose")], cases, around, (), _MOMENT)
        if proposed.stops:
            return f"it would be stopped: {proposed.stops[0].reason}"
        said = tuple(each.kind for each in proposed.tellings)
        if said != example.tells:
            told = ", ".join(said) or "nothing"
            return f"it tells {told}, and not {', '.join(example.tells) or 'nothing'}"
        given = sorted(
            (one.action, one.target.uid, one.target.name, one.state == "proposed", one.reason)
            for one in proposed.requests
        )
        wanted = sorted((one.action, one.target, one.is_certain) for one in example.requests)
        left = list(wanted)
        for action, uid, name, is_certain, reason in given:
            ways = [(action, uid, is_certain), (action, name, is_certain)]
            mine = next((way for way in ways if way in left), None)
            if mine is None:
                words = "" if is_certain else f", which is not certain ({reason})"
                return f"it also asks for {action} on {uid}{words}"
            left.remove(mine)
        return f"it does not ask for {left[0][0]} on {left[0][1]}" if left else ""

    def _found(
        self, example: Example
    ) -> tuple[detect.RuleSet, pa.Table, list[pa.Table], KnownThings]:
        named = [str(entry.get("rule", "")) for entry in example.findings]
        chosen: dict[str, detect.Rule] = {}
        for uid in named:
            self._choose(uid, chosen)
        rules = detect.RuleSet.build(tuple(chosen.values()), self._sources, _ANY_AGE)
        tables, events = [], []
        things: dict[str, KnownResource] = {}
        for number, entry in enumerate(example.findings):
            _check(entry)
            table, happened = self._finding(entry, rules, number)
            tables.append(table)
            events.append(happened)
            things |= _known(entry.get("known", []))
        return rules, concat(tables, schemas.FINDINGS), events, KnownThings(things)

    def _finding(
        self, entry: Mapping[str, YamlValue], rules: detect.RuleSet, number: int
    ) -> tuple[pa.Table, pa.Table]:
        uid = str(entry.get("rule", ""))
        source = str(entry.get("source") or self._source_of(uid, rules))
        mapping = self._mappings[source]
        normalized = normalize.apply(mapping, _batch(mapping, entry["events"], number))
        if normalized.rejects.num_rows:
            reason = normalized.rejects.column("reason")[0].as_py()
            raise _UnfitError(f"a record of the example is rejected: {reason}")
        if not uid:
            return normalized.findings, normalized.events
        rule = self.rules[uid]
        if rule.kind != _JUDGED or rule.correlation is not None:
            return _made(rule, normalized.events, rules), normalized.events
        detected = detect.evaluate(
            rules, normalized.events, detect.Windows(), _MOMENT, _no_python
        ).findings
        is_mine = [each == uid for each in detected.column("rule_uid").to_pylist()]
        mine = detected.filter(pa.array(is_mine, pa.bool_()))
        if not mine.num_rows:
            raise _UnfitError(f"the rule {rule.title!r} does not match the records of the example")
        return mine, normalized.events

    def _rule(self, uid: str) -> detect.Rule:
        if uid not in self.rules:
            raise _UnfitError(f"there is no rule {uid!r}; see `tocsin rules list`")
        return self.rules[uid]

    def _choose(self, uid: str, chosen: dict[str, detect.Rule]) -> None:
        """Take a rule with all that it counts."""
        if not uid or uid in chosen:
            return
        rule = chosen[uid] = self._rule(uid)
        for each in rule.correlation.references if rule.correlation else ():
            self._choose(each, chosen)

    def _source_of(self, uid: str, rules: detect.RuleSet) -> str:
        rule = self._rule(uid)
        counted = rule.correlation.references if rule.correlation else (uid,)
        found = sorted(
            source
            for source, bound in rules.by_source.items()
            if any(each.rule.uid in counted for each in bound)
        )
        for each in counted if rule.correlation and not found else ():
            return self._source_of(each, rules)
        if not found:
            raise _UnfitError(f"say the `source` of the records for the rule {uid!r}")
        return found[0]


class _UnfitError(Exception):
    """An example that cannot be run."""


def _no_python(
    rules: Mapping[str, str], records: Sequence[str], mocks: Sequence[str] = ()
) -> Sequence[detect.Verdict]:
    """Refuse: findings of Python rules are made by `_made`."""
    raise _UnfitError("Python rules are not run by examples of playbooks")


def _check(entry: Mapping[str, YamlValue]) -> None:
    unknown = sorted(entry.keys() - set(_KEYS))
    if unknown:
        raise _UnfitError(f"{unknown[0]!r} is not known in a finding; possible: {', '.join(_KEYS)}")
    if not isinstance(entry.get("events"), list) or not entry["events"]:
        raise _UnfitError("`events` must list the records that the finding rests on")


def _batch(mapping: normalize.Mapping, records: YamlValue, number: int) -> RawBatch:
    written = (
        [each for each in records if isinstance(each, dict)] if isinstance(records, list) else []
    )
    rows = [
        {
            "raw": msgspec.json.encode(normalize.overlay(mapping.example, record)),
            "origin": f"example-{number}",
            "position": place,
            "received_time": _MOMENT.replace(tzinfo=None),
        }
        for place, record in enumerate(written)
    ]
    return RawBatch(
        source=mapping.source,
        feed="example",
        records=from_rows(rows, schemas.RAW),
        cursor=None,
        receipt=None,
        rejects=schemas.REJECTS.empty_table(),
    )


def _known(value: YamlValue) -> dict[str, KnownResource]:
    found: dict[str, KnownResource] = {}
    for each in value if isinstance(value, list) else []:
        if isinstance(each, dict):
            thing = KnownResource(
                uid=str(each.get("uid", "")),
                type=str(each.get("type", "")),
                name=str(each.get("name", "")),
                account=str(each.get("account", "")),
                region="",
                observed_time=_MOMENT,
            )
            found |= {thing.uid: thing, thing.name: thing}
    return found


def _made(rule: detect.Rule, events: pa.Table, rules: detect.RuleSet) -> pa.Table:
    """Return the finding that a rule over several events makes of these."""
    uids = events.column("event_uid").to_pylist()
    testimony = rules.testimonies([events], uids, lambda _: events.slice(0, 0))
    told = [each for each in (testimony(rule.uid, uid) for uid in uids) if each is not None]
    named = list(dict.fromkeys(entity for each in told for entity, _ in each.named()))
    if not named:
        raise _UnfitError(f"the records name nobody for the rule {rule.title!r}")
    moment = _MOMENT.replace(tzinfo=None)
    accounts = [str(uid) for uid in _accounts(told)]
    row = {
        "uid": identifiers.derive("fnd", rule.uid, *uids),
        "class_uid": 2004,
        "rule_uid": rule.uid,
        "rule_title": rule.title,
        "rule_type": rule.kind,
        "source": told[0].source,
        "severity_id": rule.severity_id,
        "is_alert": True,
        "title": rule.title,
        "description": rule.description,
        "dedup_key": named[0].uid,
        "period_start": moment,
        "first_time": moment,
        "last_time": moment,
        "match_count": len(uids),
        "entity": _shown(named[0]),
        "links": [_shown(each) for each in named[1:]],
        "account": accounts[0] if accounts else None,
        "tactics": list(rule.tactics),
        "techniques": list(rule.techniques),
        "event_uids": uids,
        "context": "{}",
    }
    return from_rows([row], schemas.FINDINGS)


def _accounts(told: list[Any]) -> Iterator[object]:
    for each in told:
        cloud = each.event.get("cloud")
        if isinstance(cloud, Mapping) and isinstance(cloud.get("account"), Mapping):
            yield cloud["account"].get("uid")


def _shown(entity: Entity) -> dict[str, str]:
    return {"type": entity.type, "uid": entity.uid, "name": entity.name}


def as_problem(outcome: ExampleOutcome) -> Problem:
    """Return a failed example as one line with its place."""
    return Problem(outcome.location, f"{outcome.name}: {outcome.problem}")
