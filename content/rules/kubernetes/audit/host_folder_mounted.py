"""A pod that writes to its host's folders, or speaks to the runtime's socket, is root on its node."""

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
    return bool(_mounts(_pod(event.get("requestObject"))))


def title(event):
    target = event.get("objectRef") or {}
    mounts = ", ".join(_mounts(_pod(event.get("requestObject"))))
    return f"{target.get('namespace')}/{target.get('name')} mounts {mounts} of its host"


def _mounts(pod):
    containers = [c for key in ("containers", "initContainers") for c in pod.get(key) or []]
    mounts = [mount for c in containers for mount in c.get("volumeMounts") or []]
    read_only = {mount.get("name") for mount in mounts if mount.get("readOnly")}
    found = []
    for volume in pod.get("volumes") or []:
        path = _object(volume.get("hostPath")).get("path")
        if path is None:
            continue
        # The host's root and the folders right under it, /etc and /var for example.
        is_whole = path.strip("/").count("/") == 0 and volume.get("name") not in read_only
        if is_whole or path.endswith(".sock"):
            found.append(path)
    return found


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
