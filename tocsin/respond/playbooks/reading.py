"""Read a playbook file: every mistake is one line with its place and what would be right."""

import re
from collections.abc import Mapping
from datetime import timedelta

import msgspec
import yaml

from tocsin.conditions import Condition
from tocsin.detect import RuleSet
from tocsin.errors import ContentError
from tocsin.ocsf.yaml_text import Path, YamlValue
from tocsin.respond.actions import ActionFacts
from tocsin.respond.playbooks import trigger as triggers
from tocsin.respond.playbooks.document import Written, meant
from tocsin.respond.playbooks.playbook import (
    ENTITY,
    LINKS,
    Caps,
    Catalog,
    Example,
    Expected,
    Playbook,
    Step,
    TargetChoice,
)
from tocsin.respond.playbooks.tell import KINDS, TellStep, tell_step
from tocsin.respond.requests import Mode, OnFailure

_KEYS = (
    *("id", "title", "description", "trigger", "steps", "mode", "approval", "expiry"),
    *("cooldown", "limits", "examples"),
)
_STEP_KEYS = ("action", "target", "with", "on_failure", "expiry")
_MODES: tuple[Mode, ...] = ("observe", "propose", "approve", "automatic")
_ON_FAILURE: tuple[OnFailure, ...] = ("stop", "continue")
_UID = re.compile(r"[a-z0-9][a-z0-9-]{1,60}")
_LONGEST = timedelta(days=30)
_OWN_RULES = "tocsin.response"


def parse_playbook(text: str, file: str, catalog: Catalog) -> Playbook:
    """Read one playbook file.

    Args:
        text: its content.
        file: its name, for messages.
        catalog: the actions that there are.

    Raises:
        PlaybookError: with the line, what was found and what would be right.
    """
    written = Written(text, file)
    found = written.mapping(written.value, (), _KEYS)
    uid = written.text(found, "id", ())
    if not _UID.fullmatch(uid):
        raise written.error("'id' is small letters, digits and -, such as leaked-key", ("id",))
    limits: Path = ("limits",)
    caps = written.mapping(found.get("limits", {}), limits, ("per_ten_minutes", "per_incident"))
    steps, tells = _steps(written, found, catalog)
    return Playbook(
        uid=uid,
        title=written.text(found, "title", ()),
        description=written.text(found, "description", ()),
        trigger=_trigger(written, found.get("trigger"), text),
        steps=steps,
        tells=tells,
        mode=written.word(found.get("mode", "observe"), ("mode",), _MODES),
        approvals=written.number(found.get("approval", 1), ("approval",), 2),
        cooldown=written.duration(found.get("cooldown", "1h"), ("cooldown",)),
        caps=Caps(
            written.number(caps.get("per_ten_minutes", 5), (*limits, "per_ten_minutes"), 100),
            written.number(caps.get("per_incident", 5), (*limits, "per_incident"), 20),
        ),
        examples=_examples(written, found.get("examples", [])),
        location=file,
    )


def _trigger(written: Written, value: YamlValue, text: str) -> Condition:
    place: Path = ("trigger",)
    if not isinstance(value, dict | list) or not value:
        example = "`finding.severity_id|gte: 4`"
        raise written.error(
            f"'trigger' must say which findings it is for, such as {example}", place
        )
    block, before = _block(text, written.line(place), value)
    try:
        condition = RuleSet.read_condition(block)
    except ContentError as error:
        line = before + error.location.line if before else written.line(place)
        raise written.error_at(f"trigger: {error.message}", line) from error
    for problem in triggers.wrong_paths(condition):
        raise written.error(f"trigger: {problem}", place)
    if _OWN_RULES in block:
        message = "trigger: findings about responding lead to no response: that would be a circle"
        raise written.error(message, place)
    return condition


def _block(text: str, line: int, value: YamlValue) -> tuple[str, int]:
    """Return the trigger's own YAML and how many lines stand before it, 0 where it is in a line."""
    lines = text.splitlines()
    if lines[line - 1].partition("#")[0].rstrip() != "trigger:":
        return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)), 0
    block = []
    for each in lines[line:]:
        if each and not each[0].isspace() and each[0] not in "#-":
            break
        block.append(each)
    depth = min((len(each) - len(each.lstrip()) for each in block if each.strip()), default=0)
    return "\n".join(each[depth:] if each.strip() else "" for each in block) + "\n", line


def _steps(
    written: Written, found: Mapping[str, YamlValue], catalog: Catalog
) -> tuple[tuple[Step, ...], tuple[TellStep, ...]]:
    lasts = _expiry(written, found.get("expiry"), ("expiry",))
    value = found.get("steps")
    if not isinstance(value, list) or not value:
        raise written.error("'steps' must be a list with at least one step", ("steps",))
    steps: list[Step] = []
    tells: list[TellStep] = []
    known: dict[tuple[object, ...], int] = {}
    same: tuple[object, ...]
    for number, element in enumerate(value):
        if isinstance(element, dict) and "tell" in element:
            tell = tell_step(written, element, ("steps", number))
            tells.append(tell)
            same = (tell.kind, tell.words)
        else:
            step = _step(written, element, number, catalog, lasts)
            steps.append(step)
            same = (step.action, step.arguments, step.target)
        if same in known:
            first = written.line(("steps", known[same]))
            message = f"this step stands here twice, first in line {first}; take one of them out"
            raise written.error(message, ("steps", number))
        known[same] = number
    return tuple(steps), tuple(tells)


def _step(
    written: Written,
    element: YamlValue,
    number: int,
    catalog: Catalog,
    lasts: "timedelta | str | None",
) -> Step:
    place: Path = ("steps", number)
    found = written.mapping(element, place, _STEP_KEYS)
    action = written.text(found, "action", place)
    if action not in catalog.names():
        remedy = meant(action, catalog.names()) if catalog.names() else ""
        raise written.error(f"there is no action {action!r}{remedy}", (*place, "action"))
    arguments = found.get("with", {})
    if not isinstance(arguments, dict):
        raise written.error("'with' must be a mapping", (*place, "with"))
    problem = catalog.problem(action, arguments)
    if problem:
        raise written.error("; ".join(problem.splitlines()), (*place, "with"))
    facts = catalog.facts(action)
    own = _expiry(written, found["expiry"], (*place, "expiry")) if "expiry" in found else lasts
    return Step(
        number=number,
        action=action,
        facts=facts,
        target=_target(written, found.get("target", {}), (*place, "target"), facts),
        arguments=msgspec.json.encode(arguments, order="deterministic").decode(),
        on_failure=written.word(
            found.get("on_failure", "stop"), (*place, "on_failure"), _ON_FAILURE
        ),
        lasts=_lasts(written, own, facts, place),
    )


def _expiry(written: Written, value: YamlValue, path: Path) -> "timedelta | str | None":
    """Return a length of time, `incident`, or nothing where the action itself decides."""
    if value is None or value == "incident":
        return value
    duration = written.duration(value, path)
    if duration > _LONGEST:
        raise written.error(
            "'expiry' is 30d at most; write incident for as long as it is open", path
        )
    return duration


def _lasts(
    written: Written, wanted: "timedelta | str | None", facts: ActionFacts, place: Path
) -> timedelta | None:
    if isinstance(wanted, timedelta):
        return wanted
    if wanted == "incident" and facts.lasts is not None:
        message = "a block reverts by itself; give 'expiry' a duration such as 4h"
        raise written.error(message, (*place, "expiry"))
    return None if wanted == "incident" else facts.lasts


def _target(written: Written, value: YamlValue, path: Path, facts: ActionFacts) -> TargetChoice:
    found = written.mapping(value, path, ("type", "from", "only"))
    types = facts.targets
    only = _patterns(written, found, path)
    if "type" in found:
        kind = written.text(found, "type", path)
        if kind not in types:
            remedy = meant(kind, sorted(types))
            raise written.error(
                f"the action has no targets of type {kind!r}{remedy}", (*path, "type")
            )
        types = frozenset({kind})
    if "from" not in found:
        return TargetChoice(types, only=only)
    places = found["from"]
    listed = places if isinstance(places, list) else [places]
    return TargetChoice(
        types,
        tuple(_place(written, each, (*path, "from", at)) for at, each in enumerate(listed)),
        only,
    )


def _patterns(written: Written, found: Mapping[str, YamlValue], path: Path) -> tuple[str, ...]:
    value = found.get("only", [])
    listed = value if isinstance(value, list) else [value]
    patterns = tuple(each for each in listed if isinstance(each, str) and each)
    if len(patterns) != len(listed):
        raise written.error("'only' is a pattern such as AKIA*, or a list of them", (*path, "only"))
    return patterns


def _place(written: Written, value: YamlValue, path: Path) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else [value]
    names = tuple(each for each in parts if isinstance(each, str) and each.strip() == each != "")
    if not names or len(names) != len(parts):
        remedy = f"a path of the event, {ENTITY} or {LINKS}, or a list of paths to be joined by /"
        raise written.error(f"a target comes from {remedy}", path)
    for name in names:
        if name.startswith("finding.") and (name not in (ENTITY, LINKS) or len(names) > 1):
            remedy = f"of a finding only {ENTITY} and {LINKS} can be targets, each alone"
            raise written.error(f"{name!r} is no target: {remedy}", path)
    return names


def _examples(written: Written, value: YamlValue) -> tuple[Example, ...]:
    place: Path = ("examples",)
    found = []
    for number, element in enumerate(written.rows(value, place)):
        path = (*place, number)
        example = written.mapping(element, path, ("name", "findings", "requests", "tells"))
        findings = written.rows(example.get("findings"), (*path, "findings"))
        requests = written.rows(example.get("requests"), (*path, "requests"))
        if not findings or not all(isinstance(each, dict) for each in findings):
            message = "'findings' must be a list of mappings, with one at least"
            raise written.error(message, (*path, "findings"))
        found.append(
            Example(
                name=written.text(example, "name", path),
                findings=tuple(each for each in findings if isinstance(each, dict)),
                requests=tuple(
                    _expected(written, each, (*path, "requests", at))
                    for at, each in enumerate(requests)
                ),
                line=written.line(path),
                tells=tuple(
                    written.word(each, (*path, "tells", at), KINDS)
                    for at, each in enumerate(
                        written.rows(example.get("tells", []), (*path, "tells"))
                    )
                ),
            )
        )
    return tuple(found)


def _expected(written: Written, value: YamlValue, path: Path) -> Expected:
    found = written.mapping(value, path, ("action", "target", "certain"))
    certain = found.get("certain", True)
    if not isinstance(certain, bool):
        raise written.error("'certain' must be true or false", (*path, "certain"))
    action, target = written.text(found, "action", path), written.text(found, "target", path)
    return Expected(action, target, certain)
