"""A long-lived key that is refused again and again while it looks around is finding its limits."""

REFUSALS = ("AccessDenied", "UnauthorizedOperation")
LOOKING = ("Describe", "Get", "List")


def rule(event):
    identity = event.get("userIdentity") or {}
    return (
        str(identity.get("accessKeyId")).startswith("AKIA")
        and any(word in str(event.get("errorCode")) for word in REFUSALS)
        and str(event.get("eventName")).startswith(LOOKING)
    )



def alert_context(event):
    return {"refused": f"{event.get('eventSource')} {event.get('eventName')}"}
