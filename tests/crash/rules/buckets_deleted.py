"""One finding a user, once five buckets are deleted; windows must survive a crash."""


def rule(event):
    return event.get("eventName") == "DeleteBucket"


def dedup(event):
    return event["userIdentity"]["userName"]
