"""A cluster is reached as kubectl does; its audit log is read where served, and else its events."""

import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from tocsin.collect.first_look.kubernetes import Kubernetes, KubernetesSettings
from tocsin.errors import SettingsError

NOW = datetime.now(UTC).replace(microsecond=0)


def audit(number: int) -> dict:
    moment = (NOW - timedelta(minutes=10 - number)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return {"auditID": f"a{number}", "requestReceivedTimestamp": moment, "verb": "get"}


def happened(number: int) -> dict:
    moment = (NOW - timedelta(minutes=10 - number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"uid": f"e{number}", "resourceVersion": str(number)}
    return {"metadata": metadata, "lastTimestamp": moment, "reason": "Started"}


class Cluster:
    """An API server over TLS that knows one token."""

    def __init__(self) -> None:
        self.log: bytes | None = None
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path == "/logs/kube-apiserver/audit.log":
            return (200, self.log) if self.log is not None else (404, b"")
        start = 1 if "continue=next" in path else 0
        items = [happened(number) for number in (2 * start, 2 * start + 1)]
        more = {} if start else {"continue": "next"}
        return 200, json.dumps({"metadata": more, "items": items}).encode()


@pytest.fixture
def cluster(authority, tmp_path):
    served = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.headers.get("Authorization") == "Bearer made-up"
            status, body = served.answer(self.path) if is_known else (401, b"")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *parts: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    served.config = kubeconfig(tmp_path, f"https://127.0.0.1:{server.server_port}")
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def kubeconfig(folder, server: str, user: dict | None = None):
    path = folder / "config"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "production",
                "contexts": [{"name": "production", "context": {"cluster": "shop", "user": "me"}}],
                "clusters": [
                    {
                        "name": "shop",
                        "cluster": {"server": server, "certificate-authority": "ca.pem"},
                    }
                ],
                "users": [{"name": "me", "user": user or {"token": "made-up"}}],
            }
        )
    )
    return path


def read(cluster, **more) -> tuple[Kubernetes, list]:
    given = {"kubeconfig": cluster.config} | more
    settings = KubernetesSettings("look", NOW - timedelta(hours=1), NOW, **given)
    looking = Kubernetes(settings, pause=lambda seconds: None)
    return looking, [each for each in looking.read(None) if each.records.num_rows]


def test_the_audit_log_is_read_where_it_is_served(cluster):
    lines = [json.dumps(audit(number)).encode() for number in (0, 1, 2)]
    cluster.log = b'alf a line"}\n' + b"\n".join(lines) + b'\n{"auditID": "cut'

    looking, (batch,) = read(cluster)

    assert batch.source == "kubernetes.audit"
    assert batch.records["raw"].to_pylist() == lines
    assert looking.accounts == ("shop",)
    assert cluster.asked == ["/logs/kube-apiserver/audit.log"]


def test_else_events_are_read_page_by_page(cluster):
    looking, (batch,) = read(cluster)

    found = [json.loads(raw) for raw in batch.records["raw"].to_pylist()]
    assert batch.source == "kubernetes.event"
    assert [each["metadata"]["uid"] for each in found] == ["e0", "e1", "e2", "e3"]
    assert found[0]["kind"] == "Event"
    assert "audit log" in looking.problems


def test_a_credential_plugin_is_asked_for_the_token(cluster, tmp_path):
    credential = json.dumps({"status": {"token": "made-up"}})
    server = yaml.safe_load(cluster.config.read_text())["clusters"][0]["cluster"]["server"]
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "echo",
        "args": [credential],
    }
    cluster.config = kubeconfig(tmp_path, server, {"exec": plugin})

    assert len(read(cluster)[1]) == 1


def test_a_context_that_is_not_there_is_told(cluster):
    with pytest.raises(SettingsError, match="contexts has no 'staging'"):
        read(cluster, context="staging")
