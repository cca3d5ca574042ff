"""Read events in LEEF, bare or in a frame of syslog, whose parts stand under `syslog`."""

from dataclasses import dataclass

from tocsin.normalize.event_frames import leef_event
from tocsin.normalize.framed_events import FramedEvents


@dataclass(frozen=True, slots=True)
class LeefSettings:
    """Nothing to choose: the format says all."""


class Leef(FramedEvents):
    """Reads LEEF."""

    format = "LEEF"

    def __init__(self, settings: LeefSettings) -> None:
        """Take the options, of which there are none."""

    def event(self, text: str) -> dict[str, object] | None:
        """Return the parts of an event; see `FramedEvents`."""
        return leef_event(text)
