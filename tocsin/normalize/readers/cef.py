"""Read events in CEF, bare or in a frame of syslog, whose parts stand under `syslog`."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.normalize.event_frames import cef_event
from tocsin.normalize.syslog_frames import syslog_frame
from tocsin.ocsf.reading import LineReader

_BEGIN = "CEF:"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class CefSettings:
    """Nothing to choose: the format says all."""


class Cef(LineReader):
    """Reads CEF."""

    def __init__(self, settings: CefSettings) -> None:
        """Take the options, of which there are none."""

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line; see `LineReader`."""
        return [_read_line(raw) for raw in raws]


def _read_line(raw: bytes) -> bytes | str:
    line = raw.decode("utf-8", "backslashreplace")
    at = line.find(_BEGIN)
    record = cef_event(line[at:]) if at >= 0 else None
    if record is None:
        return "bad_frame: no head of CEF with all its parts"
    if at:
        frame = syslog_frame(line[:at])
        frame.pop("message", None)
        if frame:
            record["syslog"] = frame
    return _encode(record)
