"""A long-lived key that opens shells on one instance after the other moves through the network."""

SHELLS = {"StartSession", "SendSSHPublicKey"}


def rule(event):
    identity = event.get("userIdentity") or {}
    return (
        event.get("eventName") in SHELLS
        and not event.get("errorCode")
        and str(identity.get("accessKeyId")).startswith("AKIA")
    )



def alert_context(event):
    parameters = event.get("requestParameters") or {}
    return {"instance": parameters.get("target") or parameters.get("instanceId")}
