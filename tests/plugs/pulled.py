"""Worlds of the sources that pull from clouds and APIs: servers on loopback, kept to the end."""

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.collect.api_server import Reply, reply, serving
from tests.collect.cloud import Cloud
from tests.collect.log_apis import Github, Graph, Indexer, Log, Okta
from tests.collect.test_apis import generic, github, graph, indexer, okta
from tests.plugs.world import World
from tocsin.collect import Source

Build = Callable[[Path, Callable[[], Cloud]], World]

PAD = "x" * 2_000

_servers = ExitStack()
atexit.register(_servers.close)


def paged(kind: type[Log], make: Callable[..., Source]) -> Build:
    """A log behind an API, more than fits into one batch."""

    def build(folder: Path, cloud: Callable[[], Cloud]) -> World:
        log = kind(page=2_000)
        log.add(*range(9_000))
        # More than the 16 MiB of a batch, and fewer than an API's margin remembers.
        for row in log.rows:
            row["pad"] = PAD
        api = _servers.enter_context(serving(log.answer))
        gone = _servers.enter_context(serving(lambda request: Reply(status=500)))
        return World(lambda: make(api.url), log.raws(), lambda: make(gone.url))

    return build


class _Listed(Log):
    def add(self, *numbers: int) -> None:
        self.rows += [{"n": number} for number in numbers]

    def answer(self, request: object) -> Reply:
        rows, link = self.page_of(self.rows, request)
        return reply(rows, Link=f'<{link}>; rel="next"' if link else "")


def large_pages(url: str) -> Source:
    return indexer(url, page=2_000)


WORLDS: dict[str, dict[str, Build]] = {
    "github": {"github": paged(Github, github)},
    "http_api": {"http api": paged(_Listed, generic)},
    "microsoft_graph": {"graph": paged(Graph, graph)},
    "okta": {"okta": paged(Okta, okta)},
    "wazuh_indexer": {"indexer": paged(Indexer, large_pages)},
}
"""Plug → its worlds by name."""
