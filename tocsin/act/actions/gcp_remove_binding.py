"""Take one member out of the policy of a project, bucket, service account or Cloud Run service."""

from dataclasses import dataclass

from tocsin.act import gcp_objects as objects
from tocsin.act import gcp_policies as policies
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows


@dataclass(frozen=True, slots=True)
class RemoveBindingArguments:
    """Who loses which rights.

    Attributes:
        member: such as `allUsers` or `user:mallory@example.com`.
        role: such as `roles/owner`; otherwise every role that the member has there.
    """

    member: str
    role: str = ""


class GcpRemoveBinding:
    """`setIamPolicy` with the etag that was read; undone by the same role and condition."""

    facts = ActionFacts(
        title="Remove a member from a policy",
        provider="gcp",
        targets=frozenset({"project", "bucket", "service_account", "run_service"}),
        category="reversible",
        level=3,
        needs=tuple(
            Need(f"{kind}.{verb}IamPolicy", is_reading=verb == "get")
            for kind in (
                "resourcemanager.projects",
                "storage.buckets",
                "iam.serviceAccounts",
                "run.services",
            )
            for verb in ("get", "set")
        ),
        volatile=frozenset({"policy"}),
        source="https://cloud.google.com/iam/docs/reference/rest/v1/Policy",
    )

    def __init__(self, arguments: RemoveBindingArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the roles of the member, each with its condition, and the whole policy."""
        policy = caller.call(policies.reading(target))
        given: list[Json] = [
            {"role": each["role"], "condition": each.get("condition")}
            for each in rows(policy.get("bindings"))
            if self._arguments.member in objects.texts(each.get("members"))
            and self._arguments.role in ("", each["role"])
        ]
        return {"bindings": given, "policy": policy}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that writes the policy without the member."""
        taken = rows(state["bindings"])
        if not taken:
            return NOTHING
        member = self._arguments.member
        bindings: list[Json] = []
        for each in rows(objects.part(state, "policy").get("bindings")):
            members = objects.texts(each.get("members"))
            if _is_among(each, taken):
                members = [one for one in members if one != member]
            if members:
                bindings.append({**each, "members": members})
        names = ", ".join(str(each["role"]) for each in taken)
        call = policies.writing(target, state, bindings, f"remove {member} from {names}")
        said = ("rights that folders or the organization give stay",)
        return Plan((call,), (Change(f"{member} in {target.name}", names, "none"),), said)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that writes the policy with the member."""
        having = rows(now["bindings"])
        lacking = [each for each in rows(before["bindings"]) if not _is_among(each, having)]
        if not lacking:
            return NOTHING
        member = self._arguments.member
        bindings: list[Json] = []
        for each in rows(objects.part(now, "policy").get("bindings")):
            members = objects.texts(each.get("members"))
            if _is_among(each, tuple(lacking)):
                lacking = [one for one in lacking if not _is_among(each, (one,))]
                members.append(member)
            bindings.append({**each, "members": members})
        names = ", ".join(str(each["role"]) for each in rows(before["bindings"]))
        for each in lacking:
            condition: dict[str, Json] = (
                {"condition": each["condition"]} if each["condition"] else {}
            )
            bindings.append({"role": each["role"], "members": [member], **condition})
        call = policies.writing(target, now, bindings, f"add {member} to {names}")
        return Plan((call,), (Change(f"{member} in {target.name}", "none", names),))


def _is_among(binding: State, among: tuple[State, ...]) -> bool:
    return any(
        (each["role"], each.get("condition")) == (binding["role"], binding.get("condition"))
        for each in among
    )
