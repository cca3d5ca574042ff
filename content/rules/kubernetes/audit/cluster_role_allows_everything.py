"""A cluster role that allows every verb on every resource is cluster-admin under another name."""


def rule(event):
    target = event.get("objectRef") or {}
    if target.get("resource") != "clusterroles":
        return False
    if event.get("verb") not in ("create", "update", "patch"):
        return False
    if str((event.get("user") or {}).get("username")).startswith("system:"):
        return False
    rules = (event.get("requestObject") or {}).get("rules") or []
    return any(_allows_everything(each) for each in rules)


def title(event):
    name = (event.get("objectRef") or {}).get("name")
    return f"The cluster role {name} allows everything"


def _allows_everything(each):
    return all("*" in (each.get(key) or []) for key in ("apiGroups", "resources", "verbs"))
