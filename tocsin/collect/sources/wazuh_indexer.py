"""Read alerts of Wazuh from its indexer, or documents of any OpenSearch or Elasticsearch.

They are asked for in order of time and id (`search_after`), so that reading goes on exactly where
it stopped and no scroll has to be kept open.
Source: https://docs.opensearch.org/latest/search-plugins/searching-data/paginate/
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from tocsin.collect.asking import Answer, Ask, Asker
from tocsin.collect.paging import ApiSettings, ApiSource, Content, Item, Pause
from tocsin.errors import SourceError
from tocsin.values import Matching, Secret, Within


@dataclass(frozen=True, slots=True, kw_only=True)
class WazuhIndexerSettings(ApiSettings):
    """Where the alerts are, and as whom to read them.

    Attributes:
        url: of the indexer, such as `https://indexer.example.org:9200`.
        user: who may search the index and nothing else.
        password: of the user.
        index: name or pattern of the indices.
        time: the field with the time of a document; Wazuh writes `timestamp`, others `@timestamp`.
        tiebreaker: the field that orders documents of the same time.
        page: how many documents are asked for at once.
    """

    url: str
    user: str
    password: Secret
    index: Annotated[str, Matching(r"[\w.*,-]{1,300}", "an index such as wazuh-alerts-*")] = (
        "wazuh-alerts-*"
    )
    time: str = "timestamp"
    tiebreaker: str = "_id"
    page: Annotated[int, Within(1, 10_000)] = 1_000


class WazuhIndexer(ApiSource):
    """Reads documents of an index as they come."""

    def __init__(self, settings: WazuhIndexerSettings, *, pause: Pause = time.sleep) -> None:
        """Take where to read; nothing is asked yet.

        Raises:
            SettingsError: the address is not one to send passwords to.
        """
        super().__init__(settings, _Search(settings), pause)


class _Hit(msgspec.Struct):
    index: str = msgspec.field(name="_index")
    uid: str = msgspec.field(name="_id")
    source: msgspec.Raw = msgspec.field(name="_source")
    sort: list[object]


class _Hits(msgspec.Struct):
    hits: list[_Hit]


class _Shards(msgspec.Struct):
    failed: int = 0


class _Found(msgspec.Struct):
    hits: _Hits
    timed_out: bool = False
    shards: _Shards = msgspec.field(name="_shards", default_factory=_Shards)


class _Search:
    """The search API, as `Api` wants it."""

    keeps_place = False

    def __init__(self, settings: WazuhIndexerSettings) -> None:
        self._settings = settings
        self.asker = Asker(settings.url, self._headers, settings.certificates)
        self.origin = f"indexer://{self.asker.host}/{settings.index}"

    def _headers(self) -> Mapping[str, str]:
        known = f"{self._settings.user}:{self._settings.password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(known).decode()}"}

    def begin(self, since: int) -> Ask:
        moment = self._settings.time
        after = {moment: {"gte": since, "format": "epoch_millis"}}
        body = {
            "size": self._settings.page,
            "query": {"range": after},
            "sort": [{moment: "asc"}, {self._settings.tiebreaker: "asc"}],
            "track_total_hits": False,
        }
        url = f"{self._settings.url.rstrip('/')}/{self._settings.index}/_search"
        return Ask(f"{url}?ignore_unavailable=true", json.dumps(body))

    def content(self, ask: Ask, answer: Answer) -> Content:
        try:
            found = msgspec.json.decode(answer.body, type=_Found)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise SourceError(f"{self.origin} does not answer as a search does") from None
        if found.timed_out or found.shards.failed:
            # What the missing part holds would be passed over for good.
            raise SourceError(f"{self.origin}: a part of the index does not answer")
        hits = found.hits.hits
        items = [Item(bytes(hit.source), f"{hit.index}/{hit.uid}", _moment(hit)) for hit in hits]
        if len(hits) < self._settings.page:
            return Content(items, None)
        body = json.loads(ask.content or "{}") | {"search_after": hits[-1].sort}
        return Content(items, Ask(ask.url, json.dumps(body)))


def _moment(hit: _Hit) -> int:
    first = hit.sort[0] if hit.sort else 0
    return first if isinstance(first, int) and first > 0 else 0
