"""pySigma's SQLite backend, its queries run by SQLite over flattened events: Zircolite's way.

Rules are converted once, outside of the measurement, as Zircolite's rule sets are.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.detection.children import run
from benchmarks.detection.peers.environments import SQLITE
from benchmarks.detection.peers.side import PeerRun

_STEP = Path(__file__).with_name("sqlite_queries.py")


@dataclass(frozen=True, slots=True)
class Sqlite:
    """The backend in its own environment; queries and answers go to `folder`."""

    home: Path
    folder: Path

    @property
    def name(self) -> str:
        """As the table shows it."""
        return SQLITE.name

    def run(self, rules: Path, events: Path, event_key: str) -> PeerRun:
        """Run the rules of a folder over a file."""
        queries, pairs = self.folder / f"{rules.name}.sql.json", self.folder / "sqlite.pairs"
        python = str(self.home / "bin" / "python")
        if not queries.is_file():
            run([python, str(_STEP), "convert", str(rules), str(queries)], self.folder)
        usage = run(
            [python, str(_STEP), "run", str(queries), str(events), event_key, str(pairs)],
            self.folder,
        )
        found = (line.partition("\t") for line in pairs.read_text(encoding="utf-8").splitlines())
        refused = int(json.loads(usage.printed)["refused"])
        return PeerRun(usage, frozenset((event, rule) for event, _, rule in found), refused)
