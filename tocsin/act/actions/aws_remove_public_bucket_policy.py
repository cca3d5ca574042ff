"""Take out of a bucket's policy what gives everybody access; all its other statements stay."""

from tocsin.act.aws_calls import (
    NoArguments,
    ask_if_there,
    document,
    order,
    part,
    read,
    statements,
    text,
    texts,
    written,
)
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_BUCKET = "arn:aws:s3:::{name}"


class AwsRemovePublicBucketPolicy:
    """`PutBucketPolicy` without the statements, or `DeleteBucketPolicy`; undone by the policy."""

    facts = ActionFacts(
        title="Remove public statements from a bucket's policy",
        provider="aws",
        targets=frozenset({"bucket"}),
        category="reversible",
        level=2,
        needs=(
            read("s3:GetBucketPolicy", _BUCKET),
            Need("s3:PutBucketPolicy", _BUCKET),
            Need("s3:DeleteBucketPolicy", _BUCKET),
        ),
        source="https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the bucket's policy, `None` where it has none."""
        asked = {"Bucket": target.name}
        found = ask_if_there(
            target, caller, "NoSuchBucketPolicy", "s3", "get_bucket_policy", **asked
        )
        return {"policy": None if found is None else document(found.get("Policy"))}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that leaves the other statements, unless none is public."""
        if state["policy"] is None:
            return NOTHING
        was = document(state["policy"])
        public = [each for each in statements(was) if _is_public(each)]
        kept = [each for each in statements(was) if not _is_public(each)]
        if not public:
            return NOTHING
        call = order(target, "s3", "delete_bucket_policy", Bucket=target.name)
        if kept:
            policy = written({**was, "Statement": kept})
            call = order(target, "s3", "put_bucket_policy", Bucket=target.name, Policy=policy)
        changes = tuple(Change(f"policy of bucket {target.name}", _words(e), "no") for e in public)
        warning = "whoever reads it without signing in, such as visitors of a site, is refused"
        return Plan((call,), changes, (warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that writes the policy that was."""
        if now["policy"] == before["policy"] or before["policy"] is None:
            return NOTHING
        policy = written(document(before["policy"]))
        call = order(target, "s3", "put_bucket_policy", Bucket=target.name, Policy=policy)
        change = Change(f"policy of bucket {target.name}", "without public statements", "as it was")
        return Plan((call,), (change,))


def _is_public(statement: State) -> bool:
    """Say whether it allows everybody; one with a condition may be narrower and is left alone."""
    if statement.get("Effect") != "Allow" or statement.get("Condition"):
        return False
    everybody = texts(statement, "Principal") + texts(statement, "Principal", "AWS")
    return "*" in everybody


def _words(statement: State) -> str:
    actions = ", ".join(texts(statement, "Action")) or "all but some actions"
    name = text(statement, "Sid") if part(statement, "Sid") else "a statement"
    return f"{name} allows everybody {actions}"
