"""Turn raw records of any source into OCSF events. Thinks only.

A mapping file says how; `apply` is the whole of it: records in, events and rejects out, never an
exception because of a record.
"""

from tocsin.normalize.applying import Normalized, apply
from tocsin.normalize.envelopes import places
from tocsin.normalize.expansion import is_expanding
from tocsin.normalize.mapping import Mapping, load_mapping
from tocsin.normalize.sampling import check_samples, overlay
from tocsin.normalize.unwrapping import Unwrapped, unwrap

__all__ = [
    "Mapping",
    "Normalized",
    "Unwrapped",
    "apply",
    "check_samples",
    "is_expanding",
    "load_mapping",
    "overlay",
    "places",
    "unwrap",
]
