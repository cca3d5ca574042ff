"""Read events in LEEF, bare or in a frame of syslog, whose parts stand under `syslog`."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.normalize.event_frames import leef_event
from tocsin.normalize.syslog_frames import syslog_frame
from tocsin.ocsf.reading import LineReader

_BEGIN = "LEEF:"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class LeefSettings:
    """Nothing to choose: the format says all."""


class Leef(LineReader):
    """Reads LEEF."""

    def __init__(self, settings: LeefSettings) -> None:
        """Take the options, of which there are none."""

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line; see `LineReader`."""
        return [_read_line(raw) for raw in raws]


def _read_line(raw: bytes) -> bytes | str:
    line = raw.decode("utf-8", "backslashreplace")
    at = line.find(_BEGIN)
    record = leef_event(line[at:]) if at >= 0 else None
    if record is None:
        return "bad_frame: no head of LEEF with all its parts"
    if at:
        frame = syslog_frame(line[:at])
        frame.pop("message", None)
        if frame:
            record["syslog"] = frame
    return _encode(record)
