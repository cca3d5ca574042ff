"""Take the profile from an EC2 instance, so that it gets no new credentials of its role."""

from tocsin.act.aws_calls import NoArguments, ask_all, only, order, read, text
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_INSTANCE = "arn:aws:ec2:{region}:{account}:instance/{uid}"
_ON = ("associated", "associating")


class AwsCutRoleFromInstance:
    """`DisassociateIamInstanceProfile`; undone by associating the same profile."""

    facts = ActionFacts(
        title="Cut the role from an instance",
        provider="aws",
        targets=frozenset({"instance"}),
        category="reversible",
        level=2,
        needs=(
            read("ec2:DescribeInstances"),
            read("ec2:DescribeIamInstanceProfileAssociations"),
            Need("ec2:DisassociateIamInstanceProfile", _INSTANCE),
            Need("ec2:AssociateIamInstanceProfile", _INSTANCE),
            Need(
                "iam:PassRole",
                "arn:aws:iam::{account}:role/*",
                condition=("StringEquals", "iam:PassedToService", "ec2.amazonaws.com"),
            ),
        ),
        volatile=frozenset({"association"}),
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateIamInstanceProfile.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the profile that the instance has, "" where it has none."""
        asked = {"InstanceIds": [target.uid]}
        only(ask_all(target, caller, "Reservations", "ec2", "describe_instances", **asked), target)
        found = ask_all(
            target,
            caller,
            "IamInstanceProfileAssociations",
            "ec2",
            "describe_iam_instance_profile_associations",
            Filters=[{"Name": "instance-id", "Values": [target.uid]}],
        )
        for each in found:
            if each.get("State") in _ON:
                profile = text(each, "IamInstanceProfile", "Arn")
                return {"profile": profile, "association": text(each, "AssociationId")}
        return {"profile": "", "association": ""}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that takes the profile, unless there is none."""
        if not state["profile"]:
            return NOTHING
        association = {"AssociationId": text(state, "association")}
        call = order(target, "ec2", "disassociate_iam_instance_profile", **association)
        change = Change(f"profile of instance {target.uid}", text(state, "profile"), "none")
        warnings = (
            "credentials that it already holds stay valid for hours: revoke the role's sessions",
            "what runs on it and calls AWS fails",
        )
        return Plan((call,), (change,), warnings)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that gives the profile back."""
        if now["profile"] == before["profile"]:
            return NOTHING
        profile = text(before, "profile")
        given = {"InstanceId": target.uid, "IamInstanceProfile": {"Arn": profile}}
        change = Change(f"profile of instance {target.uid}", "none", profile)
        call = order(target, "ec2", "associate_iam_instance_profile", **given)
        return Plan((call,), (change,))
