"""Start a trail of CloudTrail again that somebody has stopped."""

from tocsin.act.aws_calls import NoArguments, ask, order, read
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_TRAIL = "arn:aws:cloudtrail:{region}:{account}:trail/{name}"


class AwsStartLogging:
    """`StartLogging`; it restores what was switched off, so nothing takes it back."""

    facts = ActionFacts(
        title="Start logging again",
        provider="aws",
        targets=frozenset({"trail"}),
        category="compensable",
        level=2,
        needs=(
            read("cloudtrail:GetTrailStatus", _TRAIL),
            Need("cloudtrail:StartLogging", _TRAIL),
        ),
        has_undo=False,
        restores_safety=True,
        source="https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the trail logs."""
        answer = ask(target, caller, "cloudtrail", "get_trail_status", Name=target.name)
        return {"is_logging": answer.get("IsLogging") is True}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that starts it, unless it logs."""
        if state["is_logging"]:
            return NOTHING
        call = order(target, "cloudtrail", "start_logging", Name=target.name)
        warning = "what happened while it was stopped is in no file of this trail"
        change = Change(f"trail {target.name}", "stopped", "logging")
        return Plan((call,), (change,), (warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return no calls: logging is not stopped again."""
        return NOTHING
