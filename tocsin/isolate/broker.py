"""Keep credentials in a process of their own that answers questions and gives none of them away.

The child is another Python module of Tocsin (`run` says which, since it knows what the child must
load). It cannot be dumped or traced by programs of the same user, leaves no core, gains no
privileges, opens no port, and ends with its parent. Variables whose names begin with `KEPT` reach
the child alone: `forget` takes them out of the parent, its environment block included.

What the same user can read from disk is not protected by this: give secrets by variables, or by
files that a service manager hands over.

Source: https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html,
https://man7.org/linux/man-pages/man5/proc_pid_environ.5.html
"""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import msgspec

from tocsin.errors import WorldError
from tocsin.isolate.channel import BrokenChannelError, Channel, LateError, channel_pair

KEPT = "TOCSIN_BROKER_"
"""How the names of variables begin that only the broker may see."""

_START_SECONDS = 60.0
_PR_SET_PDEATHSIG, _PR_GET_DUMPABLE, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 3, 4, 38


class BrokerError(WorldError):
    """The broker does not start, ended, or does not answer in time."""


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    channel: Channel


@dataclass(slots=True)
class Broker:
    """A child that holds credentials; started when first asked, and anew when it died.

    Safe for several threads: one question at a time.

    Attributes:
        module: run as `python -m`; it calls `serve_questions`.
        arguments: for it.
        environ: all that the child sees of the environment.
    """

    module: str
    arguments: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)
    _child: _Child | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Broker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int | None:
        """Of the child, while it runs."""
        return self._child.process.pid if self._child else None

    def start(self) -> None:
        """Start the child now rather than at the first question.

        Raises:
            BrokerError: it does not start; the text is its own.
        """
        with self._lock:
            self._started()

    def ask(self, question: Sequence[object], *, seconds: float) -> object:
        """Return the child's answer to one question.

        Args:
            question: what msgpack can say.
            seconds: for the answer; a child that takes longer is ended, since nobody knows what it
                would still do.

        Raises:
            BrokerError: there is no answer, and nobody knows whether the question was read.
        """
        with self._lock:
            child = self._started()
            try:
                child.channel.send(msgspec.msgpack.encode(question), seconds=seconds)
                answer: object = msgspec.msgpack.decode(child.channel.receive(seconds=seconds))
            except (BrokenChannelError, LateError, msgspec.MsgspecError) as error:
                self._end()
                late = isinstance(error, LateError)
                problem = f"did not answer within {seconds:g} s" if late else "ended"
                raise BrokerError(f"the broker of credentials {problem}") from error
            return answer

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end()

    def _started(self) -> _Child:
        if self._child is not None and self._child.process.poll() is None:
            return self._child
        self._end()
        channel, child_reads, child_writes = channel_pair()
        command = [sys.executable, "-B", "-m", self.module, str(child_reads), str(child_writes)]
        try:
            process = subprocess.Popen(
                [*command, *self.arguments],
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(child_reads, child_writes),
                start_new_session=True,
            )
        finally:
            os.close(child_reads)
            os.close(child_writes)
        self._child = _Child(process, channel)
        self._greet(channel)
        return self._child

    def _greet(self, channel: Channel) -> None:
        try:
            hello = msgspec.msgpack.decode(channel.receive(seconds=_START_SECONDS), type=str)
        except (BrokenChannelError, LateError, msgspec.MsgspecError) as error:
            self._end()
            raise BrokerError("the broker of credentials does not start") from error
        if hello:
            self._end()
            raise BrokerError(f"the broker of credentials does not start: {hello}")

    def _end(self) -> None:
        if self._child is not None:
            self._child.process.kill()
            self._child.process.wait()
            self._child.channel.close()
            self._child = None


def lock_in() -> bool:
    """Protect this process: no dumps, no tracing, no core, no new privileges, no life of its own.

    Returns:
        Whether the kernel does so; elsewhere than on Linux it does not.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    prctl = getattr(libc, "prctl", None)
    if prctl is None:
        return False
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return bool(prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)


def forget(environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Take the variables that only the broker may see out of this process; return their names.

    The block that the kernel shows as `/proc/PID/environ` still holds what the process was started
    with, so that it is overwritten there too.
    """
    names = tuple(sorted(name for name in environ if name.startswith(KEPT)))
    for name in names:
        del environ[name]
    # Another system, or a kernel that hides the place: then the variables alone are gone.
    with contextlib.suppress(OSError, ValueError, IndexError):
        _overwrite(KEPT.encode())
    return names


def _overwrite(beginning: bytes) -> None:
    block = Path("/proc/self/environ").read_bytes()
    # Fields 50 and 51 of proc_pid_stat(5), counted behind the name, which may hold blanks.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    if not 0 < start < end or len(block) > end - start:
        return
    position = 0
    for entry in block.split(b"\0"):
        if entry.startswith(beginning):
            name, _, value = entry.partition(b"=")
            ctypes.memset(start + position + len(name) + 1, ord("x"), len(value))
        position += len(entry) + 1
