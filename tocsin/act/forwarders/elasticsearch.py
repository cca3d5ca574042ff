"""Elasticsearch and OpenSearch, by `_bulk`: each record under its own identifier.

The identifier of Tocsin is the `_id`, so that a repetition replaces what is there.
Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec

from tocsin.act.forwarding import EVERY_KIND, Record, RecordsRefused
from tocsin.act.posting import HttpSettings, Poster, basic, bearer, one_line
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Matching, Secret

_TRY_LATER = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticsearchSettings(HttpSettings):
    """Where documents go, and as whom to write them.

    Attributes:
        url: of the cluster, such as `https://es.example.org:9200`.
        index: how the names of the indices begin; `-findings`, `-incidents` and `-events` follow.
        operation: `index` replaces a document with its next state; `create` never does, as data
            streams want it.
        api_key: the encoded key; otherwise `user` and `password`.
        user: who may write the indices and nothing else.
        password: of the user.
    """

    url: str
    index: Annotated[str, Matching(r"[a-z0-9][a-z0-9._-]{0,200}", "small letters and digits")] = (
        "tocsin"
    )
    operation: Literal["index", "create"] = "index"
    api_key: Secret | None = None
    user: str = ""
    password: Secret | None = None

    def __post_init__(self) -> None:
        if self.api_key is not None and self.password is not None:
            raise SettingsError("`api_key` and `password` exclude each other; leave one out")


class _Fault(msgspec.Struct):
    type: str = ""
    reason: str | None = None


class _Result(msgspec.Struct):
    status: int = 0
    error: _Fault | str | None = None


class _Bulk(msgspec.Struct):
    items: list[dict[str, _Result]] = []


class Elasticsearch:
    """Writes documents."""

    kinds = EVERY_KIND
    most = 500

    def __init__(self, settings: ElasticsearchSettings) -> None:
        """Take where to write; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        shown = bearer(settings.api_key, "ApiKey") | basic(settings.user, settings.password)
        self._settings = settings
        self._poster = Poster(f"{settings.url.rstrip('/')}/_bulk", settings, shown)
        self.target = self._poster.target

    def forward(self, records: Sequence[Record]) -> None:
        """Write one document for each record.

        Raises:
            RecordsRefused: the cluster refuses some documents.
            ActionError: it does not answer, or has no room at present.
        """
        body = b"".join(line for record in records for line in self._lines(record))
        answer = self._poster.post(body, "application/x-ndjson")
        try:
            items = msgspec.json.decode(answer.body, type=_Bulk).items
        except msgspec.MsgspecError:
            raise ActionError(f"{self.target[0]} does not answer as Elasticsearch does") from None
        if len(items) != len(records):
            raise ActionError(f"{self.target[0]} answers for {len(items)} of {len(records)}")
        _check(dict(zip((record.uid for record in records), items, strict=True)))

    def _lines(self, record: Record) -> tuple[bytes, ...]:
        action = {"_index": f"{self._settings.index}-{record.kind}s", "_id": record.uid}
        document = {"@timestamp": record.time.isoformat(), **record.content}
        parts = ({self._settings.operation: action}, document)
        return tuple(msgspec.json.encode(part) + b"\n" for part in parts)


def _check(results: Mapping[str, dict[str, _Result]]) -> None:
    reasons = {}
    for uid, item in results.items():
        for result in item.values():
            # What was there before `create` is there.
            if result.status == HTTPStatus.CONFLICT or HTTPStatus(200) <= result.status < 300:
                continue
            if result.status in _TRY_LATER:
                raise ActionError(f"documents are answered with status {result.status}")
            reasons[uid] = one_line(f"status {result.status}: {_told(result.error)}")
    if reasons:
        raise RecordsRefused(f"{len(reasons)} documents are refused", reasons)


def _told(fault: _Fault | str | None) -> str:
    if isinstance(fault, _Fault):
        return f"{fault.type}: {fault.reason or ''}"
    return fault or "no reason given"
