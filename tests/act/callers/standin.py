"""Stand-ins on loopback: they keep state, and take only what the published interfaces take."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LOOPBACK = (ip_network("127.0.0.0/8"),)


class RefusedError(Exception):
    """What the stand-in answers instead of doing something."""

    def __init__(self, status: int, said: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {said}")
        self.status = status
        self.said = said
        self.headers = headers or {}


@dataclass(frozen=True)
class Ask:
    """One request; header names are small letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        if not self.content:
            return None
        return json.loads(self.content)

    @property
    def what(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class World:
    """Something that answers.

    Attributes:
        answer: gives status and body; or three with headers.
        asked: everything that came, in order.
        plans: answers to give first, whatever is asked: for faults.
    """

    answer: Callable[[Ask], tuple[Any, ...]]
    state: Any = None
    asked: list[Ask] = field(default_factory=list)
    plans: list[Callable[[Ask], tuple[Any, ...] | None]] = field(default_factory=list)
    url: str = ""


WORLDS: dict[str, World] = {}
"""Those that are served now, by address."""


@contextmanager
def serve(world: World) -> Iterator[str]:
    """Serve a world and give its address."""

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            ask = Ask(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
            world.asked.append(ask)
            headers: Mapping[str, str] = {}
            try:
                planned = world.plans.pop(0)(ask) if world.plans else None
                found = planned or world.answer(ask)
                status, said = found[:2]
                headers = found[2] if len(found) > 2 else {}
            except RefusedError as error:
                status, said, headers = error.status, error.said, error.headers
            except ConnectionAbortedError:
                self.close_connection = True
                return
            content = (
                b"" if said is None else said.encode() if isinstance(said, str) else dumped(said)
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    WORLDS[world.url] = world
    try:
        yield world.url
    finally:
        del WORLDS[world.url]
        server.shutdown()
        server.server_close()
        thread.join()


def dumped(said: object) -> bytes:
    return json.dumps(said).encode()


def must(true: object, status: int, said: object) -> None:
    if not true:
        raise RefusedError(status, said)


Shape = Any
"""A type, a tuple of types, a mapping of keys to shapes (those that end in `!` are required), a
list of one shape, a set of allowed values, or a function that says whether a value is fit."""


def check(value: Any, shape: Shape, where: str = "body", status: int = 400) -> None:
    """Refuse a value of another shape, or with a field that the interface does not know."""
    said = {"error": {"code": status, "message": f"{where}: {value!r:.80} is not fit"}}
    if isinstance(shape, dict):
        must(isinstance(value, dict), status, said)
        known = {key.rstrip("!"): (kind, key.endswith("!")) for key, kind in shape.items()}
        unknown = {"error": {"code": status, "message": f"{where}: unknown field"}}
        must(not value.keys() - known.keys(), status, unknown | {"fields": sorted(value)})
        for key, (kind, required) in known.items():
            must(key in value or not required, status, {"message": f"{where}.{key} is missing"})
            if key in value:
                check(value[key], kind, f"{where}.{key}", status)
    elif isinstance(shape, list):
        must(isinstance(value, list), status, said)
        for each in value:
            check(each, shape[0], f"{where}[]", status)
    elif isinstance(shape, set | frozenset):
        must(value in shape, status, said)
    elif isinstance(shape, type | tuple):
        must(isinstance(value, shape), status, said)
    else:
        must(shape(value), status, said)


def texts(value: Any) -> bool:
    """A mapping of texts: labels, tags."""
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
