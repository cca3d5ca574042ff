"""Run no task of an ECS service any more."""

from tocsin.act.aws_calls import NoArguments, ask, number, only, order, read, text
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State, rows

_SERVICE = "arn:aws:ecs:{region}:{account}:service/{name}"


class AwsScaleServiceToZero:
    """`UpdateService` with a desired count of 0; undone by the count that was."""

    facts = ActionFacts(
        title="Scale a service to zero",
        provider="aws",
        targets=frozenset({"service"}),
        category="reversible",
        level=3,
        needs=(
            read("ecs:DescribeServices", _SERVICE),
            Need("ecs:UpdateService", _SERVICE),
        ),
        evidence_first=True,
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return how many tasks are wished for."""
        cluster, service = _names(target)
        asked = {"cluster": cluster, "services": [service]}
        answer = ask(target, caller, "ecs", "describe_services", **asked)
        found = [each for each in rows(answer.get("services")) if each.get("status") == "ACTIVE"]
        return {
            "count": number(only(found, target), "desiredCount"),
            "scheduling": text(found[0], "schedulingStrategy"),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that wishes for no task, unless that is so.

        Raises:
            ActionError: the service runs on every host: it has no count.
        """
        if state["scheduling"] == "DAEMON":
            raise ActionError(f"{target.name} runs on every host of its cluster: it has no count")
        if state["count"] == 0:
            return NOTHING
        warnings = (
            "the service is down; its tasks are gone, with what is only in their memory",
            "where it scales by itself, set the least count there to 0, or it comes back",
        )
        return _set(target, state, 0, warnings)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that wishes for as many tasks as before."""
        if now["count"] == before["count"]:
            return NOTHING
        return _set(target, now, number(before, "count"), ())


def _set(target: Target, now: State, count: int, warnings: tuple[str, ...]) -> Plan:
    cluster, service = _names(target)
    call = order(
        target, "ecs", "update_service", cluster=cluster, service=service, desiredCount=count
    )
    change = Change(f"tasks of service {target.name}", text(now, "count"), str(count))
    return Plan((call,), (change,), warnings)


def _names(target: Target) -> tuple[str, str]:
    cluster, separator, service = target.name.partition("/")
    if not separator:
        raise ActionError(f"{target.name!r} is not written as cluster/service")
    return cluster, service
