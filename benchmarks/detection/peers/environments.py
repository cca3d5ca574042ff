"""Make an environment of pinned packages for one peer, once."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = Path.home() / ".cache" / "tocsin-benchmarks"
_MARK = ".installed"
_MINUTES = 20


class AbsentPeerError(Exception):
    """The peer cannot be run; the text says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What is installed.

    Attributes:
        name: as the table shows it, with its version.
        packages: pinned requirements, the peer's own first.
        size: what it takes, for whoever waits.
    """

    name: str
    packages: tuple[str, ...]
    size: str


SQLITE = Peer(
    "pySigma SQLite backend 2.1.1",
    ("pysigma-backend-sqlite==2.1.1", "pysigma==2.0.1"),
    "20 MB",
)
TENZIR = Peer("Tenzir 6.20.0", ("tenzir==6.20.0",), "1 GB")


def ensure(peer: Peer, folder: Path, say: Callable[[str], None]) -> Path:
    """Return the folder of a peer's environment, which is made where it is missing.

    Raises:
        AbsentPeerError: it cannot be installed.
    """
    home = folder / peer.packages[0].replace("==", "-")
    if (home / _MARK).is_file():
        return home
    say(f"installing {peer.name} ({peer.size}) into {home}")
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    for command in _commands(home, peer.packages):
        _run(command, peer)
    (home / _MARK).write_text("\n".join(peer.packages), encoding="utf-8")
    return home


def _commands(home: Path, packages: tuple[str, ...]) -> list[list[str]]:
    python = str(home / "bin" / "python")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv:
        return [
            [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
            [uv, "pip", "install", "--quiet", "--python", python, *packages],
        ]
    return [
        [sys.executable, "-m", "venv", str(home)],
        [python, "-m", "pip", "install", "--quiet", *packages],
    ]


def _run(command: list[str], peer: Peer) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60 * _MINUTES)
    except subprocess.CalledProcessError as error:
        last = [line for line in str(error.stderr).splitlines() if line.strip()][-1:]
        raise AbsentPeerError(f"{peer.name} cannot be installed: {' '.join(last)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AbsentPeerError(f"{peer.name} cannot be installed: {error}") from error
