"""A role that another account may take on without any condition is a door kept open from outside.

The accounts of `organization.accounts` in the settings are one's own.
"""

import json

from tocsin_rules import organization

DOCUMENTS = {"CreateRole": "assumeRolePolicyDocument", "UpdateAssumeRolePolicy": "policyDocument"}


def rule(event):
    if event.get("eventName") not in DOCUMENTS or event.get("errorCode"):
        return False
    return bool(_outsiders(event))


def title(event):
    role = (event.get("requestParameters") or {}).get("roleName")
    return f"The role {role} trusts {', '.join(_outsiders(event))} without a condition"


def severity(event):
    return "CRITICAL" if "*" in _outsiders(event) else "HIGH"


def dedup(event):
    role = (event.get("requestParameters") or {}).get("roleName")
    return f"{event.get('recipientAccountId')} {role}"


def alert_context(event):
    return {"outsiders": _outsiders(event)}


def _outsiders(event):
    """Return the principals of other accounts that may assume the role unconditionally."""
    key = DOCUMENTS[event["eventName"]]
    own = {str(event.get("recipientAccountId")), *organization.accounts}
    found = set()
    for statement in _statements((event.get("requestParameters") or {}).get(key)):
        if statement.get("Effect") == "Allow" and not statement.get("Condition"):
            found.update(name for name in _principals(statement) if not _is_one_of(own, name))
    return sorted(found)


def _is_one_of(accounts, name):
    return any(account in name for account in accounts)


def _statements(text):
    try:
        statements = json.loads(text or "{}").get("Statement") or []
    except (ValueError, AttributeError, TypeError):
        return []
    statements = statements if isinstance(statements, list) else [statements]
    return [statement for statement in statements if isinstance(statement, dict)]


def _principals(statement):
    principal = statement.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    return [str(name) for name in (named if isinstance(named, list) else [named]) if name]
