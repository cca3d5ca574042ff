"""Calls and answers of AWS: what all actions on it write and read in the same way."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from tocsin.errors import ActionError, TargetGoneError
from tocsin.respond.actions import Call, Caller, Made, Need, Purpose, Target
from tocsin.respond.actions.words import Json, State, rows

REQUEST_TAG = "tocsin:request"
"""Tag of what an action makes; its value is the uid of the action request."""

INCIDENT_TAG = "tocsin:incident"
"""Tag of what an action makes; its value is the uid of the incident."""

_GLOBAL = ("iam", "organizations")
_PAGES = (
    ("NextToken", "NextToken"),
    ("nextToken", "nextToken"),
    ("Marker", "Marker"),
    ("NextMarker", "Marker"),
)
_MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class NoArguments:
    """Takes no arguments."""


def order(
    target: Target,
    service: str,
    operation: str,
    volatile: Sequence[str] = (),
    /,
    **given: object,
) -> Call:
    """Return a call in the target's region; parameters are boto3's."""
    return _call(target, service, operation, given, frozenset(volatile))


def _call(
    target: Target,
    service: str,
    operation: str,
    given: Mapping[str, object],
    volatile: frozenset[str] = frozenset(),
) -> Call:
    region = "" if service in _GLOBAL else target.region
    return Call(service, operation, cast("Mapping[str, Json | Made]", given), region, volatile)


def ask(
    target: Target, caller: Caller, service: str, operation: str, **parameters: object
) -> State:
    """Return the answer to a question.

    Raises:
        TargetGoneError: there is no such thing.
        ActionError: there is no answer.
    """
    return caller.call(_call(target, service, operation, parameters))


def ask_if_there(
    target: Target, caller: Caller, absent: str, service: str, operation: str, **given: object
) -> State | None:
    """Return the answer to a question, `None` where it is the error `absent`.

    S3 and IAM say so where the target is there and only this setting of it is not.
    """
    try:
        return ask(target, caller, service, operation, **given)
    except TargetGoneError as error:
        if f" {absent}:" in str(error):
            return None
        raise


def ask_all(
    target: Target, caller: Caller, key: str, service: str, operation: str, **given: object
) -> tuple[State, ...]:
    """Return the objects of a list of the answer, of all pages.

    Raises:
        ActionError: it does not end; acting on a part of it would be wrong.
    """
    found: list[State] = []
    page: dict[str, object] = {}
    for _ in range(_MOST_PAGES):
        answer = ask(target, caller, service, operation, **given, **page)
        found += rows(answer.get(key))
        page = {asked: answer[said] for said, asked in _PAGES if answer.get(said)}
        if not page:
            return tuple(found)
    raise ActionError(f"{service}.{operation}: the list does not end")


def only(found: Sequence[State], target: Target) -> State:
    """Return the first object of a list.

    Raises:
        TargetGoneError: there is none.
    """
    if not found:
        raise TargetGoneError(f"{target.type} {target.uid} is no more")
    return found[0]


def part(value: Json, *path: str) -> Json:
    """Return what lies at a path of keys, `None` where nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def text(value: Json, *path: str) -> str:
    """Return the text or number at a path as text, "" where there is none."""
    found = part(value, *path)
    return "" if found is None or isinstance(found, Mapping) else str(found)


def number(value: Json, *path: str) -> int:
    """Return the whole number at a path, 0 where there is none."""
    found = part(value, *path)
    return int(found) if isinstance(found, int | float) else 0


def texts(value: Json, *path: str) -> tuple[str, ...]:
    """Return the texts of a list at a path in its order; of one text, that text."""
    found = part(value, *path)
    if isinstance(found, str):
        return (found,)
    if not isinstance(found, Sequence):
        return ()
    return tuple(each for each in found if isinstance(each, str))


def mapping(value: Json, *path: str) -> State:
    """Return the object at a path, an empty one where there is none."""
    found = part(value, *path)
    return found if isinstance(found, Mapping) else {}


def document(value: Json) -> State:
    """Return a policy document, however the answer holds it.

    Raises:
        ActionError: it is none.
    """
    found: Json = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError:
            raise ActionError("a policy document cannot be read") from None
    if not isinstance(found, Mapping):
        raise ActionError("a policy document cannot be read")
    return found


def statements(policy: State) -> tuple[State, ...]:
    """Return the statements of a policy document, which may hold one without a list."""
    found = policy.get("Statement")
    return (found,) if isinstance(found, Mapping) else rows(found)


def written(policy: State) -> str:
    """Return a policy document as a call wants it, the same text each time."""
    return json.dumps(policy, separators=(",", ":"), sort_keys=True)


def marks(purpose: Purpose, resource_type: str) -> list[dict[str, object]]:
    """Return `TagSpecifications` of EC2 for what is made."""
    tags = [
        {"Key": REQUEST_TAG, "Value": purpose.request_uid},
        {"Key": INCIDENT_TAG, "Value": purpose.incident_uid},
    ]
    return [{"ResourceType": resource_type, "Tags": tags}]


def made_by(purpose: Purpose) -> list[dict[str, object]]:
    """Return `Filters` of EC2 that find what was made for this request."""
    return [{"Name": f"tag:{REQUEST_TAG}", "Values": [purpose.request_uid]}]


def read(permission: str, resource: str = "*") -> Need:
    """Return a right that `read_state` needs."""
    return Need(permission, resource, is_reading=True)
