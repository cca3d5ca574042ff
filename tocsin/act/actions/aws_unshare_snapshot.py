"""Share an EBS snapshot no more with everybody, or with accounts that are named."""

from collections.abc import Sequence

from tocsin.act import aws_sharing
from tocsin.act.aws_calls import ask, order, read, text
from tocsin.act.aws_sharing import EVERYBODY, SharingArguments
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State, rows

_SNAPSHOT = "arn:aws:ec2:{region}::snapshot/{uid}"
_ATTRIBUTE = "createVolumePermission"


class AwsUnshareSnapshot:
    """`ModifySnapshotAttribute`; undone by sharing it with the same again."""

    facts = ActionFacts(
        title="Unshare a disk snapshot",
        provider="aws",
        targets=frozenset({"snapshot"}),
        category="reversible",
        level=2,
        needs=(
            read("ec2:DescribeSnapshotAttribute"),
            Need("ec2:ModifySnapshotAttribute", _SNAPSHOT),
        ),
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html",
    )

    def __init__(self, arguments: SharingArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return with whom it is shared, as far as the arguments name them."""
        asked = {"SnapshotId": target.uid, "Attribute": _ATTRIBUTE}
        answer = ask(target, caller, "ec2", "describe_snapshot_attribute", **asked)
        found = rows(answer.get("CreateVolumePermissions"))
        names = [text(each, "Group") or text(each, "UserId") for each in found]
        return aws_sharing.shared(names, self._arguments)

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that takes them out, unless it is shared with none of them."""
        return aws_sharing.unshare(target, state, _modify)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that shares it again."""
        return aws_sharing.share(target, before, now, _modify)


def _modify(target: Target, operation: str, names: Sequence[str]) -> Call:
    given: dict[str, object] = {"Attribute": _ATTRIBUTE, "OperationType": operation}
    accounts = [name for name in names if name != EVERYBODY]
    if accounts:
        given["UserIds"] = accounts
    if EVERYBODY in names:
        given["GroupNames"] = [EVERYBODY]
    return order(target, "ec2", "modify_snapshot_attribute", SnapshotId=target.uid, **given)
