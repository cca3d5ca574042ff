"""A user who decrypts many parameters at once collects passwords; programs ask for their own few."""

MANY = 8


def rule(event):
    parameters = event.get("requestParameters") or {}
    if event.get("errorCode") or not parameters.get("withDecryption"):
        return False
    if (event.get("userIdentity") or {}).get("type") != "IAMUser":
        return False
    if event.get("eventName") == "GetParameters":
        return len(parameters.get("names") or []) >= MANY
    return event.get("eventName") == "GetParametersByPath" and parameters.get("path") == "/"


def alert_context(event):
    parameters = event.get("requestParameters") or {}
    return {"names": parameters.get("names") or [parameters.get("path")]}
