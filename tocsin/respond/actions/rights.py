"""The least that an action on AWS needs, as an IAM policy: for a role, or for one session."""

import json
import re
from collections.abc import Mapping
from itertools import groupby
from typing import TypeAlias

from tocsin.respond.actions.facts import ActionFacts, Need
from tocsin.respond.actions.words import Json, Target

Policy: TypeAlias = "dict[str, Json]"

LONGEST = 2_048
"""Characters that AWS takes as the policy of a session."""

_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))
_PLAIN = re.compile(r"[\w+=,.@:/-]*")
"""Names may hold these; `*`, `?` and `$` would make a policy wider than its target."""

_ARN_PARTS = 6
_Grouping: TypeAlias = tuple[str, tuple[str, str, str]]


def policy_of(facts: ActionFacts, target: Target) -> Policy:
    """Return the policy document that lets an action be planned, done and undone on one target.

    Resources are as exact as the provider allows; rights for other types of targets are left out.

    Raises:
        ValueError: the action is not one on AWS, or the target's name cannot be one there.
    """
    if facts.provider != "aws":
        raise ValueError(f"{facts.title}: not an action on AWS")
    needs = [need for need in facts.needs if _concerns(need, facts, target)]
    ordered = sorted(needs, key=_grouping)
    merged = [
        (key, sorted({e.permission for e in each})) for key, each in groupby(ordered, _grouping)
    ]
    # What may be done under the same conditions on several resources is one statement.
    statements: dict[tuple[tuple[str, ...], tuple[str, str, str]], list[str]] = {}
    for (resource, condition), permissions in merged:
        statements.setdefault((tuple(permissions), condition), []).append(resource)
    return {
        "Version": "2012-10-17",
        "Statement": [
            _statement(permissions, [_named(each, target) for each in resources], condition)
            for (permissions, condition), resources in statements.items()
        ],
    }


def written_policy(policy: Mapping[str, Json]) -> str:
    """Return a policy as short as it can be written, for a session.

    Raises:
        ValueError: it is longer than AWS takes.
    """
    text = json.dumps(policy, separators=(",", ":"))
    if len(text) > LONGEST:
        raise ValueError(f"the policy of the session is longer than {LONGEST} characters")
    return text


def _grouping(need: Need) -> _Grouping:
    return need.resource, need.condition or ("", "", "")


def _concerns(need: Need, facts: ActionFacts, target: Target) -> bool:
    """Say whether a right is about this type of target; one about another type is not needed."""
    parts = need.resource.split(":", _ARN_PARTS - 1)
    kind = re.split("[:/]", parts[-1])[0] if len(parts) == _ARN_PARTS else ""
    return kind not in facts.targets or kind == target.type


def _statement(
    permissions: tuple[str, ...], resources: list[str], condition: tuple[str, str, str]
) -> Policy:
    statement: Policy = {
        "Effect": "Allow",
        "Action": list(permissions),
        "Resource": resources,
    }
    if any(condition):
        operator, key, value = condition
        statement["Condition"] = {operator: {key: value}}
    return statement


def _named(resource: str, target: Target) -> str:
    partition = next(
        (name for start, name in _PARTITIONS if target.region.startswith(start)), "aws"
    )
    values = {
        "account": target.account,
        "region": target.region,
        "name": target.name,
        "uid": target.uid,
    }
    for key, value in values.items():
        if not _PLAIN.fullmatch(value):
            raise ValueError(f"{value!r} is no name of AWS")
        resource = resource.replace(f"{{{key}}}", value or "*")
    return resource.replace("arn:aws:", f"arn:{partition}:", 1)
