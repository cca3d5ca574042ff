"""Run a program as a child; tell its seconds, and those of its processors to the last child."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent


class FailedChildError(Exception):
    """The program ended with an exit code; the text is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One run.

    Attributes:
        cpu_seconds: of the program and of its children, from the start of the process to its end.
        seconds: by the clock.
        printed: standard output.
        said: standard error.
    """

    cpu_seconds: float
    seconds: float
    printed: str
    said: str


def run(command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> Usage:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        folder: where its output is put meanwhile.
        environ: more variables.

    Raises:
        FailedChildError: it ended with another exit code than 0.
    """
    return wait(start(command, folder, environ))


@dataclass(frozen=True, slots=True)
class Running:
    """A program that was started."""

    process: "subprocess.Popen[bytes]"
    began: float
    out: Path
    said: Path


def start(
    command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None
) -> Running:
    """Start a program from the project's folder; its output goes to files."""
    out, said = (folder / f"child-{time.monotonic_ns()}.{kind}" for kind in ("out", "err"))
    with out.open("wb") as out_stream, said.open("wb") as said_stream:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=out_stream,
            stderr=said_stream,
            env={**os.environ, **(environ or {})},
        )
    return Running(process, time.monotonic(), out, said)


def wait(running: Running) -> Usage:
    """Wait for the end of a program.

    Raises:
        FailedChildError: it ended with another exit code than 0.
    """
    _, status, used = os.wait4(running.process.pid, 0)
    seconds = time.monotonic() - running.began
    code = running.process.returncode = os.waitstatus_to_exitcode(status)
    printed, said = (
        path.read_text(encoding="utf-8", errors="replace") for path in (running.out, running.said)
    )
    running.out.unlink()
    running.said.unlink()
    if code:
        raise FailedChildError(f"exit code {code}: {(said or printed)[-600:].strip()}")
    return Usage(used.ru_utime + used.ru_stime, seconds, printed, said)


def python(step: str, *arguments: str) -> list[str]:
    """Return the command that runs `python -m benchmarks.<step>` in this environment."""
    return [sys.executable, "-m", f"benchmarks.{step}", *arguments]


def peak_mib() -> float:
    """Return the most memory that this process has held since it was started, in MiB.

    Read from the process itself: what the kernel tells a parent begins with the parent's own size.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise FailedChildError("the kernel does not tell the peak of this process")
