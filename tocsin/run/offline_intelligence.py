"""Compare records of files with indicators: lists in a folder, or what a data folder has pulled."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin import detect, intelligence
from tocsin.errors import UsageError
from tocsin.ocsf import findings
from tocsin.run import pulls
from tocsin.run.comparing import foreign
from tocsin.settings.knowledge import IntelligenceFeed
from tocsin.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from tocsin.ocsf.addresses import Ranges
    from tocsin.settings import Settings

_PULLED = "indicators/*/state.json"
_MOST_EVIDENCE = 10
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Contacts:
    """What indicators say of events, batch after batch: one finding for each contact.

    Attributes:
        store: keeps the indicators.
        settings: say how long contacts are one finding.
        own: address ranges that no list may name.
    """

    store: Store
    settings: "Settings"
    own: "Ranges[bool]"
    _rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    _evidence: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def marked(self, events: "pa.Table") -> "pa.Table":
        """Return the events with what indicators say of them; the findings are kept."""
        found = intelligence.sought(events)
        answers = self.store.indicators.lookup(foreign(found.values, self.own), datetime.now(UTC))
        said = intelligence.conclude(
            events,
            found,
            answers,
            detect.RuleSet.actor_of,
            period=self.settings.intelligence.period,
            alert_from=_BEGINNING,
        )
        if said.findings.num_rows:
            self._keep(said.findings.to_pylist(), said.events)
        return said.events

    def _keep(self, rows: Iterable[dict[str, Any]], events: "pa.Table") -> None:
        places = {uid: place for place, uid in enumerate(events["event_uid"].to_pylist())}
        for row in rows:
            shown = self._evidence.setdefault(row["uid"], [])
            room = row["event_uids"][: _MOST_EVIDENCE - len(shown)]
            shown += events.take([places[uid] for uid in room]).to_pylist() if room else []
            before = self._rows.get(row["uid"])
            self._rows[row["uid"]] = _joined(before, row) if before else row

    def told(self) -> Iterator[dict[str, object]]:
        """Yield each finding as OCSF Detection Finding with its first events, in order of time."""
        for row in sorted(self._rows.values(), key=lambda each: (each["first_time"], each["uid"])):
            yield findings.finding_json(row, self._evidence[row["uid"]])


def _joined(before: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    worst = max(before, row, key=lambda each: each["severity_id"])
    return {
        **worst,
        "first_time": min(before["first_time"], row["first_time"]),
        "last_time": max(before["last_time"], row["last_time"]),
        "is_alert": before["is_alert"] or row["is_alert"],
        "match_count": before["match_count"] + row["match_count"],
        "event_uids": [*before["event_uids"], *row["event_uids"]],
    }


@contextmanager
def contacts(folder: Path, settings: "Settings", own: "Ranges[bool]") -> Iterator[Contacts]:
    """Open indicators; nothing is pulled from elsewhere, and a data folder stays as it is.

    Args:
        folder: a file or a folder of lists, or a data folder that holds pulled feeds.
        settings: of the command.
        own: address ranges that no list may name.

    Raises:
        UsageError: there is nothing to read, or nothing of it is an indicator.
    """
    if not folder.exists():
        raise UsageError(f"{folder} is not there; give lists of indicators, or a data folder")
    if any(folder.glob(_PULLED)):
        with Store.open(folder) as store:
            yield Contacts(store, settings, own)
        return
    with tempfile.TemporaryDirectory(prefix="tocsin-") as room, Store.open(Path(room)) as store:
        feed = IntelligenceFeed(name="given", path=folder)
        state = pulls.pull(feed, settings.intelligence, store, datetime.now(UTC))
        if state.problem or not state.rows:
            why = state.problem or "nothing in it is an indicator"
            raise UsageError(f"{folder}: {why}; give text, CSV, STIX or MISP files")
        yield Contacts(store, settings, own)
