"""A cluster of kmock: a server of Kubernetes that others wrote, seeded as our own stand-in is.

It reads paths, makes, merges and deletes by its own understanding. What it does not look at our
stand-in does: schemas of bodies, media types of patches, uids as conditions, who asks.
"""

import asyncio
import copy
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from kmock import KubernetesEmulator, Server

from tests.act.callers.standin import WORLDS, World
from tests.plugs.acted.kubernetes import seeded

SCALE = "/scale"


class Objects(MutableMapping[str, Any]):
    """The objects of a kmock by path; what is given out is what it keeps."""

    def __init__(self, server: KubernetesEmulator) -> None:
        self.server = server

    def __getitem__(self, path: str) -> Any:
        found = self.server.objects[key_of(path)]
        if found.deleted:
            raise KeyError(path)
        return found.raw

    def __setitem__(self, path: str, value: Any) -> None:
        self.server.objects[key_of(path)] = value

    def __delitem__(self, path: str) -> None:
        del self.server.objects[key_of(path)]

    def __iter__(self) -> Iterator[str]:
        for resource, namespace, name in self.server.objects:
            where = f"/namespaces/{namespace}" if namespace else ""
            group = f"/apis/{resource.group}" if resource.group else "/api"
            path = f"{group}/{resource.version}{where}/{resource.plural}/{name}"
            if not self.server.objects[resource, namespace, name].deleted:
                yield path

    def __len__(self) -> int:
        return len(list(self))


class KmockCluster:
    """What stages know of a cluster."""

    def __init__(self, server: KubernetesEmulator) -> None:
        self.server = server
        self.objects = Objects(server)

    def snapshot(self) -> Any:
        found = copy.deepcopy(dict(self.objects))
        for each in found.values():
            each["metadata"].pop("uid", None)
            each.pop("apiVersion", None)
        return found


def key_of(path: str) -> tuple[str, str | None, str]:
    """Return what kmock calls an object: a subresource is a part of it."""
    parts = path.removesuffix(SCALE).strip("/").split("/")
    group, rest = ("", parts[1:]) if parts[0] == "api" else (f"{parts[1]}/", parts[2:])
    version, rest = rest[0], rest[1:]
    namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 2 else None
    plural, name = rest[-2:]
    return f"{group}{version}/{plural}", namespace, name


@contextmanager
def world() -> Iterator[str]:
    """Serve a kmock in a thread of its own and give its address."""
    ready = threading.Event()
    found: dict[str, Any] = {}

    async def run() -> None:
        over = asyncio.Event()
        async with KubernetesEmulator() as server, Server(server) as port:
            seed(server)
            url = str(port.url).rstrip("/")
            found.update(server=server, url=url, loop=asyncio.get_running_loop(), over=over)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    cluster = KmockCluster(found["server"])
    WORLDS[found["url"]] = World(lambda ask: (500, None), cluster)
    try:
        yield found["url"]
    finally:
        del WORLDS[found["url"]]
        found["loop"].call_soon_threadsafe(found["over"].set)
        thread.join()


def seed(server: KubernetesEmulator) -> None:
    for path, content in seeded().items():
        if content["kind"] == "Namespace":
            # kmock takes the path of a namespace for a place and not for an object.
            server[f"get {path}"] << content
        else:
            server.objects[key_of(path)] = content
