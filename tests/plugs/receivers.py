"""What the suite of receivers must know of each plug: its constructor and its framing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tocsin.collect import PushFeed, Receiver
from tocsin.collect.receivers.elasticsearch import (
    Elasticsearch,
    ElasticsearchFeed,
    ElasticsearchSettings,
)
from tocsin.collect.receivers.json_lines import JsonLines, JsonLinesSettings
from tocsin.collect.receivers.kubernetes_audit import (
    KubernetesAudit,
    KubernetesAuditFeed,
    KubernetesAuditSettings,
)


@dataclass(frozen=True)
class Case:
    """One receiver: how it is made, where it listens and how it frames records."""

    make: Callable[[tuple[PushFeed, ...]], Receiver]
    path: str
    frame: Callable[[Sequence[bytes]], bytes]
    keeps_bytes: bool = True
    kind: type[PushFeed] = PushFeed


def lines(records: Sequence[bytes]) -> bytes:
    return b"".join(record + b"\n" for record in records)


def bulk(records: Sequence[bytes]) -> bytes:
    return b"".join(b'{"create":{"_index":"logs"}}\n' + record + b"\n" for record in records)


def event_list(records: Sequence[bytes]) -> bytes:
    head = json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1"})[:-1]
    return head.encode() + b',"items":[' + b",".join(records) + b"]}"


CASES = {
    "elasticsearch": Case(
        lambda feeds: Elasticsearch(ElasticsearchSettings(feeds)),
        "/_bulk",
        bulk,
        kind=ElasticsearchFeed,
    ),
    "json_lines": Case(lambda feeds: JsonLines(JsonLinesSettings(feeds)), "/ingest/trail", lines),
    "kubernetes_audit": Case(
        lambda feeds: KubernetesAudit(KubernetesAuditSettings(feeds)),
        "/kubernetes/audit/trail",
        event_list,
        kind=KubernetesAuditFeed,
    ),
}
