"""Keep the process small while many threads allocate large batches.

glibc gives threads up to eight heaps a core and returns little of them; Arrow's own pool keeps what
it once had. Two heaps and the system's allocator hold the same batches in two thirds of the memory,
at the same speed (`make benchmark`).
"""

import ctypes
import sys

import pyarrow as pa

_M_ARENA_MAX = -8
_ARENAS = 2


def keep_small() -> None:
    """Set both for this process; call it before threads start. A second call does nothing more."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        # Other C libraries (musl) have no such call, and no such heaps.
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)
    pa.set_memory_pool(pa.system_memory_pool())
