"""Reach a Kubernetes cluster as kubectl does: by a kubeconfig, or from within a pod.

Understood are tokens, token files, client certificates and credential plugins (`exec`), as EKS, GKE
and AKS use them. https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.errors import SettingsError, SourceError

if TYPE_CHECKING:
    import httpx

_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS = 40.0
_EXEC_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster and who we are there.

    Attributes:
        name: of the cluster, for people.
        server: address of its API server.
        authority: PEM certificates that it is trusted by; `None` for the public ones.
        user: the user's part of the kubeconfig.
        folder: what relative paths in it are relative to.
    """

    name: str
    server: str
    authority: str | None
    user: Mapping[str, Any]
    folder: Path

    def client(self) -> "httpx.Client":
        """Return a client that shows who we are.

        Raises:
            SettingsError: the kubeconfig cannot be used.
            SourceError: a credential plugin gives no credentials.
        """
        import httpx

        user = self.user
        if "exec" in user:
            user = {**user, **_executed(user["exec"])}
        context = ssl.create_default_context(cadata=self.authority)
        _load_certificate(context, user, self.folder)
        token = user.get("token") or _text_of(user, "tokenFile", self.folder)
        headers = {"User-Agent": "tocsin"}
        if token:
            headers["Authorization"] = f"Bearer {token.strip()}"
        return httpx.Client(
            base_url=self.server,
            verify=context,
            headers=headers,
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )


def cluster_of(kubeconfig: Path | None, context: str | None) -> Cluster:
    """Return the cluster of a context of the kubeconfig; within a pod, the pod's own.

    Raises:
        SettingsError: there is neither, or it is broken.
    """
    path = kubeconfig or Path.home() / ".kube" / "config"
    if kubeconfig is None and not path.exists() and (_POD / "token").exists():
        return _of_pod()
    import yaml

    try:
        read = yaml.safe_load(path.read_text("utf-8"))
        name = context or read["current-context"]
        chosen = _named(read, "contexts", name)["context"]
        cluster = _named(read, "clusters", chosen["cluster"])["cluster"]
        user = _named(read, "users", chosen["user"])["user"] or {}
        authority = _text_of(cluster, "certificate-authority", path.parent)
        return Cluster(str(chosen["cluster"]), cluster["server"], authority, user, path.parent)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} is no kubeconfig that can be used: {error!r}") from error


def _of_pod() -> Cluster:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    authority = (_POD / "ca.crt").read_text("ascii")
    user = {"tokenFile": str(_POD / "token")}
    return Cluster("in-cluster", f"https://{host}:{port}", authority, user, _POD)


def _named(read: Mapping[str, Any], part: str, name: str) -> Mapping[str, Any]:
    for each in read[part]:
        if each["name"] == name:
            found: Mapping[str, Any] = each
            return found
    raise KeyError(f"{part} has no {name!r}")


def _text_of(part: Mapping[str, Any], key: str, folder: Path) -> str | None:
    """Return the text that stands in the kubeconfig as base64, or in a file that it names."""
    if f"{key}-data" in part:
        return base64.b64decode(part[f"{key}-data"]).decode("ascii")
    return (folder / part[key]).read_text("ascii") if key in part else None


def _executed(plugin: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the credentials that a plugin of the kubeconfig gives, in a kubeconfig's words."""
    environ = {each["name"]: each["value"] for each in plugin.get("env") or []}
    version = plugin["apiVersion"]
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    environ["KUBERNETES_EXEC_INFO"] = json.dumps(info)
    command = [plugin["command"], *(plugin.get("args") or [])]
    try:
        ended = subprocess.run(  # noqa: S603 - the owner's own kubeconfig names it, as for kubectl
            command,
            env=os.environ | environ,
            capture_output=True,
            timeout=_EXEC_SECONDS,
            check=True,
        )
        status = json.loads(ended.stdout)["status"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        raise SourceError(f"{command[0]} gives no credentials: {error}") from error
    found = {"token": status.get("token")}
    for key, name in (("clientCertificateData", "certificate"), ("clientKeyData", "key")):
        if key in status:
            found[f"client-{name}-data"] = base64.b64encode(status[key].encode()).decode()
    return found


def _load_certificate(context: ssl.SSLContext, user: Mapping[str, Any], folder: Path) -> None:
    certificate = _text_of(user, "client-certificate", folder)
    key = _text_of(user, "client-key", folder)
    if certificate is None or key is None:
        return
    # Python's ssl takes keys from files only: this one is for its owner alone, and gone at once.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}")
        file.flush()
        context.load_cert_chain(file.name)
