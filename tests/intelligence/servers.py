"""Servers that give indicators over real connections: a list, TAXII 2.1, and the API of MISP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Responder = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(respond: Responder) -> Iterator[str]:
    """Serve on a free port of this machine; `respond` answers every request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            respond(self)

        do_POST = do_GET  # noqa: N815 - the library calls it so

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def stix_indicator(number: int, value: str, **more: object) -> dict[str, object]:
    return {
        "type": "indicator",
        "id": f"indicator--{number}",
        "pattern_type": "stix",
        "pattern": f"[domain-name:value = '{value}']",
        **more,
    }


class Taxii:
    """A collection; remembers what it was asked."""

    def __init__(self, objects: list[dict[str, object]], page: int = 2) -> None:
        self.objects = objects
        self.page = page
        self.asked: list[dict[str, list[str]]] = []
        self.authorizations: list[str | None] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        address = urlsplit(request.path)
        query = parse_qs(address.query)
        self.asked.append(query)
        self.authorizations.append(request.headers["Authorization"])
        if not address.path.endswith("/collections/1/objects/"):
            return send(request, b"{}", 404)
        if request.headers["Accept"] != "application/taxii+json;version=2.1":
            return send(request, b"{}", 406)
        after = int(query.get("added_after", ["0"])[0])
        start = after + int(query.get("next", ["0"])[0])
        page = self.objects[start : start + self.page]
        end = start + len(page)
        more = end < len(self.objects)
        envelope = {"more": more, "objects": page} | ({"next": str(end - after)} if more else {})
        headers = {"X_TAXII_Date_Added_Last": str(end)} if page else {}
        return send(request, json.dumps(envelope).encode(), **headers)


class Misp:
    """An instance with attributes; remembers what it was asked."""

    def __init__(self, attributes: list[dict[str, object]]) -> None:
        self.attributes = attributes
        self.asked: list[dict[str, object]] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["Content-Length"])
        query = json.loads(request.rfile.read(length))
        self.asked.append(query)
        if request.headers["Authorization"] != "misp-example-key":
            return send(request, b"{}", 403)
        since, size = query.get("timestamp", 0), query["limit"]
        found = [each for each in self.attributes if int(str(each["timestamp"])) >= since]
        start = (query["page"] - 1) * size
        answer = {"response": {"Attribute": found[start : start + size]}}
        return send(request, json.dumps(answer).encode())
