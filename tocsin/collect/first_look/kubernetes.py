"""Read the audit log of a cluster where its API server serves it, and else the cluster's events.

The API server serves files below /var/log of its own machine at `/logs/`, where it was not told not
to; the audit log is among them where it is written to /var/log/kube-apiserver. Events are kept for
an hour by default. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tocsin.collect.clusters import Cluster, cluster_of
from tocsin.collect.looking import Look, LookSettings, Observe, Pause, Seen, unheard
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch

if TYPE_CHECKING:
    import httpx

_AUDIT = "/logs/kube-apiserver/audit.log"
_EVENTS = "/api/v1/events"
_PAGE = 500
_MOST_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class KubernetesSettings(LookSettings):
    """Where to look.

    Attributes:
        kubeconfig: the file; otherwise that of kubectl, or the pod's own account.
        context: of the kubeconfig; otherwise its current one.
    """

    kubeconfig: Path | None = None
    context: str | None = None


class Kubernetes:
    """Looks at one cluster."""

    guarantee: ClassVar[str] = "resumable"

    def __init__(
        self,
        settings: KubernetesSettings,
        *,
        pause: Pause = time.sleep,
        observe: Observe = unheard,
    ) -> None:
        self._settings = settings
        self._pause = pause
        self._observe = observe
        self.problems: dict[str, str] = {}
        self.accounts: tuple[str, ...] = ()
        self.regions: tuple[str, ...] = ()

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what happened; see `Source.read`."""
        settings = self._settings
        cluster = cluster_of(settings.kubeconfig, settings.context)
        self.accounts = (cluster.name,)
        with cluster.client() as client:
            source, found = self._found(client)
            look = Look(
                settings.feed,
                source,
                settings.since,
                settings.until,
                self._pause,
                self._observe,
                self.problems,
            )
            yield from look.batches([_Whole(cluster, source, found)], cursor)

    def acknowledge(self, batch: RawBatch) -> None:
        """Do nothing: the cursor is the place."""

    def _found(self, client: "httpx.Client") -> tuple[str, list[Seen]]:
        """Return what the cluster has: audit events, or else events."""
        lines = _lines(client)
        if lines is not None:
            return "kubernetes.audit", list(_seen(lines, "auditID", _audited))
        self.problems["audit log"] = (
            f"the API server does not serve {_AUDIT}; events were read instead, which do not say"
            " who did what; docs/guides/connect-kubernetes.md says how to stream the audit log"
        )
        return "kubernetes.event", list(_seen(_events(client), "", _happened))


@dataclass(frozen=True, slots=True)
class _Whole:
    """A cluster that tells all it has at once."""

    cluster: Cluster
    source: str
    found: Sequence[Seen]

    @property
    def name(self) -> str:
        """Cluster and kind: whoever gets the audit log later reads it from its start."""
        return f"{self.cluster.name}/{self.source}"

    @property
    def origin(self) -> str:
        """Where its records say they come from."""
        return f"kubernetes://{self.cluster.name}/{self.source.partition('.')[2]}"

    def seen(self, begin: datetime, end: datetime) -> Sequence[Seen]:
        """Return what happened between two moments."""
        first, last = begin.timestamp() * 1000, end.timestamp() * 1000
        return [each for each in self.found if first <= each.time_ms <= last]


def _lines(client: "httpx.Client") -> Iterator[bytes] | None:
    """Return the lines of the audit log, or `None` where it is not served."""
    import httpx

    try:
        with client.stream("GET", _AUDIT) as answer:
            if answer.status_code in (401, 403, 404, 405):
                return None
            answer.raise_for_status()
            body = bytearray()
            for block in answer.iter_bytes():
                body += block
                if len(body) > _MOST_BYTES:
                    break
    except httpx.HTTPError as error:
        raise SourceError(f"the API server does not answer: {error}") from error
    return iter(bytes(body).splitlines())


def _events(client: "httpx.Client") -> Iterator[bytes]:
    import httpx

    more = ""
    while True:
        try:
            answer = client.get(_EVENTS, params={"limit": str(_PAGE), "continue": more})
            answer.raise_for_status()
            page = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise SourceError(f"events cannot be listed: {error}") from error
        for item in page.get("items", []):
            # Lists leave out what each event says of itself elsewhere.
            whole = {"apiVersion": "v1", "kind": "Event", **item}
            yield json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()
        more = str(page.get("metadata", {}).get("continue") or "")
        if not more:
            return


def _seen(
    lines: Iterator[bytes], name: str, moment_of: Callable[[Mapping[str, Any]], object]
) -> Iterator[Seen]:
    for line in lines:
        try:
            record = json.loads(line)
            moment = datetime.fromisoformat(str(moment_of(record)))
            own = record[name] if name else _event_name(record)
        except (ValueError, KeyError, TypeError, RecursionError):
            # The log rotates while it is read: its first or last line may be half.
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        stage = record.get("stage", "")
        yield Seen(int(moment.timestamp() * 1000), f"{own}{stage}", line)


def _audited(record: Mapping[str, Any]) -> object:
    return record.get("requestReceivedTimestamp") or record["stageTimestamp"]


def _happened(record: Mapping[str, Any]) -> object:
    return (
        record.get("lastTimestamp")
        or record.get("eventTime")
        or record.get("firstTimestamp")
        or record["metadata"]["creationTimestamp"]
    )


def _event_name(record: Mapping[str, Any]) -> str:
    return f"{record['metadata']['uid']}/{record['metadata'].get('resourceVersion', '')}"
