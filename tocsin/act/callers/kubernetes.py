"""Calls to one Kubernetes cluster, with the token of a service account.

Outside a cluster the kubeconfig says where it is. Of its users only those with a token are taken:
a program that makes tokens (`exec`) is not run, and keys of people (client certificates) are not
used, as a service account's rights are what `tocsin respond rights` prints.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from tocsin.act.http_calls import HttpCalls, Service
from tocsin.act.posting import HttpSettings, bearer
from tocsin.errors import CallRefusedError, SettingsError
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State
from tocsin.values import FilePath, Secret

MOUNTED = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the token of its service account."""

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesCluster(HttpSettings):
    """How to reach one cluster in order to act in it.

    Attributes:
        account: name of the cluster, as its audit events give it.
        server: address of its interface; otherwise that of the kubeconfig or, inside a cluster,
            of its own.
        token: of a service account; otherwise that of the kubeconfig or the one mounted.
        kubeconfig: file that names the cluster and a user with a token.
        context: of the kubeconfig; otherwise its current one.
    """

    account: str
    server: str | None = None
    token: Secret | None = field(default=None, repr=False)
    kubeconfig: FilePath | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a cluster is, and what gives the token, if anything does."""

    settings: KubernetesCluster
    token: Callable[[], Secret] | None


class Kubernetes:
    """A caller for one cluster."""

    def __init__(self, settings: KubernetesCluster) -> None:
        """Take which cluster; its interface is not asked yet.

        Raises:
            SettingsError: nothing says where it is or who asks.
        """
        found = _Found(settings, _fixed(settings.token))
        if settings.kubeconfig is not None:
            found = _of_kubeconfig(settings, settings.kubeconfig)
        elif settings.server is None:
            found = _of_surroundings(settings)
        where, token = found.settings, found.token
        if where.server is None or token is None:
            raise SettingsError(
                f"cluster {settings.account}: name `server` and `token`, or a `kubeconfig` whose"
                " user has a token"
            )
        service = Service(where.server, lambda: bearer(token()), "application/merge-patch+json")
        self._calls = HttpCalls(where, {"kubernetes": service}, _right)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        return self._calls.call(call)


def _right(call: Call) -> str:
    """Name verb and resource of a call, as a role does."""
    parts = str(call.parameters["path"]).strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (f"{parts[1]}/", parts[3:])
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    verb = "list" if call.operation == "GET" and len(rest) == 1 else _VERBS[call.operation]
    below = f"/{rest[2]}" if len(rest) > 2 else ""
    return f"{verb} {group}{rest[0]}{below}"


def _fixed(token: Secret | None) -> Callable[[], Secret] | None:
    return None if token is None else lambda: token


def _of_file(file: Path) -> Callable[[], Secret]:
    """Return what reads a token each time: tokens of pods are replaced every hour."""

    def read() -> Secret:
        try:
            return Secret(file.read_text(encoding="utf-8").strip())
        except OSError as error:
            raise CallRefusedError(f"the token {file} cannot be read: {error.strerror}") from None

    return read


def _of_surroundings(settings: KubernetesCluster) -> _Found:
    """Return where the cluster is that Tocsin itself runs in."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    if not host or not (MOUNTED / "token").is_file():
        return _Found(settings, _fixed(settings.token))
    # The kubelet gave the address, no person: the cluster's own range may be reached.
    shown = f"[{host}]" if ":" in host else host
    found = replace(
        settings,
        server=f"https://{shown}:{port or 443}",
        certificates=settings.certificates or MOUNTED / "ca.crt",
        allow_private=(*settings.allow_private, ip_network(host)),
    )
    return _Found(found, _fixed(settings.token) or _of_file(MOUNTED / "token"))


def _of_kubeconfig(settings: KubernetesCluster, file: Path) -> _Found:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        context = _named(content["contexts"], settings.context or content["current-context"])
        cluster = _named(content["clusters"], context["context"]["cluster"])["cluster"]
        user = _named(content["users"], context["context"]["user"])["user"]
        certificates = settings.certificates or _authority(cluster, file.parent)
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        # Only the kind: the text of an error may quote the file, which holds a token.
        text = f"cluster {settings.account}: its kubeconfig cannot be used: {type(error).__name__}"
        raise SettingsError(text) from None
    if cluster.get("insecure-skip-tls-verify"):
        raise SettingsError(
            f"cluster {settings.account}: the kubeconfig switches the check of certificates off;"
            " name the authority instead"
        )
    server = settings.server or cluster.get("server")
    found = replace(settings, server=server, certificates=certificates)
    return _Found(found, _fixed(settings.token) or _token(user, file.parent))


def _named(entries: Any, name: str) -> Any:
    for each in entries:
        if each["name"] == name:
            return each
    raise KeyError(name)


def _token(user: Mapping[str, str], folder: Path) -> Callable[[], Secret] | None:
    if user.get("token"):
        return _fixed(Secret(user["token"]))
    return _of_file(folder / user["tokenFile"]) if user.get("tokenFile") else None


def _authority(cluster: Mapping[str, str], folder: Path) -> Path | None:
    if cluster.get("certificate-authority"):
        return folder / cluster["certificate-authority"]
    if not cluster.get("certificate-authority-data"):
        return None
    from base64 import b64decode

    with NamedTemporaryFile(prefix="tocsin-", suffix=".pem", delete=False) as file:
        file.write(b64decode(cluster["certificate-authority-data"]))
    return Path(file.name)
