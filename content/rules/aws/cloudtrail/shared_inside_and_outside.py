"""A call that shares with an own account and one outside hides the second behind the first.

The accounts of `organization.accounts` in the settings are one's own; without any the rule is
silent. Calls that name only accounts outside are found by the rules on each kind of copy.
"""

from tocsin_rules import organization

# Written out in full: only a list of names spares the rule all other calls.
CALLS = {
    "ModifySnapshotAttribute",
    "ModifyImageAttribute",
    "ModifyDBSnapshotAttribute",
    "ModifyDBClusterSnapshotAttribute",
}
PERMISSIONS = {
    "ModifySnapshotAttribute": "createVolumePermission",
    "ModifyImageAttribute": "launchPermission",
}


def rule(event):
    if event.get("eventName") not in CALLS or event.get("errorCode"):
        return False
    outside = _outside(event)
    return bool(outside) and outside != _accounts(event)


def title(event):
    return f"Sensitive data exposed: {event.get('eventName')} shares with {', '.join(sorted(_outside(event)))}"


def alert_context(event):
    return {"outside": sorted(_outside(event))}


def _outside(event):
    return _accounts(event).difference(organization.accounts)


def _accounts(event):
    """Return the accounts that a call shares with."""
    parameters = event.get("requestParameters") or {}
    permission = PERMISSIONS.get(event.get("eventName"))
    if permission is None:
        return set(map(str, parameters.get("valuesToAdd") or []))
    grants = parameters.get(permission) or {}
    items = (grants.get("add") or {}).get("items") or []
    return {str(item["userId"]) for item in items if item.get("userId")}
