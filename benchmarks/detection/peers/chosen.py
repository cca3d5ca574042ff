"""Peers made ready: installed where they are missing."""

from benchmarks.detection.peers.environments import SQLITE, TENZIR, ensure
from benchmarks.detection.peers.side import Side
from benchmarks.detection.peers.sqlite import Sqlite
from benchmarks.detection.peers.tenzir import Tenzir
from benchmarks.detection.peers.zircolite import Zircolite
from benchmarks.detection.workplace import Workplace


def sqlite(workplace: Workplace) -> Side:
    """Return pySigma's SQLite backend."""
    home = ensure(SQLITE, workplace.peers_folder, workplace.say)
    return Sqlite(home, workplace.folder)


def tenzir(workplace: Workplace) -> Side:
    """Return Tenzir."""
    home = ensure(TENZIR, workplace.peers_folder, workplace.say)
    return Tenzir(home, workplace.folder)


def zircolite(workplace: Workplace) -> Side:
    """Return Zircolite, which the user has brought; its rules are converted by the backend."""
    assert workplace.zircolite is not None
    converter = ensure(SQLITE, workplace.peers_folder, workplace.say)
    return Zircolite(workplace.zircolite, converter, workplace.folder)
