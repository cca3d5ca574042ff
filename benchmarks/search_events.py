"""Step: a search by principal and day over many stored events, and the start of Tocsin on them."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tocsin.ocsf import EVERYTHING
from tocsin.store import Span, Store

_QUERY = "actor.user.name:christophe"


def main(folder: str) -> None:
    with Store.open(Path(folder)) as store:
        figures = store.maintenance.figures()
        newest = figures.newest_event or datetime.now(UTC)
        day = Span(newest - timedelta(days=1), newest)
        times = []
        for _ in range(5):
            began = time.monotonic()
            rows = store.events.search(_QUERY, EVERYTHING, day, limit=100).rows.num_rows
            times.append(time.monotonic() - began)
    result = {
        "events": figures.events,
        "files": figures.files,
        "lake_mib": figures.lake_bytes >> 20,
        "rows": rows,
        "first_seconds": round(times[0], 3),
        "median_seconds": round(sorted(times)[2], 3),
        "ready_seconds": round(_ready_seconds(folder), 2),
    }
    print(json.dumps(result))


def _ready_seconds(folder: str) -> float:
    """Return the seconds from the start of the process to its first answer on a page."""
    environ = {**os.environ, "TOCSIN_DATA": folder, "TOCSIN_WEB__PORT": "0"}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "up"], stderr=subprocess.PIPE, env=environ
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(b"Tocsin answers"):
            break
    seconds = time.monotonic() - began
    process.terminate()
    process.communicate()
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
