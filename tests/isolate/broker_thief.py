"""Start a broker, and try all ways to read what only it may know, without capabilities.

Prints the names of the ways that succeeded, one a line, and `tried N` at the end.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tocsin.isolate.broker import Broker, forget

# Built here from its parts: the text of this program must not hold what is looked for.
WORD = "".join(["quite", "-", "secret", "-", "word"])
_ATTACH, _SEIZE, _DROP_FROM_BOUNDS = 16, 0x4206, 24
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Part(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


def traced(process: int, request: int) -> bytes:
    if _LIBC.ptrace(request, process, None, None) != 0:
        raise OSError(ctypes.get_errno(), "refused")
    return WORD.encode()


def copied(process: int) -> bytes:
    buffer = ctypes.create_string_buffer(16)
    here, there = _Part(ctypes.addressof(buffer), 16), _Part(0x400000, 16)
    got = _LIBC.process_vm_readv(process, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    if got < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return WORD.encode()


def read(path: Path) -> bytes:
    """Return what is there, with the word: that it can be read at all is too much."""
    with path.open("rb") as file:
        return (file.read(64) or b"-") + WORD.encode()


def followed(path: Path) -> bytes:
    return str(path.readlink()).encode() + WORD.encode()


def dumped(process: int) -> bytes:
    tool = shutil.which("gcore")
    if tool is None:
        raise OSError("no tool")
    subprocess.run([tool, "-o", "core", str(process)], capture_output=True, check=True, timeout=120)
    return b"".join(each.read_bytes() for each in Path.cwd().glob("core*"))


def output(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, check=False).stdout


def ways(process: int) -> dict[str, Callable[[], bytes]]:
    place = Path(f"/proc/{process}")
    return {
        "environ": (place / "environ").read_bytes,
        "own environ": Path("/proc/self/environ").read_bytes,
        "os.environ": lambda: repr(dict(os.environ)).encode(),
        "a child's environ": lambda: output("env"),
        "cmdline": (place / "cmdline").read_bytes,
        "ps": lambda: output("ps", "axe"),
        "mem": lambda: read(place / "mem"),
        "maps": lambda: read(place / "maps"),
        "smaps": lambda: read(place / "smaps"),
        "pagemap": lambda: read(place / "pagemap"),
        "ptrace attach": lambda: traced(process, _ATTACH),
        "ptrace seize": lambda: traced(process, _SEIZE),
        "process_vm_readv": lambda: copied(process),
        "gcore": lambda: dumped(process),
        "cwd": lambda: followed(place / "cwd"),
        "root": lambda: followed(place / "root"),
        "a descriptor": lambda: followed(next(iter((place / "fd").iterdir()))),
        "auxv": lambda: read(place / "auxv"),
        "stack": lambda: read(place / "stack"),
        "syscall": lambda: read(place / "syscall"),
    }


def without_rights() -> None:
    """Begin anew as a root without capabilities: it may read its files, and nobody's memory."""
    for capability in range(64):
        _LIBC.prctl(_DROP_FROM_BOUNDS, capability, 0, 0, 0)
    os.execv(
        sys.executable,
        [sys.executable, "-B", "-m", "tests.isolate.broker_thief", "again", *sys.argv[1:]],
    )


def main() -> None:
    if os.geteuid() == 0 and "again" not in sys.argv:
        without_rights()
    arguments = ("open",) if "open" in sys.argv else ()
    with Broker("tests.isolate.broker_example", arguments, dict(os.environ)) as broker:
        broker.start()
        forget(os.environ)
        assert broker.ask(["length"], seconds=120) == len(WORD)
        broker.environ = {}
        process = broker.process_id
        assert process is not None
        tried = ways(process)
        for name, way in tried.items():
            try:
                found = way()
            except (OSError, subprocess.SubprocessError):
                continue
            if WORD.encode() in found:
                sys.stdout.write(f"{name}\n")
        sys.stdout.write(f"tried {len(tried)}\n")


if __name__ == "__main__":
    main()
