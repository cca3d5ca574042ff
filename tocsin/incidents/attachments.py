"""What people attach to an incident: tags, tasks, references, and the mark *reportable*."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Literal
from urllib.parse import urlsplit

from tocsin.errors import UsageError
from tocsin.incidents.incident import Incident, Reference, Report, Task

ReportStep = Literal["needed", "sent", "not needed"]
"""`needed` sets the mark and starts its clock, `sent` stops it, `not needed` takes the mark off."""

MOST_TAGS, MOST_TASKS, MOST_REFERENCES = 50, 200, 100
LONGEST_TEXT, LONGEST_ADDRESS = 500, 2000
_TAG = re.compile(r"[\w.:/-]{1,50}")
_INCIDENT = re.compile(r"inc_[0-9a-f]{32}")


def tagged(incident: Incident, add: Iterable[str], remove: Iterable[str]) -> Incident:
    """Return the incident with tags added and removed.

    Raises:
        UsageError: a tag has other characters than letters, digits and `_.:/-`, or there are too
            many.
    """
    gone = {tag.strip().lower() for tag in remove}
    tags = sorted({*incident.tags, *(_tag(tag) for tag in add)} - gone)
    if len(tags) > MOST_TAGS:
        raise UsageError(f"an incident has at most {MOST_TAGS} tags")
    return replace(incident, tags=tuple(tags))


def with_task(incident: Incident, text: str, owner: str | None) -> Incident:
    """Return the incident with one more task.

    Raises:
        UsageError: the text is empty or too long, or there are too many tasks.
    """
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise UsageError(f"a task has a text of 1 to {LONGEST_TEXT} characters")
    if len(incident.tasks) >= MOST_TASKS:
        raise UsageError(f"an incident has at most {MOST_TASKS} tasks")
    number = max((task.number for task in incident.tasks), default=0) + 1
    task = Task(number, text.strip(), (owner or "").strip())
    return replace(incident, tasks=(*incident.tasks, task))


def with_changed_task(
    incident: Incident, number: int, owner: str | None, is_done: bool | None
) -> Incident:
    """Return the incident with one task given to somebody, done, or open again.

    Raises:
        UsageError: there is no such task, or nothing to change.
    """
    if owner is None and is_done is None:
        raise UsageError(f"task {number}: say who has it, or whether it is done")
    if number not in {task.number for task in incident.tasks}:
        raise UsageError(f"incident {incident.uid} has no task {number}")
    tasks = (
        replace(
            task,
            owner=task.owner if owner is None else owner.strip(),
            is_done=task.is_done if is_done is None else is_done,
        )
        if task.number == number
        else task
        for task in incident.tasks
    )
    return replace(incident, tasks=tuple(tasks))


def referring(incident: Incident, add: str, note: str, remove: str) -> Incident:
    """Return the incident with a reference added or removed.

    Raises:
        UsageError: it is neither an incident's uid nor an https address, names the incident
            itself, is not there, or there are too many.
    """
    kept = tuple(each for each in incident.references if each.target != remove)
    if remove and len(kept) == len(incident.references):
        raise UsageError(f"incident {incident.uid} does not refer to {remove}")
    if not add:
        return replace(incident, references=kept)
    target = _target(add.strip())
    if target == incident.uid:
        raise UsageError("an incident does not refer to itself")
    others = tuple(each for each in kept if each.target != target)
    if len(others) >= MOST_REFERENCES:
        raise UsageError(f"an incident has at most {MOST_REFERENCES} references")
    return replace(incident, references=(*others, Reference(target, note.strip()[:LONGEST_TEXT])))


def reported(incident: Incident, step: ReportStep, reason: str, now: datetime) -> Incident:
    """Return the incident with the mark set, its clock stopped, or the mark taken off.

    Raises:
        UsageError: the step does not fit, or has no reason where one is needed.
    """
    marked = incident.report
    if step == "needed":
        if marked is not None:
            raise UsageError(f"incident {incident.uid} is marked as reportable already")
        return replace(incident, report=Report(now, _reason(reason, step)))
    if marked is None:
        raise UsageError(f"incident {incident.uid} is not marked as reportable")
    if step == "sent":
        if marked.sent is not None:
            raise UsageError(f"incident {incident.uid} is reported already")
        return replace(incident, report=replace(marked, sent=now))
    if step == "not needed":
        _reason(reason, step)
        return replace(incident, report=None)
    raise UsageError(f"{step!r} is no step of reporting; possible: needed, sent, not needed")


def attached_to_all(eldest: Incident, others: Iterable[Incident]) -> Incident:
    """Return the eldest with what is attached to the others too, so that no work is lost."""
    family = (eldest, *others)
    tasks = chain.from_iterable(one.tasks for one in family[1:])
    highest = max((task.number for task in eldest.tasks), default=0)
    moved = (replace(task, number=number) for number, task in enumerate(tasks, highest + 1))
    references = {each.target: each for one in reversed(family) for each in one.references}
    uids = {one.uid for one in family}
    reports = [one.report for one in family if one.report]
    return replace(
        eldest,
        tags=tuple(sorted({tag for one in family for tag in one.tags})),
        tasks=(*eldest.tasks, *moved),
        references=tuple(each for each in references.values() if each.target not in uids),
        report=min(reports, key=lambda one: one.since) if reports else None,
    )


def _tag(text: str) -> str:
    tag = text.strip().lower()
    if not _TAG.fullmatch(tag):
        raise UsageError(
            f"{text!r} is no tag: 1 to 50 letters, digits and '_.:/-', such as phishing"
        )
    return tag


def _target(text: str) -> str:
    if _INCIDENT.fullmatch(text):
        return text
    is_clean = len(text) <= LONGEST_ADDRESS and all("!" <= each <= "~" for each in text)
    try:
        address = urlsplit(text)
        is_plain = address.username is None and bool(address.hostname)
    except ValueError:
        is_plain = False
    if not is_clean or not is_plain or address.scheme != "https":
        raise UsageError("give the uid of an incident, or an https address without a password")
    return text


def _reason(text: str, step: str) -> str:
    if not text.strip():
        raise UsageError(f"reporting is {step}: give a reason")
    return text.strip()
