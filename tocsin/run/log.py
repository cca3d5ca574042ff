"""Structured logs on standard error: one JSON object a line, whatever a log value holds.

JSON escapes control characters, so text from a record can neither forge a line nor move a cursor.
"""

import json
import logging
import sys
from datetime import UTC, datetime

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


def configure(level: str) -> None:
    """Send Tocsin's log to standard error from `level` on; libraries only from `warning` on."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(logging.WARNING)
    logging.getLogger("tocsin").setLevel(level.upper())
    # These two log request paths and queue names at warning on every passing fault.
    for name in ("urllib3", "botocore"):
        logging.getLogger(name).setLevel(logging.ERROR)
