"""Let a Lambda function run no more, without deleting anything."""

from tocsin.act.aws_calls import NoArguments, ask, order, part, read
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State

_FUNCTION = "arn:aws:lambda:{region}:{account}:function:{name}"


class AwsThrottleFunction:
    """`PutFunctionConcurrency` with 0; undone by the number that was, or by deleting it."""

    facts = ActionFacts(
        title="Stop a function from running",
        provider="aws",
        targets=frozenset({"function"}),
        category="reversible",
        level=3,
        needs=(
            read("lambda:GetFunctionConcurrency", _FUNCTION),
            Need("lambda:PutFunctionConcurrency", _FUNCTION),
            Need("lambda:DeleteFunctionConcurrency", _FUNCTION),
        ),
        source="https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return how many may run at once, `None` where nothing is reserved."""
        asked = {"FunctionName": target.name}
        answer = ask(target, caller, "lambda", "get_function_concurrency", **asked)
        return {"concurrency": part(answer, "ReservedConcurrentExecutions")}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that sets 0, unless it is 0."""
        if state["concurrency"] == 0:
            return NOTHING
        warnings = (
            "callers get errors; events that wait are lost when they get too old",
            "what runs now runs to its end",
        )
        return _set(target, state["concurrency"], 0, warnings)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that sets what was."""
        if now["concurrency"] == before["concurrency"]:
            return NOTHING
        return _set(target, now["concurrency"], before["concurrency"], ())


def _set(target: Target, before: Json, after: Json, warnings: tuple[str, ...]) -> Plan:
    words = ["not limited" if each is None else str(each) for each in (before, after)]
    change = Change(f"function {target.name}, running at once", *words)
    name = {"FunctionName": target.name}
    if after is None:
        return Plan((order(target, "lambda", "delete_function_concurrency", **name),), (change,))
    given = {**name, "ReservedConcurrentExecutions": after}
    call = order(target, "lambda", "put_function_concurrency", **given)
    return Plan((call,), (change,), warnings)
