"""The rights that an action needs, as its provider reads them."""

from collections.abc import Mapping

from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Target
from tocsin.respond.actions.rights import policy_of, written_policy
from tocsin.respond.actions.roles import role_of


def role_for(facts: ActionFacts, account: str = "") -> Mapping[str, object]:
    """Return the policy or role for all uses of an action in an account.

    Args:
        facts: of the action.
        account: narrows it; "" leaves any.
    """
    kind = sorted(facts.targets)[0]
    if facts.provider == "aws":
        return policy_of(facts, Target(kind, "", "", "aws", account))
    return role_of(facts, Target(kind, "", "", facts.provider, account))


def session_rights(facts: ActionFacts, target: Target) -> str:
    """Return what a session for one target may do; "" for all that its role may.

    Raises:
        ActionError: the target's name cannot stand in a policy without widening it.
    """
    if facts.provider != "aws":
        return ""
    try:
        return written_policy(policy_of(facts, target))
    except ValueError as error:
        raise ActionError(str(error)) from error
