"""Put changed rules in force while Tocsin runs: no restart, and no record lost.

A thread looks at the files that the settings name under `rules` every two seconds. What changed is
read and compiled there; the thread that turns takes it up between two turns, whole. Files that are
refused keep their last good version.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from tocsin import normalize
from tocsin.errors import Problem, TocsinError
from tocsin.isolate import RuleWorker
from tocsin.run import last_good
from tocsin.run.notice import Notice
from tocsin.run.shown import ShownRule, shown_rules
from tocsin.run.tools import Tools
from tocsin.run.wiring import (
    LoadedRules,
    load_rules,
    load_tools,
    made_tools,
    parsed_rules,
    rule_texts,
    rules_of,
)
from tocsin.settings import Settings

LOOK_EVERY_SECONDS = 2.0
_SETTLE_SECONDS = 0.3
_MOST_LOOKS_TO_SETTLE = 10
_LARGEST_SHARE = 20
_MOST_FILES = 200_000
_SUFFIXES = (".yaml", ".yml", ".py")

log = logging.getLogger("tocsin.rules")

Reread = Callable[[], Settings]


@dataclass(frozen=True, slots=True)
class InForce:
    """A set of rules ready for turns.

    Attributes:
        good: the texts that it was read from.
        kept: files whose last good version is in force.
        since: when it was read, UTC.
    """

    loaded: LoadedRules
    tools: Tools
    shown: tuple[ShownRule, ...]
    good: Mapping[str, str]
    since: datetime
    kept: tuple[str, ...] = ()


class Reloader:
    """The rules in force, and the thread that replaces them."""

    def __init__(
        self,
        settings: Settings,
        mappings: Mapping[str, normalize.Mapping],
        stopping: threading.Event,
        reread: Reread | None = None,
    ) -> None:
        """Load the rules for the first time.

        Args:
            settings: as loaded.
            mappings: by source.
            stopping: ends the thread.
            reread: gives the settings anew; of these `rules` is taken when somebody asks.

        Raises:
            TocsinError: a folder is not there, or content of Tocsin's own is wrong.
        """
        self._settings = settings
        self._mappings = mappings
        self._stopping = stopping
        self._reread = reread
        self._worker = RuleWorker()
        self._asked = threading.Event()
        self._problem = ""
        # Seconds that looking took: a folder of very many files must not keep a core busy.
        self._looked = 0.0
        self._pending: InForce | None = None
        # Taken before the files are read: a change in between is seen later.
        self._signature = _signature(_watched(settings))
        self._current = self._first()
        self._notice = Notice(settings.data)

    @property
    def current(self) -> InForce:
        """The rules in force."""
        return self._current

    def tools(self) -> Tools:
        """Return what the next turn works with; only for the thread that turns."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._worker.provide(pending.loaded.surroundings)
            self._current = pending
            self._tell()
        return self._current.tools

    def ask(self) -> None:
        """Read rules and their settings again soon, whether or not a file has changed."""
        self._asked.set()

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each thing that keeps rules from being in force as written."""
        current = self._current
        told = last_good.told(current.loaded.problems, current.kept)
        return (*((self._problem,) if self._problem else ()), *told)

    def close(self) -> None:
        """End the worker; only once no turn runs any more."""
        self._worker.close()
        self._notice.withdraw()

    def run(self) -> None:
        """Look for changes until told to stop."""
        self._tell()
        try:
            # Playbooks and the actions that they name: the first incident must not wait for them.
            self._current.tools.proposing.warm()
        except Exception:  # the outermost edge of a thread: the turn that needs them says it again
            log.exception("playbooks cannot be read ahead")
        while not self._stopping.wait(max(LOOK_EVERY_SECONDS, self._looked * _LARGEST_SHARE)):
            try:
                self.once()
            except Exception:  # the outermost edge of a thread: the rules in force stay
                log.exception("rules cannot be reloaded")
                self._problem = "rules cannot be reloaded: a fault of Tocsin; see the log"

    def once(self) -> None:
        """Look once, and read what has changed."""
        is_asked = self._asked.is_set() or self._notice.is_asked()
        if is_asked:
            self._asked.clear()
            self._take_settings()
        began = time.monotonic()
        signature = _signature(_watched(self._settings))
        self._looked = time.monotonic() - began
        if signature == self._signature and not is_asked:
            return
        self._signature = self._settled(signature)
        try:
            self._pending = self._read()
            self._problem = ""
        except TocsinError as error:
            self._problem = f"rules are not reloaded, those in force stay: {error}"
            log.warning("rules are not reloaded", extra={"problem": str(error)})
            self._notice.give(self._current.loaded, self._current.since, self.problems())

    def _take_settings(self) -> None:
        if self._reread is None:
            return
        try:
            self._settings = self._settings.model_copy(update={"rules": self._reread().rules})
        except TocsinError as error:
            log.warning("settings of rules are not reloaded", extra={"problem": str(error)})

    def _settled(self, signature: bytes) -> bytes:
        """Return the signature once it stays the same: files may still be on their way."""
        for _ in range(_MOST_LOOKS_TO_SETTLE):
            if self._stopping.wait(_SETTLE_SECONDS):
                break
            before, signature = signature, _signature(_watched(self._settings))
            if signature == before:
                break
        return signature

    def _first(self) -> InForce:
        loaded = load_rules(rules_of(self._settings), self._settings)
        tools = load_tools(self._settings, loaded, self._worker, self._mappings)
        refused = {each.location.file for each in loaded.refusals}
        good = {name: text for name, text in loaded.texts.items() if name not in refused}
        for problem in loaded.refusals:
            log.warning("a rule file is refused", extra={"problem": str(problem)})
        shown = shown_rules(loaded, tools.rules)
        return InForce(loaded, tools, shown, good, datetime.now(UTC))

    def _read(self) -> InForce:
        settings = self._settings
        texts, unreadable = rule_texts(rules_of(settings))
        waiting = self._pending or self._current
        reading = last_good.read(
            texts,
            waiting.good,
            lambda these: parsed_rules(these, _left(unreadable, these), settings),
        )
        loaded = reading.loaded
        tools = made_tools(settings, loaded, self._worker, self._mappings)
        for engine in tools.rules.engines.values():
            # Compiled here, so that the thread that turns never waits for it.
            _ = engine.index
        tools.proposing.warm()
        shown = shown_rules(loaded, tools.rules)
        return InForce(loaded, tools, shown, reading.good, datetime.now(UTC), reading.kept)

    def _tell(self) -> None:
        current = self._current
        self._notice.give(current.loaded, current.since, self.problems())
        log.info(
            "rules in force",
            extra={
                "version": current.loaded.version,
                "rules": len(current.loaded.rules),
                "refused": [str(each) for each in current.loaded.refusals][:20],
                "kept": list(current.kept)[:20],
            },
        )


def _left(unreadable: Iterable[Problem], texts: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return the problems of files that have no text; one of before may stand in for them."""
    return tuple(each for each in unreadable if each.location.file not in texts)


def _watched(settings: Settings) -> tuple[Path, ...]:
    rules = settings.rules
    return (*rules.folders, *rules.pipelines, *rules.log_sources)


def _signature(folders: Iterable[Path]) -> bytes:
    """Return a hash that changes when a rule file appears, goes, or is written."""
    digest = blake2b(digest_size=16)
    for number, line in enumerate(_stats(folders)):
        if number >= _MOST_FILES:
            break
        digest.update(line)
    return digest.digest()


def _stats(folders: Iterable[Path]) -> Iterator[bytes]:
    for folder in folders:
        waiting = [str(folder)]
        yield _stat(str(folder))
        while waiting:
            try:
                with os.scandir(waiting.pop()) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.name.endswith(_SUFFIXES):
                    yield _stat(entry.path)


def _stat(path: str) -> bytes:
    try:
        # Follows links: folders that are mounted, as in Kubernetes, swap what a link leads to.
        found = os.stat(path)  # noqa: PTH116 - thousands, by name
    except OSError:
        return f"{path}\0gone\n".encode("utf-8", "surrogatepass")
    return f"{path}\0{found.st_mtime_ns} {found.st_size} {found.st_ino}\n".encode(
        "utf-8", "surrogatepass"
    )
