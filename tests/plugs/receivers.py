"""What the suite of receivers must know of each plug: its constructor and its framing."""

import json
from collections.abc import Sequence

from tests.plugs import pushed
from tests.plugs.case import Case, lines
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
    **pushed.CASES,
}

OWN_SUITES = {"gelf", "netflow", "syslog"}
"""Receivers that take one message at a time, or none by HTTP: tests/collect/test_{name}.py."""
