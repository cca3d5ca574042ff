"""Read formats of one line that stand bare or in a frame of syslog, such as CEF and LEEF."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from tocsin.normalize.syslog_frames import syslog_frame
from tocsin.ocsf.reading import LineReader

_encode = msgspec.json.Encoder().encode


class FramedEvents(LineReader):
    """Reads events that begin with their format's name; the parts of a frame are under `syslog`.

    Attributes:
        format: the name.
    """

    format: ClassVar[str]

    @abstractmethod
    def event(self, text: str) -> dict[str, object] | None:
        """Return the parts of an event that begins with the name, `None` where it is none."""

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line; see `LineReader`."""
        return [self._read_line(raw) for raw in raws]

    def _read_line(self, raw: bytes) -> bytes | str:
        line = raw.decode("utf-8", "backslashreplace")
        at = line.find(f"{self.format}:")
        record = self.event(line[at:]) if at >= 0 else None
        if record is None:
            return f"bad_frame: no head of {self.format} with all its parts"
        if at:
            frame = syslog_frame(line[:at])
            frame.pop("message", None)
            if frame:
                record["syslog"] = frame
        return _encode(record)
