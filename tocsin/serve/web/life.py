"""Life signs: am I up, am I ready, and the numbers for Prometheus."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tocsin.ocsf import EVERYTHING
from tocsin.serve.web import names
from tocsin.serve.web.guard import console_of, guarded_router, operation
from tocsin.serve.web.permissions import Permission

if TYPE_CHECKING:
    from tocsin.serve.web.console import Console, MetricView
    from tocsin.store.answers import FeedHealth

router = guarded_router()

# The text format that every Prometheus server reads.
# Source: https://prometheus.io/docs/instrumenting/exposition_formats/
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One sample in the words of the exposition format."""

    name: str
    kind: str
    description: str
    value: float
    labels: Mapping[str, str]


@operation(router, "GET", "/healthz", Permission.ANYONE, include_in_schema=False)
async def alive(request: Request) -> Response:
    """Answer while the process can answer at all; asks nothing, so that nothing can block it."""
    return JSONResponse({"status": "alive"})


@operation(router, "GET", "/readyz", Permission.ANYONE, include_in_schema=False)
def ready(request: Request) -> Response:
    """Answer 200 when turns run and the store can be written; details are for signed-in people."""
    is_ready = console_of(request).health().is_ready
    return JSONResponse({"status": "ready" if is_ready else "not ready"}, 200 if is_ready else 503)


@operation(router, "GET", "/metrics", Permission.METRICS, include_in_schema=False)
def metrics(request: Request) -> Response:
    """Answer with every counter."""
    console = console_of(request)
    samples = (*store_metrics(console), *console.metrics())
    return PlainTextResponse("".join(exposition(samples)), media_type=EXPOSITION)


def exposition(samples: "Iterable[MetricView]") -> Iterator[str]:
    """Yield the lines of the text format, samples of one name together."""
    ordered = sorted(samples, key=lambda sample: family(sample))
    for name, group in groupby(ordered, key=family):
        alike = list(group)
        yield f"# HELP {name} {_escaped_help(alike[0].description)}\n"
        yield f"# TYPE {name} {alike[0].kind}\n"
        for sample in alike:
            yield f"{sample.name}{_label_text(sample.labels)} {_number(sample.value)}\n"


def family(sample: "MetricView") -> str:
    """Return the name that HELP and TYPE carry: a histogram's without the suffix of its parts."""
    if sample.kind not in {"histogram", "summary"}:
        return sample.name
    for suffix in ("_bucket", "_count", "_sum"):
        if sample.name.endswith(suffix):
            return sample.name.removesuffix(suffix)
    return sample.name


def store_metrics(console: "Console") -> Iterator[Metric]:
    """Yield what the store itself can tell: feeds, incidents, sizes."""
    now, store = console.now(), console.store
    for feed in store.sources.list(EVERYTHING, now):
        yield from _feed_metrics(feed)
    open_incidents = store.incidents.open_by_severity(EVERYTHING)
    for severity, caption in names.SEVERITIES.items():
        labels = {"severity": caption.lower()}
        yield _gauge(
            "tocsin_open_incidents", "Open incidents.", open_incidents.get(severity, 0), labels
        )
    for status, count in store.incidents.by_status(EVERYTHING).items():
        yield _gauge("tocsin_incidents", "Incidents.", count, {"status": names.slug(status)})
    figures = store.maintenance.figures()
    yield _gauge("tocsin_stored_events", "Events in the store.", figures.events)
    yield _gauge("tocsin_stored_findings", "Findings in the store.", figures.findings)
    yield _gauge("tocsin_stored_rejects", "Rejects in the store.", figures.rejects)
    yield _gauge("tocsin_lake_bytes", "Size of event files.", figures.lake_bytes)
    yield _gauge("tocsin_state_bytes", "Size of the database.", figures.state_bytes)
    yield _gauge("tocsin_free_bytes", "Free space of the data folder's disk.", figures.free_bytes)
    yield _gauge("tocsin_ready", "Whether turns run.", int(console.health().is_ready))
    yield _gauge("tocsin_rules", "Rules in force.", sum(rule.is_on for rule in console.rules()))


def _feed_metrics(feed: "FeedHealth") -> Iterator[Metric]:
    labels = {"feed": feed.feed, "source": feed.source}
    outcomes = {
        "event": feed.events,
        "finding": feed.findings,
        "resource": feed.resources,
        "duplicate": feed.duplicates,
        "reject": feed.rejects,
    }
    yield _counter("tocsin_records_total", "Records received.", feed.received, labels)
    for outcome, count in outcomes.items():
        by_outcome = {**labels, "outcome": outcome}
        yield _counter("tocsin_outcomes_total", "What became of records.", count, by_outcome)
    silent = int(feed.is_silent)
    yield _gauge("tocsin_feed_silent", "Whether nothing came for too long.", silent, labels)
    if feed.lag is not None:
        seconds = feed.lag.total_seconds()
        yield _gauge("tocsin_feed_lag_seconds", "Age of events at receipt.", seconds, labels)
    if feed.own_lag is not None:
        seconds = feed.own_lag.total_seconds()
        yield _gauge("tocsin_feed_own_lag_seconds", "From receipt to commit.", seconds, labels)
    for kind, count in feed.redacted.items():
        by_kind = {**labels, "kind": kind}
        yield _counter("tocsin_redacted_total", "Secrets taken out of records.", count, by_kind)
    if feed.last_received_time is not None:
        moment = feed.last_received_time.timestamp()
        yield _gauge("tocsin_feed_last_received_seconds", "Time of the last batch.", moment, labels)


def _gauge(
    name: str, description: str, value: float, labels: Mapping[str, str] | None = None
) -> Metric:
    return Metric(name, "gauge", description, value, labels or {})


def _counter(name: str, description: str, value: float, labels: Mapping[str, str]) -> Metric:
    return Metric(name, "counter", description, value, labels)


def _label_text(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _escaped_help(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
