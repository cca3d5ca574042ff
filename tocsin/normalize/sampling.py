"""Lay a partial record over a mapping's complete example, and hold a mapping to its samples."""

from collections.abc import Mapping as Map
from datetime import datetime

import msgspec
import pyarrow as pa

from tocsin.conditions import lookup
from tocsin.normalize.applying import apply
from tocsin.normalize.mapping import Mapping
from tocsin.ocsf import RawBatch, schemas
from tocsin.ocsf.output import event_json

# Samples carry their own time; that of their receipt only has to be some fixed one.
_RECEIVED = datetime(2026, 11, 3)  # noqa: DTZ001 (the lake keeps UTC without zone)


def overlay(example: Map[str, object], record: Map[str, object]) -> dict[str, object]:
    """Return `record` laid over `example`: objects merge, anything else replaces, null too."""
    merged = dict(example)
    for name, value in record.items():
        below = merged.get(name)
        if isinstance(value, Map) and isinstance(below, Map):
            merged[name] = overlay(below, value)
        else:
            merged[name] = value
    return merged


def check_samples(mapping: Mapping) -> tuple[str, ...]:
    """Return one message for each value of a sample that its event does not hold."""
    problems = []
    for sample in mapping.samples:
        if sample.raw is None:
            raw = msgspec.json.encode(overlay(mapping.example, sample.record))
        else:
            raw = sample.raw.rstrip("\n").encode()
        normalized = apply(mapping, _batch(mapping.source, raw))
        if normalized.rejects.num_rows:
            reason = normalized.rejects.column("reason")[0].as_py()
            problems.append(f"sample {sample.name!r} is refused: {reason}")
            continue
        event = event_json(normalized.events.to_pylist()[0])
        for path, expected in sample.event.items():
            found = lookup(event, path)
            if expected not in found:
                problems.append(
                    f"sample {sample.name!r}: {path} should be {expected!r}, is {found!r}"
                )
    return tuple(problems)


def _batch(source: str, raw: bytes) -> RawBatch:
    row = {"raw": raw, "origin": "sample", "position": 0, "received_time": _RECEIVED}
    records = pa.Table.from_pylist([row], schema=schemas.RAW)
    return RawBatch(source, "sample", records, None, None, schemas.REJECTS.empty_table())
