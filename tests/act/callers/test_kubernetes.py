"""The caller for Kubernetes: where the cluster is, who asks, which right is missing."""

import base64

import pytest
import yaml

from tests.act.callers.standin import LOOPBACK, World, serve
from tests.plugs.acted.kubernetes import POD, TOKEN, Cluster
from tocsin.act.callers import kubernetes
from tocsin.act.callers.kubernetes import Kubernetes, KubernetesCluster
from tocsin.errors import CallRefusedError, SettingsError
from tocsin.respond.actions import Call
from tocsin.values import Secret


def kubeconfig(folder, server, user, cluster=None):
    file = folder / "config"
    content = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user}],
    }
    file.write_text(yaml.safe_dump(content))
    return file


def test_a_kubeconfig_says_where_and_who(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    for user in ({"token": TOKEN}, {"tokenFile": "token"}):
        with serve(World(Cluster())) as url:
            settings = KubernetesCluster(
                account="c", kubeconfig=kubeconfig(tmp_path, url, user), allow_private=LOOPBACK
            )

            pod = Kubernetes(settings).call(Call("kubernetes", "GET", {"path": POD}))

        assert pod["kind"] == "Pod"


@pytest.mark.parametrize(
    ("user", "cluster", "said"),
    [
        ({"exec": {"command": "touch"}}, {}, "has a token"),
        ({"client-certificate-data": "x"}, {}, "has a token"),
        ({"token": "t"}, {"insecure-skip-tls-verify": True}, "check of certificates"),
    ],
)
def test_a_kubeconfig_that_is_not_safe_is_refused(tmp_path, user, cluster, said):
    file = kubeconfig(tmp_path, "https://192.0.2.1", user, cluster)

    with pytest.raises(SettingsError, match=said):
        Kubernetes(KubernetesCluster(account="c", kubeconfig=file))


def test_a_kubeconfig_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SettingsError, match="cluster c"):
        Kubernetes(KubernetesCluster(account="c", kubeconfig=tmp_path / "missing"))


def test_the_authority_of_a_kubeconfig_is_taken(tmp_path):
    data = base64.b64encode(b"not a certificate").decode()
    file = kubeconfig(
        tmp_path, "https://192.0.2.1", {"token": "t"}, {"certificate-authority-data": data}
    )

    assert Kubernetes(KubernetesCluster(account="c", kubeconfig=file))


def test_without_a_place_it_says_what_to_name(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(SettingsError, match="kubeconfig"):
        Kubernetes(KubernetesCluster(account="c"))


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("GET", POD, "get pods"),
        ("PATCH", "/api/v1/nodes/n", "patch nodes"),
        ("GET", "/api/v1/namespaces/shop", "get namespaces"),
        (
            "GET",
            "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
            "list networking.k8s.io/networkpolicies",
        ),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/shop/deployments/web/scale",
            "patch apps/deployments/scale",
        ),
    ],
)
def test_a_missing_right_is_named_as_roles_name_it(method, path, right):
    with serve(World(lambda ask: (403, {"message": "forbidden"}))) as url:
        caller = Kubernetes(
            KubernetesCluster(account="c", server=url, token=Secret("t"), allow_private=LOOPBACK)
        )

        with pytest.raises(CallRefusedError, match=f"it needs {right}$"):
            caller.call(Call("kubernetes", method, {"path": path}))


def test_inside_a_cluster_its_own_interface_is_asked_with_the_token_of_the_moment(
    tmp_path, monkeypatch
):
    (tmp_path / "token").write_text("one")
    (tmp_path / "ca.crt").write_text("")
    monkeypatch.setattr(kubernetes, "MOUNTED", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")

    found = kubernetes._of_surroundings(KubernetesCluster(account="c"))

    assert found.settings.server == "https://10.96.0.1:6443"
    assert [str(each) for each in found.settings.allow_private] == ["10.96.0.1/32"]
    assert found.settings.certificates == tmp_path / "ca.crt"
    assert found.token().reveal() == "one"
    (tmp_path / "token").write_text("two")
    assert found.token().reveal() == "two"
    (tmp_path / "token").unlink()
    with pytest.raises(CallRefusedError, match="cannot be read"):
        found.token()
