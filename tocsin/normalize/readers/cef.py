"""Read events in CEF, bare or in a frame of syslog, whose parts stand under `syslog`."""

from dataclasses import dataclass

from tocsin.normalize.event_frames import cef_event
from tocsin.normalize.framed_events import FramedEvents


@dataclass(frozen=True, slots=True)
class CefSettings:
    """Nothing to choose: the format says all."""


class Cef(FramedEvents):
    """Reads CEF."""

    format = "CEF"

    def __init__(self, settings: CefSettings) -> None:
        """Take the options, of which there are none."""

    def event(self, text: str) -> dict[str, object] | None:
        """Return the parts of an event; see `FramedEvents`."""
        return cef_event(text)
