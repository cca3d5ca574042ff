"""Disable a KMS key: nothing that it encrypts can be read until it is enabled again."""

from tocsin.act.aws_calls import NoArguments, ask, mapping, order, read, text
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_KEY = "arn:aws:kms:{region}:{account}:key/{name}"


class AwsDisableKmsKey:
    """`DisableKey`; undone by `EnableKey`. Deletion is never scheduled."""

    facts = ActionFacts(
        title="Disable an encryption key",
        provider="aws",
        targets=frozenset({"kms_key"}),
        category="reversible",
        level=3,
        needs=(
            read("kms:DescribeKey", _KEY),
            Need("kms:DisableKey", _KEY),
            Need("kms:EnableKey", _KEY),
        ),
        source="https://docs.aws.amazon.com/kms/latest/APIReference/API_DisableKey.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the key's state and who manages it."""
        answer = ask(target, caller, "kms", "describe_key", KeyId=target.name)
        found = mapping(answer, "KeyMetadata")
        return {"state": text(found, "KeyState"), "manager": text(found, "KeyManager")}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that disables the key, unless it is disabled.

        Raises:
            ActionError: the key belongs to AWS, or waits to be deleted.
        """
        if state["state"] == "Disabled":
            return NOTHING
        if state["manager"] == "AWS" or state["state"] != "Enabled":
            raise ActionError(f"key {target.name} cannot be disabled: {state['state']}")
        warning = "what needs the key fails: disks that are attached anew, backups, databases"
        return _set(target, "disable_key", ("enabled", "disabled"), (warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that enables the key, where it was enabled."""
        if now["state"] == before["state"]:
            return NOTHING
        return _set(target, "enable_key", ("disabled", "enabled"), ())


def _set(target: Target, operation: str, words: tuple[str, str], warnings: tuple[str, ...]) -> Plan:
    call = order(target, "kms", operation, KeyId=target.name)
    return Plan((call,), (Change(f"key {target.name}", *words),), warnings)
