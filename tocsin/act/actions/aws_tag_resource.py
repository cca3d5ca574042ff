"""Write a tag on a resource, so that people and policies see that something is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.act.aws_calls import ask, ask_all, only, order, read, text
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State, rows

_INSTANCE = "arn:aws:ec2:{region}:{account}:instance/{uid}"
_FUNCTION = "arn:aws:lambda:{region}:{account}:function:{name}"
_USER = "arn:aws:iam::{account}:user/*"
_ROLE = "arn:aws:iam::{account}:role/*"


@dataclass(frozen=True, slots=True)
class TagArguments:
    """What is written.

    Attributes:
        key: of the tag.
        value: of the tag; otherwise the incident's uid.
    """

    key: str = "tocsin:risk"
    value: str = ""


class AwsTagResource:
    """Tags an instance, function, user or role; undone by the value that was, or by removing it."""

    facts = ActionFacts(
        title="Tag a resource",
        provider="aws",
        targets=frozenset({"function", "instance", "role", "user"}),
        category="reversible",
        level=2,
        needs=(
            read("ec2:DescribeInstances"),
            Need("ec2:CreateTags", _INSTANCE),
            Need("ec2:DeleteTags", _INSTANCE),
            read("lambda:ListTags", _FUNCTION),
            Need("lambda:TagResource", _FUNCTION),
            Need("lambda:UntagResource", _FUNCTION),
            read("iam:ListUserTags", _USER),
            Need("iam:TagUser", _USER),
            Need("iam:UntagUser", _USER),
            read("iam:ListRoleTags", _ROLE),
            Need("iam:TagRole", _ROLE),
            Need("iam:UntagRole", _ROLE),
        ),
        source="https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html",
    )

    def __init__(self, arguments: TagArguments) -> None:
        self._key = arguments.key
        self._wished = arguments.value

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the value of the tag, `None` where the resource does not have it."""
        return {"value": _tags(target, caller).get(self._key)}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that writes the tag, unless it is written."""
        wished = self._wished or purpose.incident_uid
        if state["value"] == wished:
            return NOTHING
        warning = "policies that look at tags may give or take rights by it"
        return Plan((self._write(target, wished),), (self._change(state, wished),), (warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that writes the value that was, or removes the tag."""
        if now["value"] == before["value"]:
            return NOTHING
        value = before["value"]
        call = self._write(target, value) if isinstance(value, str) else self._remove(target)
        return Plan((call,), (self._change(now, value if isinstance(value, str) else "none"),))

    def _write(self, target: Target, value: str) -> Call:
        tags = [{"Key": self._key, "Value": value}]
        if target.type == "instance":
            return order(target, "ec2", "create_tags", Resources=[target.uid], Tags=tags)
        if target.type == "function":
            given = {"Resource": _arn(target), "Tags": {self._key: value}}
            return order(target, "lambda", "tag_resource", **given)
        return order(target, "iam", f"tag_{target.type}", **_named(target), Tags=tags)

    def _remove(self, target: Target) -> Call:
        if target.type == "instance":
            tags = [{"Key": self._key}]
            return order(target, "ec2", "delete_tags", Resources=[target.uid], Tags=tags)
        keys = {"TagKeys": [self._key]}
        if target.type == "function":
            return order(target, "lambda", "untag_resource", Resource=_arn(target), **keys)
        return order(target, "iam", f"untag_{target.type}", **_named(target), **keys)

    def _change(self, state: State, after: str) -> Change:
        value = state["value"]
        return Change(f"tag {self._key}", "none" if value is None else str(value), after)


def _tags(target: Target, caller: Caller) -> Mapping[str, str]:
    if target.type == "function":
        answer = ask(target, caller, "lambda", "list_tags", Resource=_arn(target))
        tags = answer.get("Tags")
        return {key: str(tags[key]) for key in tags} if isinstance(tags, Mapping) else {}
    if target.type == "instance":
        asked = {"InstanceIds": [target.uid]}
        found = ask_all(target, caller, "Reservations", "ec2", "describe_instances", **asked)
        listed = rows(only(rows(only(found, target).get("Instances")), target).get("Tags"))
    else:
        operation = f"list_{target.type}_tags"
        listed = ask_all(target, caller, "Tags", "iam", operation, **_named(target))
    return {text(each, "Key"): text(each, "Value") for each in listed}


def _arn(target: Target) -> str:
    if target.uid.startswith("arn:"):
        return target.uid
    return f"arn:aws:lambda:{target.region}:{target.account}:function:{target.name}"


def _named(target: Target) -> dict[str, object]:
    return {f"{target.type.capitalize()}Name": target.name}
