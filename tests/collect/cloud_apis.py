"""Stand-ins for the REST APIs of Google and Azure on loopback, which keep what they were asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, object]


class Asked(list):
    """Requests: method, path with query, and the JSON that was sent."""

    def paths(self) -> list[str]:
        return [path for _, path, _ in self]


@contextmanager
def serving(answer: Callable[[str, str, Any], Answer]) -> Iterator[tuple[str, Asked]]:
    """Serve what `answer(method, path, content)` says; the token endpoints of both clouds too."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_json = "json" in self.headers.get("Content-Type", "")
            self._answer(json.loads(body) if is_json else body.decode())

        def _answer(self, content: Any) -> None:
            if self.path.startswith("/token"):
                status, said = 200, token()
            elif self.headers.get("Authorization") != "Bearer made-up":
                status, said = 401, {}
            else:
                asked.append((self.command, self.path, content))
                status, said = answer(self.command, self.path, content)
            body = json.dumps(said).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "3")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *parts: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def token() -> dict[str, object]:
    """Return what Google and the managed identity of Azure both answer."""
    return {
        "access_token": "made-up",
        "token_type": "Bearer",
        "expires_in": 3600,
        "expires_on": "4102444800",
        "resource": "https://management.azure.com",
    }


def google_credentials(url: str, folder, monkeypatch) -> None:
    """Let google-auth find a service account whose tokens the stand-in gives."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "shop-prod",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "look@shop-prod.iam.gserviceaccount.com",
        "token_uri": f"{url}/token",
    }
    path = folder / "google.json"
    path.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))


def azure_credentials(url: str, monkeypatch) -> None:
    """Let azure-identity find a managed identity whose tokens the stand-in gives."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "made-up")
