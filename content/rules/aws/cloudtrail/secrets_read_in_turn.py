"""One secret after the other under a user's long-lived key: somebody is collecting them."""


def rule(event):
    identity = event.get("userIdentity") or {}
    return (
        event.get("eventName") == "GetSecretValue"
        and not event.get("errorCode")
        and str(identity.get("accessKeyId")).startswith("AKIA")
    )



def alert_context(event):
    return {"secret": (event.get("requestParameters") or {}).get("secretId")}
