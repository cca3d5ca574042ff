"""Take the public address from a database of RDS."""

from tocsin.act.aws_calls import NoArguments, ask_all, only, order, read
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_DATABASE = "arn:aws:rds:{region}:{account}:db:{name}"


class AwsCloseDatabase:
    """`ModifyDBInstance` with `PubliclyAccessible` off, at once; undone by what it was."""

    facts = ActionFacts(
        title="Take the public address from a database",
        provider="aws",
        targets=frozenset({"database"}),
        category="reversible",
        level=2,
        needs=(
            read("rds:DescribeDBInstances", _DATABASE),
            Need("rds:ModifyDBInstance", _DATABASE),
        ),
        source="https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the database has a public address."""
        asked = {"DBInstanceIdentifier": target.name}
        found = ask_all(target, caller, "DBInstances", "rds", "describe_db_instances", **asked)
        return {"is_public": only(found, target).get("PubliclyAccessible") is True}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that closes it, unless it is closed."""
        if not state["is_public"]:
            return NOTHING
        warning = "whoever comes in over the internet is cut; its name leads to a private address"
        return _set(target, is_public=False, warnings=(warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that opens it again, where it was open."""
        if now["is_public"] == before["is_public"]:
            return NOTHING
        return _set(target, is_public=before["is_public"] is True, warnings=())


def _set(target: Target, *, is_public: bool, warnings: tuple[str, ...]) -> Plan:
    # Without `ApplyImmediately` it would wait for the maintenance window; only what is given here
    # is applied then, and changes that somebody else left waiting: AWS says so.
    given = {"PubliclyAccessible": is_public, "ApplyImmediately": True}
    call = order(target, "rds", "modify_db_instance", DBInstanceIdentifier=target.name, **given)
    words = ("public", "private") if not is_public else ("private", "public")
    waiting = "changes of the database that wait for its maintenance window are applied as well"
    return Plan(
        (call,), (Change(f"address of database {target.name}", *words),), (*warnings, waiting)
    )
