"""Run a step in a process of its own; tell its seconds, CPU and the memory of its whole tree."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: wall and CPU seconds, peak memory of the tree in MiB, and what the step printed."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    printed: dict[str, object]


def run(step: str, *arguments: str) -> Measured:
    """Run `python -m benchmarks.<step> arguments`; its last line of output is a JSON object."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{step}", *arguments], stdout=subprocess.PIPE
    )
    peak = _Peak(process.pid)
    peak.start()
    out, _ = process.communicate()
    seconds = time.monotonic() - began
    peak.join()
    if process.returncode:
        raise SystemExit(f"{step} failed with exit code {process.returncode}")
    last = out.decode().strip().splitlines()[-1] if out.strip() else "{}"
    printed = json.loads(last)
    return Measured(float(printed.get("seconds", seconds)), peak.cpu_seconds, peak.mib, printed)


class _Peak(threading.Thread):
    """Looks at the tree twenty times a second until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self.mib = 0.0
        self.cpu_seconds = 0.0

    def run(self) -> None:
        while self._root.is_running():
            try:
                tree = [self._root, *self._root.children(recursive=True)]
                self.mib = max(self.mib, sum(each.memory_info().rss for each in tree) / 2**20)
                times = [each.cpu_times() for each in tree]
                self.cpu_seconds = sum(each.user + each.system for each in times)
            except psutil.Error:
                return
            time.sleep(0.05)
