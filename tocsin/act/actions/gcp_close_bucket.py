"""Close a bucket to everybody whom nobody knows, whatever its policies and lists say."""

from dataclasses import dataclass

from tocsin.act import gcp_objects as objects
from tocsin.act.http_calls import segment
from tocsin.act.switches import switch
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import Json, State

_WARNINGS = (
    "web sites and downloads that it serves to everybody stop",
    "what was public may have been copied already",
)


@dataclass(frozen=True, slots=True)
class CloseBucketArguments:
    """Takes no arguments."""


class GcpCloseBucket:
    """Enforces `publicAccessPrevention`; undone by what it was."""

    facts = ActionFacts(
        title="Close a bucket to the public",
        provider="gcp",
        targets=frozenset({"bucket"}),
        category="reversible",
        level=2,
        needs=(
            Need("storage.buckets.get", is_reading=True),
            Need("storage.buckets.update"),
        ),
        volatile=frozenset({"metageneration"}),
        source="https://cloud.google.com/storage/docs/public-access-prevention",
    )

    def __init__(self, arguments: CloseBucketArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether public access is prevented."""
        found = objects.read(caller, "storage", _path(target))
        prevention = objects.part(found, "iamConfiguration").get("publicAccessPrevention")
        return {
            "prevention": prevention or "inherited",
            "metageneration": str(found.get("metageneration")),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that prevents public access, unless it is prevented."""
        return _set(target, state, "enforced", _WARNINGS)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that leaves it to what the bucket inherits."""
        return _set(target, now, before["prevention"])


def _path(target: Target) -> str:
    return f"/storage/v1/b/{segment(target.name)}"


def _set(target: Target, now: State, wanted: Json, warnings: tuple[str, ...] = ()) -> Plan:
    def call() -> Call:
        body: dict[str, Json] = {"iamConfiguration": {"publicAccessPrevention": wanted}}
        query: dict[str, Json] = {"ifMetagenerationMatch": now["metageneration"]}
        given: dict[str, Json] = {"path": _path(target), "query": query, "body": body}
        return Call("storage", "PATCH", given, volatile=frozenset({"query"}))

    what = f"public access prevention of {target.name}"
    return switch("prevention", now, wanted, call, what, warnings=warnings)
