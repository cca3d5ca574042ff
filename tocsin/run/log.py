"""Structured logs: one JSON object a line, whatever a log value holds.

JSON escapes control characters, so text from a record can neither forge a line nor move a cursor.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

_FILE_BYTES = 10 << 20
_FILES = 3
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(level: str, folder: Path) -> Path | None:
    """Send Tocsin's log from `level` on, and libraries' from `warning` on, to standard error.

    On a terminal, where a line a turn would push the address and the set-up link away, the log goes
    to a file in `folder` instead, and only warnings come to the terminal.

    Returns:
        The file, where there is one.
    """
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_JsonLines())
    handlers: list[logging.Handler] = [stream]
    path = folder / "tocsin.log" if sys.stderr.isatty() else None
    if path is not None:
        stream.setLevel(logging.WARNING)
        kept = RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_FILES, delay=True)
        kept.setFormatter(_JsonLines())
        handlers.append(kept)
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    logging.getLogger("tocsin").setLevel(level.upper())
    # These two log request paths and queue names at warning on every passing fault.
    for name in ("urllib3", "botocore"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return path
