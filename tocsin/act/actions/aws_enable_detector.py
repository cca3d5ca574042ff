"""Enable a detector of GuardDuty again that somebody has suspended."""

from tocsin.act.aws_calls import NoArguments, ask, order, read, text, texts
from tocsin.errors import TargetGoneError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_DETECTOR = "arn:aws:guardduty:{region}:{account}:detector/{uid}"


class AwsEnableDetector:
    """`UpdateDetector` with `Enable`; it restores what was switched off: nothing takes it back."""

    facts = ActionFacts(
        title="Enable a threat detector again",
        provider="aws",
        targets=frozenset({"detector"}),
        category="compensable",
        level=2,
        needs=(
            read("guardduty:ListDetectors", "arn:aws:guardduty:{region}:{account}:detector/*"),
            read("guardduty:GetDetector", _DETECTOR),
            Need("guardduty:UpdateDetector", _DETECTOR),
        ),
        has_undo=False,
        restores_safety=True,
        source="https://docs.aws.amazon.com/guardduty/latest/APIReference/API_UpdateDetector.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the detector works; an account has at most one in a region."""
        listed = ask(target, caller, "guardduty", "list_detectors")
        if target.uid not in texts(listed, "DetectorIds"):
            raise TargetGoneError(f"detector {target.uid} is no more")
        answer = ask(target, caller, "guardduty", "get_detector", DetectorId=target.uid)
        return {"status": text(answer, "Status")}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that enables it, unless it works."""
        if state["status"] == "ENABLED":
            return NOTHING
        given = {"DetectorId": target.uid, "Enable": True}
        call = order(target, "guardduty", "update_detector", **given)
        return Plan((call,), (Change(f"detector {target.uid}", "suspended", "enabled"),))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return no calls: it is not suspended again."""
        return NOTHING
