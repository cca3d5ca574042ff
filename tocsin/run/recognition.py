"""Recognize what files hold, and say why.

The names of fields in a sample are compared with the names that each mapping file speaks of, which
needs no compiled mapping; only the few that come nearest are compiled and try the sample.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tocsin import normalize, plugins
from tocsin.errors import UsageError
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.run.mapping_shelf import MappingShelf, Outline

_SAMPLE_RECORDS = 200
_LEAST_FIT = 0.5
_TRIALS = ((3, 0.9), (6, _LEAST_FIT), (24, _LEAST_FIT))
"""So many of the nearest sources are tried until one reads at least that share."""
_TOLD_FIELDS = 3
_DEEPEST = 10
_LIST_ELEMENTS = 5
_LARGEST_NESTED = 32 << 20


Tell = Callable[[str], None]
"""Told one line for people."""


def silently(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mapping reads a sample: 0 not at all, 1 every record and telling attribute."""

    source: str
    share: float
    records: int = 0


@dataclass(frozen=True, slots=True)
class Recognition:
    """The mapping that reads a sample best, and why it is that one.

    Attributes:
        mapping: compiled.
        fit: how well it reads the sample.
        fields: names in the records that few other sources have, the most telling first.
    """

    mapping: normalize.Mapping
    fit: Fit
    fields: tuple[str, ...]

    @property
    def source(self) -> str:
        """The name of the source."""
        return self.mapping.source

    def __str__(self) -> str:
        """Return one line: `recognized as aws.cloudtrail (97 % of 200 records; has eventName)`."""
        why = f"; has {', '.join(self.fields)}" if self.fields else "; lines of text"
        share = f"{self.fit.share * 100:.0f} %"
        return f"recognized as {self.source} ({share} of {self.fit.records} records{why})"


def recognize(
    paths: Sequence[str],
    mappings: Mapping[str, normalize.Mapping],
    tell: Tell = silently,
) -> normalize.Mapping:
    """Return the mapping that reads the files best; `tell` is told why.

    Raises:
        UsageError: standard input (it can be read only once), or nothing fits; the text says how
            well each source does.
    """
    found = recognition(paths, mappings)
    tell(str(found))
    return found.mapping


def recognition(paths: Sequence[str], mappings: Mapping[str, normalize.Mapping]) -> Recognition:
    """Return the mapping that reads the files best, with the reasons; raises as `recognize`."""
    if "-" in paths:
        raise UsageError("standard input can be read only once: name its source with --source")
    outlines = _outlines(mappings)
    rarity = Counter(name for outline in outlines.values() for name in outline.names)
    seen = Counter(_names_in(_sample(paths, None, None)))
    ranked = _ranked(outlines, rarity, seen)
    fits: list[Fit] = []
    for nearest, least in _TRIALS:
        fits += [_fit(paths, mappings[source]) for source in ranked[len(fits) : nearest]]
        # Of equals one that reads records as they are, then the one whose names they hold most.
        ranks = {fit.source: _rank(fit.source, outlines[fit.source], seen) for fit in fits}
        best = max(fits, key=lambda fit: (round(fit.share, 2), ranks[fit.source]), default=None)
        if best is not None and best.share >= least:
            fields = _telling(outlines[best.source], rarity, seen)
            return Recognition(mappings[best.source], best, fields)
    tried = ", ".join(f"{fit.source} {fit.share:.0%}" for fit in fits) or "none has such fields"
    raise UsageError(f"no source recognizes these records ({tried}); name one with --source")


def _outlines(mappings: Mapping[str, normalize.Mapping]) -> Mapping[str, Outline]:
    if isinstance(mappings, MappingShelf):
        return {source: mappings.outline(source) for source in mappings}
    return {
        source: Outline(
            frozenset(name for path in mapping.fields for name in path.split(".")),
            frozenset(),
            mapping.reader is not None,
        )
        for source, mapping in mappings.items()
    }


def _ranked(
    outlines: Mapping[str, Outline], rarity: Mapping[str, int], seen: Mapping[str, int]
) -> list[str]:
    """Return the sources that may fit, the nearest first; of text, those that read text."""
    if not seen:
        # Syslog takes nearly every line: whoever knows a line better goes first.
        texts = [source for source, outline in outlines.items() if outline.has_reader]
        return sorted(texts, key=lambda source: ("syslog" in source, source))
    total = len(outlines)
    scores = {}
    for source, outline in outlines.items():
        known = [name for name in seen if name in outline.names]
        told = sum(math.log(1 + total / rarity[name]) for name in known)
        asked = [name for name in outline.asked if name in seen]
        scores[source] = told + 3 * sum(math.log(1 + total / rarity[name]) for name in asked)
    likely = [source for source, score in scores.items() if score > 0]
    return sorted(likely, key=lambda source: (-scores[source], source))


def _rank(source: str, outline: Outline, seen: Mapping[str, int]) -> tuple[bool, float, str]:
    own = outline.names - outline.wrapping
    return not outline.has_reader, sum(name in seen for name in own) / max(len(own), 1), source


def _telling(
    outline: Outline, rarity: Mapping[str, int], seen: Mapping[str, int]
) -> tuple[str, ...]:
    known = [name for name in seen if name in outline.names]
    known.sort(key=lambda name: (name not in outline.asked, rarity[name], -seen[name], name))
    return tuple(known[:_TOLD_FIELDS])


def _names_in(sample: RawBatch | None) -> Iterator[str]:
    """Yield the names of fields in a sample, also of JSON inside its texts."""
    if sample is None:
        return
    for raw in sample.records.column("raw").to_pylist():
        yield from _names_of(raw, 0)
    for raw in sample.rejects.column("raw").to_pylist()[:_LIST_ELEMENTS]:
        yield from _names_of(raw, 0)


def _names_of(value: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, bytes):
        yield from _names_of(value.decode("utf-8", "replace"), depth)
    elif isinstance(value, str):
        yield from _names_of(_parsed(value), depth + 1)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _names_of(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value[: _SAMPLE_RECORDS if depth <= 2 else _LIST_ELEMENTS]:
            yield from _names_of(inner, depth + 1)


def _parsed(text: str) -> object:
    """Return the object or list that a text is; `None` where it is neither."""
    if text.lstrip()[:1] not in ("{", "[") or len(text) > _LARGEST_NESTED:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _sample(paths: Sequence[str], unwrap: str | None, reader: LineReader | None) -> RawBatch | None:
    plug = plugins.find("tocsin.collect.sources", "files")
    values = {
        "feed": "sample",
        "source": "sample",
        "paths": tuple(paths),
        "unwrap": unwrap,
        "reader": reader,
    }
    for batch in islice(plug(plugins.settings_of(plug, values)).read(None), 1):
        sample: RawBatch = replace(batch, records=batch.records.slice(0, _SAMPLE_RECORDS))
        return sample
    return None


def _fit(paths: Sequence[str], mapping: normalize.Mapping) -> Fit:
    sample = _sample(paths, mapping.unwrap, mapping.reader)
    if sample is None:
        return Fit(mapping.source, 0.0)
    sample = replace(sample, source=mapping.source)
    return Fit(mapping.source, mapping_fit(mapping, sample), int(sample.records.num_rows))


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
