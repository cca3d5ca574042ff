"""Zircolite from a folder that the user has: no package brings it, so we have not run it.

Called as its guide says, with a rule set in its own format that is converted once, outside of the
measurement. Its Python is that of `.venv` in its folder, else the converter's environment.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.detection.children import run
from benchmarks.detection.peers.side import PeerRun

_STEP = Path(__file__).with_name("sqlite_queries.py")


@dataclass(frozen=True, slots=True)
class Zircolite:
    """Zircolite; its output goes to `folder`.

    Attributes:
        home: the folder of `zircolite.py`.
        converter: environment of pySigma's SQLite backend.
    """

    home: Path
    converter: Path
    folder: Path

    @property
    def name(self) -> str:
        """As the table shows it."""
        return "Zircolite"

    def run(self, rules: Path, events: Path, event_key: str) -> PeerRun:
        """Run the rules of a folder over a file."""
        converter = str(self.converter / "bin" / "python")
        own = self.home / ".venv" / "bin" / "python"
        queries = self.folder / f"{rules.name}.sql.json"
        if not queries.is_file():
            run([converter, str(_STEP), "convert", str(rules), str(queries)], self.folder)
        made = json.loads(queries.read_text(encoding="utf-8"))
        rule_set, out = self.folder / f"{rules.name}.zircolite.json", self.folder / "detected.json"
        rule_set.write_text(json.dumps(_rule_set(made["queries"])), encoding="utf-8")
        out.unlink(missing_ok=True)
        command = [str(own) if own.is_file() else converter, str(self.home / "zircolite.py")]
        command += ["--events", str(events), "--json-input", "--ruleset", str(rule_set)]
        command += ["--outfile", str(out), "--nolog", "--quiet", "--no-event-filter"]
        usage = run([*command, "--no-parallel"], self.folder)
        detected = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else []
        pairs = frozenset(
            (str(row.get(event_key)), str(each["title"]))
            for each in detected
            for row in each["matches"]
        )
        return PeerRun(usage, pairs, int(made["refused"]))


def _rule_set(queries: list[tuple[str, str]]) -> list[dict[str, object]]:
    """Return the rule set, each rule titled by its uid, so that answers can be told apart."""
    return [
        {"title": uid, "id": uid, "description": "", "level": "medium", "tags": [], "rule": [sql]}
        for uid, sql in queries
    ]
