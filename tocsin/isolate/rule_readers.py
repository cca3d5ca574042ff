"""Read many rule files in processes that may be lost.

A parser that a file sends into a loop, or into all memory, costs that file alone: its reader is
ended, another takes the files that follow, and the file becomes a problem with a reason.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tocsin.errors import Location, Problem
from tocsin.isolate.channel import BrokenChannelError, Channel, LateError, channel_pair

_CHILD = Path(__file__).with_name("rule_reader_child.py")
_BATCH = 64
_MOST_READERS = 8
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """What reading may spend.

    Attributes:
        file_seconds: time for one file.
        memory_bytes: address space of one reader.
        losses: readers lost after which the rest of the files is left out.
    """

    file_seconds: float = 10.0
    memory_bytes: int = 1 << 30
    losses: int = 20


class RuleReaders:
    """Reads files with the same placeholders and pipelines, as many at once as there are cores."""

    def __init__(
        self,
        placeholders: Mapping[str, Sequence[str]],
        pipelines: Mapping[str, str],
        limits: ReaderLimits | None = None,
    ) -> None:
        self._opening = msgspec.msgpack.encode([placeholders, pipelines])
        self._limits = limits or ReaderLimits()
        self._losses = 0

    def read(self, files: Mapping[str, str]) -> Mapping[str, bytes | Problem]:
        """Return by path what `detect.parse_rules` packs of each file, or why it cannot be read.

        Files are left out where no reader starts, or where what they hold cannot be packed.
        """
        pairs = list(files.items())
        batches = iter([pairs[at : at + _BATCH] for at in range(0, len(pairs), _BATCH)])
        count = min(os.cpu_count() or 1, _MOST_READERS)
        with ThreadPoolExecutor(count, thread_name_prefix="readers") as pool:
            parts = pool.map(lambda _: self._work(batches), range(count))
        found = {path: content for part in parts for path, content in part.items()}
        return {path: content for path, content in found.items() if content}

    def _work(self, batches: Iterator[list[tuple[str, str]]]) -> dict[str, bytes | Problem]:
        """Read batches with one reader after the other until there are none left."""
        found: dict[str, bytes | Problem] = {}
        reader: _Reader | None = None
        try:
            for batch in batches:
                rest = batch
                while rest:
                    if self._losses >= self._limits.losses:
                        found.update(_given_up(rest, self._losses))
                        break
                    reader = reader or _started(self._opening, self._limits)
                    if reader is None:
                        return found
                    rest, reason = self._batch(reader, rest, found)
                    if reason:
                        reader.end()
                        reader = None
                        path = rest.pop(0)[0]
                        found[path] = Problem(Location(path), f"{reason}; left out")
                        self._losses += 1
        finally:
            if reader:
                reader.end()
        return found

    def _batch(
        self,
        reader: "_Reader",
        batch: list[tuple[str, str]],
        found: dict[str, bytes | Problem],
    ) -> tuple[list[tuple[str, str]], str]:
        """Read a batch; return what is left of it, and why."""
        seconds = self._limits.file_seconds
        done = 0
        try:
            reader.channel.send(msgspec.msgpack.encode(batch), seconds=_START_SECONDS)
            for path, _ in batch:
                found[path] = reader.channel.receive(seconds=seconds)
                done += 1
        except LateError:
            return batch[done:], f"reading it took longer than {seconds:g} s"
        except (BrokenChannelError, ValueError):
            return batch[done:], "reading it needs too much memory, or ends the reader"
        return [], ""


def _given_up(files: Iterable[tuple[str, str]], losses: int) -> dict[str, Problem]:
    message = f"not read: {losses} other files were too hard to read; remove them"
    return {path: Problem(Location(path), message) for path, _ in files}


@dataclass(frozen=True, slots=True)
class _Reader:
    process: subprocess.Popen[bytes]
    channel: Channel

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.channel.close()


def _started(opening: bytes, limits: ReaderLimits) -> _Reader | None:
    """Return a reader that is ready, `None` where the system gives none."""
    channel, child_reads, child_writes = channel_pair()
    numbers = (str(child_reads), str(child_writes), str(limits.memory_bytes))
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD), *numbers],
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(child_reads, child_writes),
            start_new_session=True,
        )
    except OSError:
        channel.close()
        return None
    finally:
        os.close(child_reads)
        os.close(child_writes)
    reader = _Reader(process, channel)
    try:
        channel.receive(seconds=_START_SECONDS)
        channel.send(opening, seconds=_START_SECONDS)
    except (BrokenChannelError, LateError):
        reader.end()
        return None
    return reader
