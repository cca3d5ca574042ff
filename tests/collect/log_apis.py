"""Logs that APIs give, on loopback: as GitHub, Okta, OpenSearch and Graph page through theirs."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.collect.api_server import Reply, Request, reply

NOW_MS = int(time.time() * 1000) - 30_000


@dataclass
class Log:
    """Records in the order of their arrival, and how many a page holds."""

    rows: list[dict] = field(default_factory=list)
    page: int = 1_000
    before: Callable[[Request], Reply | None] = lambda request: None

    def raws(self) -> list[bytes]:
        return [json.dumps(row).encode() for row in self.rows]

    def page_of(self, rows: list[dict], request: Request) -> tuple[list[dict], str]:
        start = int(request.query.get("after", 0))
        separator = "&" if "?" in request.url else "?"
        link = request.url.partition("&after=")[0] + f"{separator}after={start + self.page}"
        more = start + self.page < len(rows)
        return rows[start : start + self.page], link if more else ""


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat().replace("+00:00", "Z")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


class Github(Log):
    def add(self, *numbers: int, moment: int | None = None) -> None:
        for number in numbers:
            at = NOW_MS + number if moment is None else moment
            self.rows.append({"@timestamp": at, "_document_id": f"d{number}", "action": "a.b"})

    def answer(self, request: Request) -> Reply:
        if (said := self.before(request)) is not None:
            return said
        since = ms(request.query["phrase"].removeprefix("created:>="))
        wanted = sorted(
            (row for row in self.rows if row["@timestamp"] >= since),
            key=lambda row: (row["@timestamp"], row["_document_id"]),
        )
        rows, link = self.page_of(wanted, request)
        links = '<http://x.invalid/first>; rel="first"' + (
            f', <{link}>; rel="next"' if link else ""
        )
        return reply(rows, Link=links)


class Okta(Log):
    def add(self, *numbers: int) -> None:
        self.rows += [{"uuid": f"u{n}", "published": iso(NOW_MS + n)} for n in numbers]

    def answer(self, request: Request) -> Reply:
        if (said := self.before(request)) is not None:
            return said
        start = int(request.query.get("after", 0))
        if "after" not in request.query:
            since = ms(request.query["since"])
            start = next((i for i, r in enumerate(self.rows) if ms(r["published"]) >= since), 0)
        rows = self.rows[start : start + self.page]
        own = f"http://{request.headers['host']}"
        link = f"{own}/api/v1/logs?after={start + len(rows)}"
        return reply(rows, Link=f'<{request.url}>; rel="self", <{link}>; rel="next"')


class Indexer(Log):
    def add(self, *numbers: int) -> None:
        self.rows += [{"id": f"i{number}", "timestamp": NOW_MS + number // 7} for number in numbers]

    def answer(self, request: Request) -> Reply:
        if (said := self.before(request)) is not None:
            return said
        asked = json.loads(request.body)
        floor = asked["query"]["range"]["timestamp"]["gte"]
        keyed = sorted(([row["timestamp"], row["id"]], row) for row in self.rows)
        found = [(key, row) for key, row in keyed if row["timestamp"] >= floor]
        if "search_after" in asked:
            found = [(key, row) for key, row in found if key > asked["search_after"]]
        hits = [
            {"_index": "wazuh-alerts-4.x", "_id": row["id"], "_source": row, "sort": key}
            for key, row in found[: asked["size"]]
        ]
        shards = {"total": 1, "failed": 0}
        return reply({"timed_out": False, "_shards": shards, "hits": {"hits": hits}})


class Graph(Log):
    def add(self, *numbers: int) -> None:
        self.rows += [{"id": f"g{n}", "createdDateTime": iso(NOW_MS + n)} for n in numbers]

    def answer(self, request: Request) -> Reply:
        if (said := self.before(request)) is not None:
            return said
        since = ms(request.query["$filter"].rpartition(" ")[2])
        # Newest first: Graph does not always heed the order that it is asked for.
        wanted = [row for row in reversed(self.rows) if ms(row["createdDateTime"]) >= since]
        rows, link = self.page_of(wanted, request)
        return reply({"value": rows} | ({"@odata.nextLink": link} if link else {}))
