"""A resource policy for any principal publishes the bucket, queue, topic, key, image or secret."""

import json

# What writes a policy begins with one of these; reading, the most of all calls, does not.
WRITING = ("Put", "Set", "Create", "Update", "Add", "Modify")
POLICY_KEYS = ("bucketPolicy", "policy", "Policy", "resourcePolicy", "policyText", "attributeValue")


def rule(event):
    if not str(event.get("eventName")).startswith(WRITING) or event.get("errorCode"):
        return False
    return any(_is_open(statement) for policy in _policies(event) for statement in policy)


def title(event):
    service = str(event.get("eventSource")).split(".")[0]
    return f"A resource of {service} is opened to everyone"


def dedup(event):
    parameters = event.get("requestParameters") or {}
    name = next((str(parameters[k]) for k in sorted(parameters) if k not in POLICY_KEYS), "")
    return f"{event.get('recipientAccountId')} {event.get('eventSource')} {name}"


def _is_open(statement):
    principal = statement.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    return (
        statement.get("Effect") == "Allow" and not statement.get("Condition") and "*" in _list(named)
    )


def _policies(event):
    parameters = event.get("requestParameters") or {}
    places = [parameters, parameters.get("attributes") or {}]
    for place in places:
        for key in POLICY_KEYS:
            yield _statements(place.get(key) if isinstance(place, dict) else None)


def _statements(policy):
    try:
        policy = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError:
        return []
    found = policy.get("Statement") if isinstance(policy, dict) else None
    return [statement for statement in _list(found) if isinstance(statement, dict)]


def _list(value):
    return value if isinstance(value, list) else [value]
