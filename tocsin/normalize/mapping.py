"""A loaded mapping: checked, compiled, planned, ready for batches."""

from collections import deque
from collections.abc import Iterator
from collections.abc import Mapping as Map
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from tocsin.errors import Location, MappingError, SettingsError
from tocsin.normalize import observables
from tocsin.normalize.compiling import ENUMERATED, Compiled, compile_mapping
from tocsin.normalize.definition import Definition, FindingPart, Sample, read_definition
from tocsin.normalize.describing import RESOURCE
from tocsin.normalize.engine import FEED, Engine
from tocsin.normalize.expansion import is_expanding
from tocsin.normalize.expressions import Structure
from tocsin.normalize.macros import load_macros
from tocsin.normalize.reading import FindReader
from tocsin.normalize.reporting import ENTITIES, GROUP, WANTED, Reporting
from tocsin.normalize.targets import unknown_fields
from tocsin.ocsf import schemas
from tocsin.ocsf.classes import EventClass
from tocsin.ocsf.reading import LineReader

_OWN = frozenset(
    ("row number", "is read", "is accepted", "has time", "native id", "same record")
    + (ENTITIES, GROUP, WANTED, RESOURCE, *ENUMERATED)
)
_NAMES: dict[str, pa.DataType] = {
    "class_name": pa.string(),
    "activity_name": pa.string(),
    "status_id": pa.int32(),
    "status": pa.string(),
}
# What a reader read of the raw text, as JSON: the native fields of the record.
_READ: dict[str, pa.DataType] = {"native": pa.string()}


@dataclass(frozen=True, slots=True)
class Mapping:
    """How records of one source become events.

    Attributes:
        source: the source's type, such as `aws.cloudtrail`.
        unwrap: the dotted key below which a payload holds its records, `None` where none does.
        reader: reads records of text, `None` where all are JSON.
        example: a complete record that examples of rules start from.
        fields: declared native paths, lists without index, in the order of the file.
        pairs: native path by OCSF path where the one is the other unchanged.
        trust: `provider` or `agent` by declared native path; any other is the attacker's to choose.
        event_trust: the same by OCSF path: the lowest label of what it is computed from.
        samples: records with what their events must hold.
        schema: the columns of every table of events of this mapping.
        classes: the classes that its records can become.
        observables: the OCSF paths that point at values worth searching, with their kinds.
        reporting: how its events of finding classes are findings, `None` where they are not.
        is_describing: whether its records can describe things.
    """

    source: str
    unwrap: str | None
    reader: LineReader | None
    example: Map[str, object]
    fields: tuple[str, ...]
    pairs: Map[str, str]
    trust: Map[str, str]
    event_trust: Map[str, str]
    samples: tuple[Sample, ...]
    schema: pa.Schema = field(repr=False)
    classes: tuple[EventClass, ...] = field(repr=False)
    observables: tuple[tuple[str, int], ...] = field(repr=False)
    reporting: Reporting | None
    is_describing: bool
    _sql: str = field(repr=False)
    _macros: tuple[str, ...] = field(repr=False)
    _threads: int = field(repr=False)
    _engines: deque[Engine] = field(default_factory=deque, compare=False, repr=False)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """Lend an engine to one thread; a new one is planned only when all are in use."""
        try:
            engine = self._engines.pop()
        except IndexError:
            engine = Engine(self._sql, self._macros, self._threads)
        try:
            yield engine
        finally:
            self._engines.append(engine)


def load_mapping(
    text: str,
    location: str,
    macros: str = "",
    *,
    threads: int = 1,
    find_reader: FindReader | None = None,
) -> Mapping:
    """Load a mapping file.

    Args:
        text: its content.
        location: its name, for messages.
        macros: the content of `content/functions.sql`: functions that it may call.
        threads: how many a batch may use; more helps only batches of many thousand records.
        find_reader: makes the reader that it may name.

    Raises:
        MappingError: with file and line, for anything that cannot work later.
    """
    functions = load_macros(macros, "content/functions.sql")
    definition = read_definition(text, location)
    compiled = compile_mapping(definition, frozenset(functions))
    engine, found = _planned(location, compiled, tuple(functions.values()), threads)
    _check_columns(compiled, found)
    if definition.finding:
        _check_entities(definition.finding, found.field(ENTITIES).type)
    mapping = Mapping(
        source=definition.source,
        unwrap=definition.unwrap,
        reader=_reader(definition, find_reader),
        example=definition.example,
        fields=tuple(_leaves(definition.record, ())),
        pairs=compiled.fields,
        trust=definition.trust,
        event_trust={
            path: _lowest(definition.trust, used) for path, used in compiled.inputs.items()
        },
        samples=definition.samples,
        schema=_events_schema(found, has_reader=definition.reader is not None),
        classes=compiled.classes,
        observables=compiled.observables,
        reporting=(
            Reporting(definition.source, definition.finding.period) if definition.finding else None
        ),
        is_describing=definition.resource is not None,
        _sql=compiled.sql,
        _macros=tuple(functions.values()),
        _threads=threads,
    )
    mapping._engines.append(engine)
    return mapping


def _reader(definition: Definition, find_reader: FindReader | None) -> LineReader | None:
    part = definition.reader
    if part is None:
        return None
    if find_reader is None:
        raise MappingError(f"nobody here finds the reader {part.name!r}", part.location)
    try:
        reader = find_reader(part.name, part.options)
    except SettingsError as error:
        raise MappingError(str(error), part.location) from error
    if is_expanding(definition.unwrap) and not reader.takes_json:
        message = f"reports are JSON: {part.name!r} reads lines of text, which `expand` cannot cut"
        raise MappingError(message, part.location)
    return reader


def _planned(
    location: str, compiled: Compiled, macros: tuple[str, ...], threads: int
) -> tuple[Engine, pa.Schema]:
    """Plan the statement and run it on nothing, which shows the types of its columns."""
    try:
        engine = Engine(compiled.sql, macros, threads)
        return engine, engine.run(FEED.empty_table()).schema
    except duckdb.Error as error:
        message = str(error).splitlines()[0]
        blamed = _blamed(compiled, macros)
        raise blamed or MappingError(
            f"cannot be compiled: {message}", Location(location)
        ) from error


def _blamed(compiled: Compiled, macros: tuple[str, ...]) -> MappingError | None:
    """Find the first expression that does not fit by itself: the whole has no lines."""
    engine = Engine("SELECT 1", macros, threads=1)
    for sql, location in compiled.probes():
        try:
            engine.check(sql)
        except duckdb.Error as error:
            return MappingError(str(error).splitlines()[0], location)
    return None


def _check_columns(compiled: Compiled, found: pa.Schema) -> None:
    for path, target in compiled.targets.items():
        names = path.split(".")
        kind: pa.DataType = found.field(names[0]).type
        for name in names[1:]:
            kind = kind.field(name).type if isinstance(kind, pa.StructType) else kind
        for message in unknown_fields(target, kind):
            raise MappingError(message, target.location)


def _check_entities(part: FindingPart, kind: pa.DataType) -> None:
    inner = kind.value_type if isinstance(kind, pa.ListType) else None
    names = {field.name for field in inner} if isinstance(inner, pa.StructType) else set()
    if names != {"type", "uid", "name"}:
        message = f"entities must be a list of objects with type, uid and name, not {kind}"
        raise MappingError(message, part.entities.location)


def _events_schema(found: pa.Schema, *, has_reader: bool) -> pa.Schema:
    own = set(schemas.EVENT_COLUMNS.names)
    added = [field for field in found if field.name not in own | _OWN]
    names = pa.schema(_NAMES | (_READ if has_reader else {}))
    pointers = pa.schema({"observables": observables.TYPE})
    return pa.schema([*schemas.EVENT_COLUMNS, *names, *added, *pointers])


def _leaves(structure: Structure, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(structure, str):
        yield ".".join(path)
    elif isinstance(structure, Map):
        for name, inner in structure.items():
            yield from _leaves(inner, (*path, name))
    else:
        yield from _leaves(structure[0], path)


def _lowest(trust: Map[str, str], used: frozenset[str]) -> str:
    """Return the lowest label of what a value is computed from; constants are the provider's."""
    labels = {_label(trust, path) for path in used}
    return next((label for label in ("attacker", "agent") if label in labels), "provider")


def _label(trust: Map[str, str], path: str) -> str:
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        label = trust.get(".".join(parts[:length]))
        if label:
            return label
    return "attacker"
