"""Correlations: several events of a group within a time mean what each alone does not.

What a correlation finds is a function of the set of events of a group, not of the order in which
they arrive: random order, repetition and cutting into turns make no difference within the lateness.
"""

from tocsin.detect.correlations import state
from tocsin.detect.correlations.binding import Definition, Plans, bind
from tocsin.detect.correlations.clock import Clock
from tocsin.detect.correlations.learning import Remembered
from tocsin.detect.correlations.plan import Observation
from tocsin.detect.correlations.running import Correlator, Seen, Told

__all__ = [
    "Clock",
    "Correlator",
    "Definition",
    "Observation",
    "Plans",
    "Remembered",
    "Seen",
    "Told",
    "bind",
    "state",
]
