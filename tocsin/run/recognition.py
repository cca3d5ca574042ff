"""Recognize what files hold: every mapping tries a sample, the best fit wins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tocsin import normalize, plugins
from tocsin.errors import UsageError
from tocsin.ocsf import RawBatch

_SAMPLE_RECORDS = 200
_LEAST_FIT = 0.5


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mapping reads a sample: 0 not at all, 1 every record and telling attribute."""

    source: str
    share: float


def recognize(paths: Sequence[str], mappings: Mapping[str, normalize.Mapping]) -> normalize.Mapping:
    """Return the mapping that reads the files best.

    Raises:
        UsageError: standard input (it can be read only once), or nothing fits; the text says how
            well each source does.
    """
    if "-" in paths:
        raise UsageError("standard input can be read only once: name its source with --source")
    fits = sorted(
        (_fit(paths, mapping) for mapping in mappings.values()), key=lambda fit: -fit.share
    )
    if not fits or fits[0].share < _LEAST_FIT:
        tried = ", ".join(f"{fit.source} {fit.share:.0%}" for fit in fits)
        raise UsageError(f"no source recognizes these records ({tried}); name one with --source")
    return mappings[fits[0].source]


def _fit(paths: Sequence[str], mapping: normalize.Mapping) -> Fit:
    plug = plugins.find("tocsin.collect.sources", "files")
    values = {
        "feed": "sample",
        "source": mapping.source,
        "paths": tuple(paths),
        "unwrap": mapping.unwrap,
        "reader": mapping.reader,
    }
    for batch in islice(plug(plugins.settings_of(plug, values)).read(None), 1):
        sample: RawBatch = replace(batch, records=batch.records.slice(0, _SAMPLE_RECORDS))
        return Fit(mapping.source, mapping_fit(mapping, sample))
    return Fit(mapping.source, 0.0)


def mapping_fit(mapping: normalize.Mapping, sample: RawBatch) -> float:
    """Return the share of sample records that become events with an operation or a native kind."""
    events = normalize.apply(mapping, sample).events
    telling = {"api": "operation", "metadata": "event_code"}
    columns = [name for name in telling if name in events.column_names]
    told = sum(
        1
        for row in events.select(columns).to_pylist()
        if any((row[name] or {}).get(telling[name]) for name in columns)
    )
    return told / max(int(sample.records.num_rows), 1)
