"""A policy of one's own that allows everything is an administrator policy under another name."""

import json

DOCUMENTS = {
    "CreatePolicy": "policyDocument",
    "CreatePolicyVersion": "policyDocument",
    "PutGroupPolicy": "policyDocument",
    "PutRolePolicy": "policyDocument",
    "PutUserPolicy": "policyDocument",
    "GetFederationToken": "policy",
}
EVERYTHING = ("*", "iam:*")


def rule(event):
    if event.get("eventName") not in DOCUMENTS or event.get("errorCode"):
        return False
    key = DOCUMENTS[event["eventName"]]
    text = (event.get("requestParameters") or {}).get(key)
    return any(_grants_everything(statement) for statement in _statements(text))


def title(event):
    return f"{event.get('eventName')} grants everything"


def _grants_everything(statement):
    return (
        statement.get("Effect") == "Allow"
        and not statement.get("Condition")
        and any(action in EVERYTHING for action in _list(statement.get("Action")))
        and "*" in _list(statement.get("Resource"))
    )


def _statements(text):
    try:
        statements = json.loads(text or "{}").get("Statement")
    except (ValueError, AttributeError, TypeError):
        return []
    return [statement for statement in _list(statements) if isinstance(statement, dict)]


def _list(value):
    return value if isinstance(value, list) else [value]
