"""Switch on S3's Block Public Access for a bucket: nobody outside reads it by policy or list."""

from tocsin.act.aws_calls import NoArguments, ask_if_there, mapping, order, read
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_BUCKET = "arn:aws:s3:::{name}"
_ABSENT = "NoSuchPublicAccessBlockConfiguration"
_SWITCHES = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


class AwsBlockPublicBucket:
    """`PutPublicAccessBlock` with all four switches; undone by those that were set."""

    facts = ActionFacts(
        title="Block public access to a bucket",
        provider="aws",
        targets=frozenset({"bucket"}),
        category="reversible",
        level=2,
        needs=(
            read("s3:GetBucketPublicAccessBlock", _BUCKET),
            Need("s3:PutBucketPublicAccessBlock", _BUCKET),
        ),
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the four switches, `None` where none was ever set."""
        asked = {"Bucket": target.name}
        operation = "get_public_access_block"
        answer = ask_if_there(target, caller, _ABSENT, "s3", operation, **asked)
        if answer is None:
            return {"switches": None}
        found = mapping(answer, "PublicAccessBlockConfiguration")
        return {"switches": {name: found.get(name) is True for name in _SWITCHES}}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that sets all switches, unless they are set."""
        wished: State = dict.fromkeys(_SWITCHES, True)
        if state["switches"] == wished:
            return NOTHING
        warning = "whoever reads it without signing in, such as visitors of a site, is refused"
        return _put(target, state, wished, (warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that sets the switches as they were, or removes them."""
        if now["switches"] == before["switches"]:
            return NOTHING
        if before["switches"] is None:
            call = order(target, "s3", "delete_public_access_block", Bucket=target.name)
            return Plan((call,), (_change(target, now, before),))
        return _put(target, now, mapping(before, "switches"), ())


def _put(target: Target, now: State, wished: State, warnings: tuple[str, ...]) -> Plan:
    given = {"Bucket": target.name, "PublicAccessBlockConfiguration": dict(wished)}
    call = order(target, "s3", "put_public_access_block", **given)
    return Plan((call,), (_change(target, now, {"switches": wished}),), warnings)


def _change(target: Target, before: State, after: State) -> Change:
    return Change(f"public access block of bucket {target.name}", _words(before), _words(after))


def _words(state: State) -> str:
    switches = mapping(state, "switches")
    return ", ".join(name for name in _SWITCHES if switches.get(name)) or "none"
