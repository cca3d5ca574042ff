"""Everything in one process: sources, receivers, turns, upkeep, and the listeners of the pages."""

import logging
import threading
from asyncio import wrap_future
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tocsin.collect import Listener, Outcome, Receiver, Tls, receiver_app
from tocsin.errors import TocsinError
from tocsin.isolate.broker import Broker
from tocsin.ocsf import EVERYTHING, RawBatch
from tocsin.run import feeds, forwarding_work, suppressing
from tocsin.run import log as logs
from tocsin.run.absences import AbsenceWatch
from tocsin.run.coverage import Covered, covered, source_states
from tocsin.run.demo import demo_sources
from tocsin.run.feeding import Feeder
from tocsin.run.forwarding import ForwardWork, works
from tocsin.run.health import Health
from tocsin.run.memory import keep_small
from tocsin.run.metrics import Meter, Metric, feed_counts, feed_gauges, forwarder_samples
from tocsin.run.notifying import Notifying, notifying
from tocsin.run.queue import TurnQueue
from tocsin.run.releasing import release
from tocsin.run.reloading import Reloader, Reread
from tocsin.run.remembering import Learning, learning
from tocsin.run.responding import Responding
from tocsin.run.responding_work import responding
from tocsin.run.scheduling import Scheduler, scheduler
from tocsin.run.shown import ShownRule
from tocsin.run.ticketing import TicketLoop, ticketing
from tocsin.run.tools import Tools
from tocsin.run.turning import Turner
from tocsin.run.upkeep import Upkeep
from tocsin.run.watching import IntelligenceWatch
from tocsin.run.wiring import LoadedRules, load_mappings
from tocsin.settings import Settings
from tocsin.store import Store

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_STOP_SECONDS = 10.0
_STALE_TURN = timedelta(seconds=30)
_LEARNING_AGE = timedelta(seconds=30)

log = logging.getLogger("tocsin.run")


def utc_now() -> datetime:
    """Return the present moment, UTC and aware; the clock of everything below."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Running:
    """Tocsin at work in this process; `stop` ends it cleanly.

    Attributes:
        settings: as loaded.
        store: open for as long as this runs.
        reloader: the rules in force, replaced whenever their files change.
        notifying: what tells people of incidents.
        is_demo: whether the demo's sources run, and no others.
        receiving: what others push to, also by sockets of its own.
        forwarding: the work of each forwarder.
        tickets: what keeps tickets in other systems.
        responding: what carries out requests to act.
        schedules: what runs by the clock.
        log_file: where the log goes when the terminal is kept free; else `None`.
    """

    settings: Settings
    store: Store
    reloader: Reloader
    is_demo: bool
    queue: TurnQueue
    meter: Meter
    stopping: threading.Event
    turner: Turner
    feeders: tuple[Feeder, ...]
    upkeep: Upkeep
    intelligence: IntelligenceWatch
    receivers: "Listener | None"
    notifying: Notifying
    tickets: TicketLoop
    responding: Responding
    schedules: Scheduler
    receiving: Sequence[Receiver] = ()
    forwarding: tuple[ForwardWork, ...] = ()
    log_file: Path | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _pages: "Listener | None" = None
    _learning: "tuple[datetime, object, Mapping[str, Learning]] | None" = None

    @property
    def rules(self) -> LoadedRules:
        """The rules in force, with the problems of the files that are not."""
        return self.reloader.current.loaded

    @property
    def tools(self) -> Tools:
        """What turns work with at present."""
        return self.reloader.current.tools

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def serve(self, app: "ASGIApp") -> str:
        """Serve the pages on the console's own listener; return its address."""
        web = self.settings.web
        self._pages = Listener(app, web.host, web.port, _tls(web.tls))
        self._pages.start()
        return self._pages.url

    def receiver_address(self) -> str | None:
        """Return the address that feeds push to, where any does."""
        return self.receivers.url if self.receivers else None

    def shown_rules(self) -> tuple[ShownRule, ...]:
        """Return the rules in force with all that a page tells of them."""
        return self.reloader.current.shown

    def health(self) -> Health:
        """Return whether turns run, and what is wrong."""
        problems = [
            f"feed {feeder.feed}: {feeder.problem}" for feeder in self.feeders if feeder.problem
        ]
        problems += self.receivers.problems() if self.receivers else ()
        if self.turner.problem:
            problems.append(f"turns store nothing: {self.turner.problem}")
        turning = any(thread.name == "turns" and thread.is_alive() for thread in self._threads)
        last = self.turner.last_turn
        is_fresh = last is not None and utc_now() - last < _STALE_TURN
        if not (turning and is_fresh):
            problems.append("the thread of turns does not move; restart Tocsin and see the log")
        problems += suppressing.totals(self.store, utc_now())
        is_ready = turning and is_fresh and not self.turner.problem
        more = (
            *forwarding_work.problems(self.store),
            *self.notifying.problems(),
            *self.tickets.problems(),
            *self.responding.problems(),
            *self.schedules.problems(),
            *self.upkeep.problems(),
            *self.reloader.problems(),
            *self.intelligence.problems(),
        )
        return Health(is_ready, (*problems, *more))

    def coverage(self) -> Covered:
        """Return the ATT&CK matrix with the rules in force and the sources that speak now."""
        rules, now = self.tools.rules, utc_now()
        feeds = self.store.sources.list(EVERYTHING, now)
        return covered(rules, source_states(rules, self.settings, feeds, now))

    def learning(self) -> Mapping[str, Learning]:
        """Return the correlations that still learn, by uid; looked up twice a minute at most."""
        now, rules = utc_now(), self.tools.rules
        known = self._learning
        if known is None or known[1] is not rules or now - known[0] > _LEARNING_AGE:
            known = self._learning = now, rules, learning(rules, self.store, now)
        return known[2]

    def metrics(self) -> Sequence[Metric]:
        """Return what only the running pipeline knows."""
        pulled = ((feeder.feed, feeder.source) for feeder in self.feeders)
        counts = feeds.counted(pulled, self.receiving)
        ways = {} if self.is_demo else feeds.ways_in(self.settings)
        waiting = feed_gauges(self.queue.by_feed(), ways)
        forwarded = forwarder_samples(self.store.forwarding.states())
        counted = self.meter.samples(*self.queue.depth())
        return (*counted, *feed_counts(counts), *waiting, *forwarded)

    def own_ports(self) -> frozenset[int]:
        """Return the ports at which this Tocsin listens at present."""
        listeners = [each.port for each in (self.receivers, self._pages) if each]
        feeds_ports = [getattr(feed, "port", 0) for feed in self.settings.feeds]
        return frozenset(port for port in (*listeners, *feeds_ports) if port)

    def start(self) -> None:
        """Start every thread, then the receivers."""
        for name, work in self._work():
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        if self.receivers:
            self.receivers.start()

    def stop(self) -> None:
        """Refuse new records, turn what waits, close everything; a second call does nothing."""
        if self.stopping.is_set():
            return
        for listener in (self.receivers, self._pages):
            if listener:
                listener.stop()
        self.stopping.set()
        self.queue.close()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
        self.queue.fail(self.queue.take(0.0))
        self.reloader.close()
        self.store.close()
        log.info("stopped")

    def _work(self) -> list[tuple[str, Callable[[], None]]]:
        work: list[tuple[str, Callable[[], None]]] = [("turns", self.turner.run)]
        work += [(f"feed-{feeder.feed}", feeder.run) for feeder in self.feeders]
        work += [(f"forward-{each.name}", each.run) for each in self.forwarding]
        return [
            *work,
            *self.notifying.work(),
            *self.tickets.work(),
            *self.responding.work(),
            ("schedules", self.schedules.run),
            ("upkeep", self.upkeep.run),
            ("rules", self.reloader.run),
            ("intelligence", self.intelligence.run),
        ]


def start(
    settings: Settings,
    *,
    demo: bool = False,
    reread: Reread | None = None,
    broker: Broker | None = None,
) -> Running:
    """Open the store, load the content, start all threads and the receivers.

    Args:
        settings: loaded.
        demo: play the demo's story into a folder of its own instead of reading the feeds.
        reread: gives the settings anew, for when somebody asks to reload the rules.
        broker: holds the credentials that may change accounts; without one, this process does.

    Raises:
        TocsinError: settings, content or the store cannot be used; the text says what to do.
    """
    keep_small()
    store = Store.open(
        settings.data,
        demo=demo,
        memory_limit=f"{settings.limits.memory >> 20}MB",
        threads=settings.limits.threads,
    )
    log_file = logs.configure(settings.log_level, store.folder)
    try:
        running = _assemble(settings, store, demo, reread, broker)
        running.log_file = log_file
        release(settings, store, utc_now())
    except TocsinError:
        store.close()
        raise
    try:
        running.start()
    except BaseException:
        running.stop()
        raise
    return running


def _assemble(
    settings: Settings, store: Store, demo: bool, reread: Reread | None, broker: Broker | None
) -> Running:
    stopping = threading.Event()
    mappings = load_mappings()
    reloader = Reloader(settings, mappings, stopping, reread)
    queue, meter = TurnQueue(), Meter()
    sources = demo_sources(stopping) if demo else feeds.pulled(settings, mappings, stopping)
    watch = AbsenceWatch(settings, store)
    receiving = () if demo else feeds.receivers(settings, mappings)
    running = Running(
        settings=settings,
        store=store,
        reloader=reloader,
        is_demo=demo,
        queue=queue,
        meter=meter,
        stopping=stopping,
        turner=Turner(queue, store, reloader.tools, utc_now, watch.findings, meter, stopping),
        feeders=tuple(Feeder(each.feed, each.source, queue, store, stopping) for each in sources),
        upkeep=Upkeep(settings, store, stopping, utc_now),
        intelligence=IntelligenceWatch(
            settings, store, lambda: reloader.current.tools, stopping, utc_now
        ),
        receivers=_receivers(settings, receiving, queue, meter),
        notifying=notifying(settings, store, stopping, utc_now, is_silent=demo),
        tickets=ticketing(settings, store, stopping, utc_now, is_silent=demo),
        responding=responding(settings, store, stopping, utc_now, broker),
        schedules=scheduler(settings, store, stopping, utc_now),
        receiving=receiving,
    )
    if not demo:
        running.forwarding = works(settings, store, stopping, utc_now, running.own_ports)
    return running


def _receivers(
    settings: Settings, receiving: Sequence[Receiver], queue: TurnQueue, meter: Meter
) -> "Listener | None":
    if not receiving:
        return None

    async def submit(batch: RawBatch) -> Outcome:
        future = queue.offer(batch)
        if future is None:
            meter.refused()
            return Outcome("busy", retry_after_seconds=1)
        return await wrap_future(future)

    listening = settings.receivers
    app = receiver_app(receiving, submit)
    return Listener(app, listening.host, listening.port, _tls(listening.tls))


def _tls(tls: "object | None") -> "Tls | None":
    from tocsin.settings.model import Tls as TlsSettings

    return Tls(str(tls.certificate), str(tls.key)) if isinstance(tls, TlsSettings) else None
