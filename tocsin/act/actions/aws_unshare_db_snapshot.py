"""Share a database snapshot no more with everybody, or with accounts that are named."""

from collections.abc import Sequence

from tocsin.act import aws_sharing
from tocsin.act.aws_calls import ask, mapping, order, read, text, texts
from tocsin.act.aws_sharing import SharingArguments
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State, rows

_SNAPSHOT = "arn:aws:rds:{region}:{account}:snapshot:{name}"
_ATTRIBUTE = "restore"


class AwsUnshareDbSnapshot:
    """`ModifyDBSnapshotAttribute`; undone by sharing it with the same again."""

    facts = ActionFacts(
        title="Unshare a database snapshot",
        provider="aws",
        targets=frozenset({"database_snapshot"}),
        category="reversible",
        level=2,
        needs=(
            read("rds:DescribeDBSnapshotAttributes", _SNAPSHOT),
            Need("rds:ModifyDBSnapshotAttribute", _SNAPSHOT),
        ),
        source="https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSnapshotAttribute.html",
    )

    def __init__(self, arguments: SharingArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return with whom it is shared, as far as the arguments name them."""
        asked = {"DBSnapshotIdentifier": target.name}
        answer = ask(target, caller, "rds", "describe_db_snapshot_attributes", **asked)
        result = mapping(answer, "DBSnapshotAttributesResult")
        names = [
            name
            for each in rows(result.get("DBSnapshotAttributes"))
            if text(each, "AttributeName") == _ATTRIBUTE
            for name in texts(each, "AttributeValues")
        ]
        return aws_sharing.shared(names, self._arguments)

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that takes them out, unless it is shared with none of them."""
        return aws_sharing.unshare(target, state, _modify)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that shares it again."""
        return aws_sharing.share(target, before, now, _modify)


def _modify(target: Target, operation: str, names: Sequence[str]) -> Call:
    given = {f"ValuesTo{operation.capitalize()}": list(names), "AttributeName": _ATTRIBUTE}
    snapshot = {"DBSnapshotIdentifier": target.name}
    return order(target, "rds", "modify_db_snapshot_attribute", **snapshot, **given)
