"""Run a program of others within limits: how scanners run.

The program is named by its arguments, no shell reads them. It has a process group, a working folder
and an environment of its own, and limits of time, memory and output; at the end, however that
comes, the whole group is killed and the folder removed. Its output is handed on line by line while
it runs, so that none of it has to fit into memory.

This keeps a program from using up the machine. It does not keep one from reading what its user may
read: run what is not trusted as another user.
"""

import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.errors import WorldError

_READ_BYTES = 65_536
_LATEST_BYTES = 4_096
# Limits are set by a small process that then becomes the program: what is run between a fork and
# that could wait forever for a lock that another thread of ours held.
_LAUNCH = """
import os, resource, sys
memory, file, cpu = map(int, sys.argv[1:4])
for which, most in (
    (resource.RLIMIT_FSIZE, file),
    (resource.RLIMIT_CPU, cpu),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_AS, memory),
):
    hard = resource.getrlimit(which)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (most, most))
try:
    os.execv(sys.argv[4], sys.argv[4:])
except OSError as error:
    sys.exit(f"cannot be run: {error.strerror}")
"""


class ProgramError(WorldError):
    """A program did not run to a good end."""


class ProgramMissingError(ProgramError):
    """There is no such program, or it may not be run."""


class ProgramFailedError(ProgramError):
    """The program ended by itself, with a code that is not among the good ones.

    Attributes:
        code: its exit code; negative for the signal that ended it.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ProgramLimitError(ProgramError):
    """The program was killed because it passed a limit of time or output."""


@dataclass(frozen=True, slots=True)
class ProgramLimits:
    """What a program may use.

    Attributes:
        seconds: from its start to its end.
        memory_bytes: of addresses, in each of its processes.
        output_bytes: of all lines together.
        line_bytes: of one line.
        file_bytes: of one file that it writes.
    """

    seconds: float = 600.0
    memory_bytes: int = 2 << 30
    output_bytes: int = 256 << 20
    line_bytes: int = 8 << 20
    file_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    Attributes:
        arguments: the program and what it is given; a path, or a name to be found in `PATH` of the
            environment below.
        environment: all that it sees; nothing of our own is handed on.
        input: given to it as standard input.
        good_codes: exit codes that are no failure; some scanners end with 1 where they found
            something.
        limits: what it may use.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    input: bytes = b""
    good_codes: frozenset[int] = frozenset({0})
    limits: ProgramLimits = field(default_factory=ProgramLimits)


@contextmanager
def running(program: Program) -> Iterator[Iterator[bytes]]:
    """Run a program and give its standard output, line by line, without the ends of lines.

    Read to the end, the lines end where the program ended well. Whoever leaves the block earlier
    ends the program. Its working folder is empty at first; what it writes there is gone afterward.

    Raises:
        ProgramMissingError: there is no such program.
        ProgramFailedError: it ended with another code; raised by the lines.
        ProgramLimitError: it passed a limit; raised by the lines.
    """
    room = tempfile.mkdtemp(prefix="tocsin-program-")
    try:
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
            given.write(program.input)
            given.seek(0)
            process = _start(program, room, given.fileno(), complaints.fileno())
            try:
                yield _lines(process, program, complaints.fileno())
            finally:
                _end(process)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _start(program: Program, room: str, given: int, complaints: int) -> "subprocess.Popen[bytes]":
    environment = {"HOME": room, "TMPDIR": room, "LC_ALL": "C.UTF-8", **program.environment}
    name = program.arguments[0]
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found is None:
        raise ProgramMissingError(f"there is no program {name}, or it may not be run")
    limits = program.limits
    values = (limits.memory_bytes, limits.file_bytes, int(limits.seconds) + 1)
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, *map(str, values)]
    try:
        return subprocess.Popen(
            [*launch, str(Path(found).absolute()), *program.arguments[1:]],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=room,
            env=environment,
            bufsize=0,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ProgramMissingError(f"{name} cannot be run: {error}") from error


def _lines(
    process: "subprocess.Popen[bytes]", program: Program, complaints: int
) -> Iterator[bytes]:
    limits, name = program.limits, Path(program.arguments[0]).name
    deadline = time.monotonic() + limits.seconds
    begun, total = bytearray(), 0
    for part in _parts(process, deadline, limits, name):
        total += len(part)
        if total > limits.output_bytes:
            raise ProgramLimitError(f"{name} says more than {limits.output_bytes} bytes")
        begun += part
        if b"\n" in part:
            *whole, rest = bytes(begun).split(b"\n")
            begun = bytearray(rest)
            yield from _short(whole, limits, name)
        list(_short([begun], limits, name))
    if begun:
        yield bytes(begun)
    _judge(process, program, deadline, complaints)


def _parts(
    process: "subprocess.Popen[bytes]", deadline: float, limits: ProgramLimits, name: str
) -> Iterator[bytes]:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise ProgramLimitError(f"{name} takes longer than {limits.seconds:g} s")
            part = os.read(process.stdout.fileno(), _READ_BYTES)
            if not part:
                return
            yield part


def _short(lines: Sequence[bytes | bytearray], limits: ProgramLimits, name: str) -> Iterator[bytes]:
    for line in lines:
        if len(line) > limits.line_bytes:
            raise ProgramLimitError(f"{name} says a line of more than {limits.line_bytes} bytes")
        yield bytes(line) if isinstance(line, bytes) else b""


def _judge(
    process: "subprocess.Popen[bytes]", program: Program, deadline: float, complaints: int
) -> None:
    """Wait for the end of a program that has said all, and judge its exit code."""
    name = Path(program.arguments[0]).name
    code = _code(process.pid, max(0.0, deadline - time.monotonic()))
    if code is None:
        raise ProgramLimitError(f"{name} takes longer than {program.limits.seconds:g} s")
    if code in program.good_codes:
        return
    ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ends with code {code}"
    said = _latest(complaints)
    raise ProgramFailedError(f"{name} {ended}{said and f': {said}'}", code)


def _code(pid: int, seconds: float) -> int | None:
    """Return the exit code of a child without collecting it; `None` where it goes on.

    Uncollected, its number stays that of its group, and nobody else's.
    """
    descriptor = os.pidfd_open(pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            if not selector.select(seconds):
                return None
    finally:
        os.close(descriptor)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _latest(complaints: int) -> str:
    """Return the end of what a program complained of, as one line."""
    size = os.fstat(complaints).st_size
    end = os.pread(complaints, _LATEST_BYTES, max(0, size - _LATEST_BYTES))
    text = " ".join(end.decode("utf-8", "replace").split())
    return "".join(one for one in text if one.isprintable())[-500:]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill whatever is left of the group, and collect the program itself."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Nobody is left, or only what has ended and waits to be collected.
        process.kill()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
