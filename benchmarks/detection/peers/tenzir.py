"""Tenzir: its `sigma` operator over JSON lines, as its guide shows it."""

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.detection.children import run
from benchmarks.detection.peers.environments import TENZIR
from benchmarks.detection.peers.side import PeerRun

_REFUSED = "sigma operator ignores rule"


@dataclass(frozen=True, slots=True)
class Tenzir:
    """Tenzir in its own environment; its output goes to `folder`."""

    home: Path
    folder: Path

    @property
    def name(self) -> str:
        """As the table shows it."""
        return TENZIR.name

    def run(self, rules: Path, events: Path, event_key: str) -> PeerRun:
        """Run the rules of a folder over a file; only the two identifiers are written."""
        out = self.folder / "tenzir.jsonl"
        out.unlink(missing_ok=True)
        pipeline = "\n".join(
            (
                f"from_file {json.dumps(str(events))} {{ read_ndjson }}",
                f"sigma path={json.dumps(str(rules))}",
                f"select rule=policy.uid, event=evidences[0].data.{event_key}",
                f"to_file {json.dumps(str(out))} {{ write_ndjson }}",
            )
        )
        usage = run([str(self.home / "bin" / "tenzir"), pipeline], self.folder)
        lines = out.read_text(encoding="utf-8").splitlines() if out.is_file() else []
        found = map(json.loads, lines)
        pairs = frozenset((str(each["event"]), str(each["rule"])) for each in found)
        return PeerRun(usage, pairs, usage.said.count(_REFUSED))
