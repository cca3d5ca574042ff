"""A privileged container is root on its node: nothing but a name holds it apart."""

WRITES = {"create", "update", "patch"}


def rule(event):
    if event.get("verb") not in WRITES or (event.get("responseStatus") or {}).get("code", 0) >= 400:
        return False
    if _is_component(str((event.get("user") or {}).get("username"))):
        return False
    # What the platform's people install for the cluster itself needs its nodes.
    target = event.get("objectRef") or {}
    if target.get("namespace") == "kube-system" and target.get("resource") != "pods":
        return False
    return _is_privileged(_pod(event.get("requestObject")))


def title(event):
    target = event.get("objectRef") or {}
    return f"Privileged: {target.get('resource')} {target.get('namespace')}/{target.get('name')}"


def _is_privileged(pod):
    containers = [c for key in ("containers", "initContainers") for c in pod.get(key) or []]
    return any(_object(c.get("securityContext")).get("privileged") is True for c in containers)


def _is_component(user):
    """Return whether this is a part of the cluster: a node, a controller, not any workload."""
    workload, component = "system:serviceaccount:", "system:serviceaccount:kube-system:"
    return user.startswith("system:") and (not user.startswith(workload) or user.startswith(component))


def _pod(value):
    """Return the specification of the pod inside a pod, a workload or a scheduled one."""
    spec = _object(_object(value).get("spec"))
    spec = _object(_object(spec.get("jobTemplate")).get("spec")) or spec
    return _object(_object(spec.get("template")).get("spec")) or spec


def _object(value):
    return value if isinstance(value, dict) else {}
