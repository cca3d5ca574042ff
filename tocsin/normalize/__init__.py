"""Turn raw records of any source into OCSF events. Thinks only.

A mapping file says how; `apply` is the whole of it: records in, events and rejects out, never an
exception because of a record.
"""

from tocsin.normalize.unwrapping import Unwrapped, unwrap

__all__ = ["Unwrapped", "unwrap"]
