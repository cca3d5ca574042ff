"""Read lines of syslog, RFC 5424 and RFC 3164, and the JSON, CEF or LEEF that they may carry.

What cannot be told apart stays in `message`, so that every line is a record. A time without a year
is `time_without_year`: the mapping has the time of receipt to find its year.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.normalize.event_frames import cef_event, leef_event
from tocsin.normalize.syslog_frames import syslog_frame
from tocsin.ocsf.reading import LineReader

_CEE = "@cee:"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    """How lines are read.

    Attributes:
        bodies: whether JSON, CEF and LEEF in the message are read, as `json`, `cef` and `leef`.
    """

    bodies: bool = True


class Syslog(LineReader):
    """Reads lines of syslog."""

    def __init__(self, settings: SyslogSettings) -> None:
        """Take how lines are read."""
        self._bodies = settings.bodies

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line; see `LineReader`."""
        return [self._read_line(raw) for raw in raws]

    def _read_line(self, raw: bytes) -> bytes | str:
        record = syslog_frame(raw.decode("utf-8", "backslashreplace"))
        if self._bodies:
            _add_body(record)
        try:
            return _encode(record)
        except (ValueError, RecursionError):
            record.pop("json", None)
            return _encode(record)


def _add_body(record: dict[str, object]) -> None:
    """Add what the message holds, where it is of a known form."""
    program, message = str(record.get("program", "")), str(record["message"])
    if program in ("CEF", "LEEF"):
        # The colon of `CEF:0|` was read as the one behind a program.
        del record["program"]
        message = record["message"] = f"{program}:{message}"
    text = message.removeprefix(_CEE).lstrip()
    if text.startswith("{"):
        try:
            body = _decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return
        if isinstance(body, dict):
            record["json"] = body
    elif found := cef_event(text):
        record["cef"] = found
    elif found := leef_event(text):
        record["leef"] = found
