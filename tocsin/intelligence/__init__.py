"""Threat intelligence: read indicators, find them in events, say what a contact means. Thinks only.

`Reader` turns what feeds send into indicators, `sought` names what of a batch is worth asking for,
and `conclude` makes findings of the answers. Where indicators are kept is the store's business.
"""

from tocsin.intelligence import keys
from tocsin.intelligence.concluding import Concluded, conclude
from tocsin.intelligence.indicators import Indicator, IndicatorTable
from tocsin.intelligence.reading import Defaults, Reader
from tocsin.intelligence.seeking import Sought, sought
from tocsin.intelligence.values import recognized

__all__ = [
    "Concluded",
    "Defaults",
    "Indicator",
    "IndicatorTable",
    "Reader",
    "Sought",
    "conclude",
    "keys",
    "recognized",
    "sought",
]
