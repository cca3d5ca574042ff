"""Compile a mapping file into one SQL statement over the view `feed`.

The layers, each a SELECT around the one before: the record is parsed once and its declared fields
become columns; derived names are added; the class is chosen; every OCSF attribute is computed.
Names of our own hold a space: no declared field meets them.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace

from tocsin.errors import Location, MappingError
from tocsin.normalize.definition import TYPES, ClassPart, Definition
from tocsin.normalize.describing import RESOURCE
from tocsin.normalize.documents import Documents
from tocsin.normalize.enumerations import check_names
from tocsin.normalize.expressions import (
    Expression,
    Scope,
    Structure,
    Written,
    check,
    constant,
    parse,
)
from tocsin.normalize.leaves import CLASS_NUMBER, Leaf, chosen_by_class, refuse_overlaps, structs
from tocsin.normalize.observables import check_observables
from tocsin.normalize.reporting import ENTITIES, GROUP, WANTED
from tocsin.normalize.targets import Target, resolve
from tocsin.ocsf import classes

RECEIVED = "received_time"
"""What expressions call the time of receipt, for records that say only a part of their own."""
ENUMERATED = ("class number", "activity text", "severity text", "status text")
NEVER_EARLIER = "TIMESTAMP '0001-01-01 00:00:00'"
NEVER_LATER = "TIMESTAMP '9999-12-31 23:59:59.999999'"

_SET_BY_TOCSIN = frozenset(
    ("class_uid", "class_name", "category_uid", "category_name", "activity_id", "activity_name")
    + ("type_uid", "type_name", "severity_id", "status_id", "time", "raw_data", "observables")
    + ("unmapped", "metadata.version", "metadata.uid", "metadata.product")
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mapping as SQL.

    Attributes:
        sql: the statement over `feed`; class, activity, severity and status come out as the
            columns of `ENUMERATED`, still names.
        classes: the classes that the number of a class means.
        targets: what each OCSF path of the mapping is, by path.
        observables: the paths that point at what is worth searching, with their kinds.
        fields: the one-to-one pairs, native path by OCSF path.
        inputs: native paths that each OCSF path is computed from.
        probes: gives a SELECT for each single expression and where it is written, to find the one
            that does not fit when the whole does not.
    """

    sql: str
    classes: tuple[classes.EventClass, ...]
    targets: Map[str, Target]
    observables: tuple[tuple[str, int], ...]
    fields: Map[str, str]
    inputs: Map[str, frozenset[str]]
    probes: Callable[[], Iterator[tuple[str, Location]]]


def compile_mapping(definition: Definition, macros: frozenset[str]) -> Compiled:
    """Compile a mapping file.

    Raises:
        MappingError: with the line, for unknown fields, functions, classes, names and OCSF paths.
    """
    return _Compiler(definition, macros).compiled()


class _Compiler:
    def __init__(self, definition: Definition, macros: frozenset[str]) -> None:
        self._definition = definition
        self._macros = macros
        self._scope: dict[str, Structure | None] = {RECEIVED: None} | dict(definition.record)
        written = list(_all_written(definition))
        self._trees = dict(zip(map(id, written), parse(written), strict=True))
        pairs = [(item, self._trees[id(item)]) for item in written]
        self._documents = Documents(definition.record, definition.derived, pairs)
        self._derived: dict[str, Expression] = {}
        self._needs: dict[str, frozenset[str]] = {}
        for document in self._documents.declared:
            self._add_values(document)
        for name, item in definition.derived.items():
            self._derived[name] = self._derive(name, item)
            self._needs[name] = self._derived[name].columns | self._documents.rewritten(item)[1]
            self._add_values(name)
        self._classes = [self._class(part) for part in definition.classes]

    def compiled(self) -> Compiled:
        leaves = self._leaves()
        sql = self._final(self._classified(self._layers()[-1]), leaves)
        targets = {path: leaf.target for path, leaf in leaves.items()}
        return Compiled(
            sql=sql,
            classes=tuple(self._classes),
            targets=targets,
            observables=check_observables(self._definition.observables, targets),
            fields={
                path: leaf.common.field
                for path, leaf in leaves.items()
                if leaf.common and leaf.common.field and not leaf.by_class
                if leaf.common.field.split(".")[0] in self._definition.record
            },
            inputs={path: self._inputs(leaf) for path, leaf in leaves.items()},
            probes=self._probes,
        )

    def _probes(self) -> Iterator[tuple[str, Location]]:
        layers = self._layers()
        for group, layer in zip(_in_order(self._needs), layers, strict=False):
            for name in group:
                if name not in self._definition.derived:
                    continue
                location = self._definition.derived[name].location
                yield f"SELECT {self._derived[name].sql} FROM ({layer})", location
        for written in _all_written(self._definition):
            if written not in self._definition.derived.values():
                yield f"SELECT {self._check(written).sql} FROM ({layers[-1]})", written.location

    def _check(self, written: Written) -> Expression:
        scope: Scope = self._scope
        checked = check(written, self._trees[id(written)], scope, self._macros)
        return replace(checked, sql=f"({self._documents.rewritten(written)[0]}\n)")

    def _add_values(self, document: str) -> None:
        """Add the columns of what is read of a document, as if they were derived names."""
        for name, expression, needed in self._documents.columns(document):
            self._derived[name], self._needs[name] = expression, needed

    def _derive(self, name: str, written: Written) -> Expression:
        if not name.isidentifier() or name.lower() in map(str.lower, self._scope):
            message = f"{name!r} cannot name a derived value: not a plain name, or taken"
            raise MappingError(message, written.location)
        expression = self._check(written)
        self._scope[name] = None
        return expression

    def _class(self, part: ClassPart) -> classes.EventClass:
        try:
            found = classes.class_named(part.name)
        except classes.UnknownNameError as error:
            raise MappingError(str(error), part.location) from error
        if found.uid == 0:
            raise MappingError("the base event says nothing; choose a class", part.location)
        return found

    def _layers(self) -> list[str]:
        """Return the SELECT of all fields, and around it one for each step of derived names."""
        structure = json.dumps(_json_structure(self._definition.record)).replace("'", "''")
        fields = [] if RECEIVED in self._definition.record else [f'"received time" AS {RECEIVED}']
        for name, kind in self._definition.record.items():
            column = f'r."{name}"'
            if kind == "timestamp":
                fields.append(f'{column} AS "{name} as text"')
                column = f"TRY_CAST({column} AS TIMESTAMPTZ)::TIMESTAMP"
            fields.append(f'{column} AS "{name}"')
        layers = [
            'SELECT "row number", "received time", r IS NOT NULL AS "is read", '
            f"{', '.join(fields)} "
            'FROM (SELECT "row number", "received time", '
            f"from_json(\"raw text\", '{structure}') AS r FROM feed)"
        ]
        for group in _in_order(self._needs):
            added = ", ".join(f'{self._derived[name].sql} AS "{name}"' for name in group)
            layers.append(f"SELECT *, {added} FROM ({layers[-1]})")
        return layers

    def _classified(self, layer: str) -> str:
        whens = "".join(
            f" WHEN {self._check(part.when).sql} THEN {number}"
            for number, part in enumerate(self._definition.classes)
            if part.when is not None
        )
        last = len(self._classes) - 1
        number = f"CASE{whens} ELSE {last} END" if whens else str(last)
        time = self._check(self._definition.time)
        accept = self._check(self._definition.accept).sql if self._definition.accept else "true"
        return (
            f'SELECT *, {number} AS {CLASS_NUMBER}, coalesce({accept}, false) AS "is accepted", '
            f'TRY_CAST({time.sql} AS TIMESTAMP) AS "native time", '
            f'{self._has_time(time)} AS "has time" FROM ({layer})'
        )

    def _has_time(self, time: Expression) -> str:
        """Return the condition that the record says a time at all, readable or not."""
        kinds = self._definition.record
        columns = sorted(time.columns - ({RECEIVED} - kinds.keys()))
        tests = [
            f'"{column} as text" IS NOT NULL'
            if kinds.get(column) == "timestamp"
            else "(" + ".".join(f'"{name}"' for name in self._steps(column)) + ") IS NOT NULL"
            for column in columns
        ]
        return f"({' OR '.join(tests)})" if tests else "true"

    def _steps(self, column: str) -> list[str]:
        """Return the names of a path, the first of which may hold dots itself (`id.orig_h`)."""
        parts = column.split(".")
        lengths = range(len(parts), 0, -1)
        head = next((n for n in lengths if ".".join(parts[:n]) in self._scope), 1)
        return [".".join(parts[:head]), *parts[head:]]

    def _final(self, layer: str, leaves: Map[str, Leaf]) -> str:
        uid = self._check(self._definition.uid)
        same = self._check(self._definition.same).sql if self._definition.same else "NULL"
        columns = [
            '"row number"',
            '"is read"',
            '"is accepted"',
            f'CASE WHEN "native time" BETWEEN {NEVER_EARLIER} AND {NEVER_LATER} THEN "native time" '
            'WHEN NOT "has time" THEN "received time" END AS time',
            '"has time"',
            f'TRY_CAST({uid.sql} AS VARCHAR) AS "native id"',
            f'TRY_CAST({same} AS VARCHAR) AS "same record"',
            f"{CLASS_NUMBER}::INTEGER AS {CLASS_NUMBER}",
            f'{self._activity()} AS "activity text"',
            f'{self._named("severity", classes.severities())} AS "severity text"',
            f'{self._named("status", classes.statuses())} AS "status text"',
            *self._findings(),
            *self._resource(),
            *(f'{sql} AS "{name}"' for name, sql in structs(leaves).items()),
        ]
        return f"SELECT {', '.join(columns)} FROM ({layer})"

    def _findings(self) -> Iterator[str]:
        """Yield the columns that only findings have."""
        part = self._definition.finding
        if part:
            group = self._check(part.group).sql if part.group else "NULL"
            yield f'{self._check(part.entities).sql} AS "{ENTITIES}"'
            yield f'TRY_CAST({group} AS VARCHAR) AS "{GROUP}"'
            when = self._check(part.when).sql if part.when else "true"
            yield f'coalesce({when}, false) AS "{WANTED}"'

    def _resource(self) -> Iterator[str]:
        """Yield the column that only sources that describe things have."""
        part = self._definition.resource
        if part is None:
            return
        optional = ("name", "account", "region", "time")
        texts = {name: "NULL::VARCHAR" for name in optional} | {
            name: f"TRY_CAST({self._check(each).sql} AS VARCHAR)"
            for name, each in part.members.items()
        }
        texts["time"] = f"TRY_CAST({texts['time']} AS TIMESTAMP)"
        packed = ", ".join(f'"{name}" := {sql}' for name, sql in texts.items())
        when = self._check(part.when).sql if part.when else "true"
        yield f'CASE WHEN {when} THEN struct_pack({packed}) END AS "{RESOURCE}"'

    def _activity(self) -> str:
        texts = []
        for number, part in enumerate(self._definition.classes):
            activity = self._check(part.activity)
            event_class = self._classes[number]
            what = f"activity of {event_class.name}"
            check_names(what, event_class.activities, activity, part.activity)
            texts.append(f"{activity.sql}::VARCHAR")
        return chosen_by_class(texts)

    def _named(self, name: str, choices: Map[int, str]) -> str:
        for part in self._definition.classes:
            if name in part.event:
                message = f"`{name}` belongs under the common `event`"
                raise MappingError(message, part.event[name].location)
        written = self._definition.event.get(name)
        if written is None:
            return "NULL::VARCHAR"
        expression = self._check(written)
        check_names(name, choices, expression, written)
        return f"{expression.sql}::VARCHAR"

    def _leaves(self) -> dict[str, Leaf]:
        common = {
            path: self._leaf_value(path, written, self._classes)
            for path, written in self._definition.event.items()
            if path not in ("status", "severity")
        }
        special: dict[str, dict[int, tuple[Target, Expression]]] = {}
        for number, part in enumerate(self._definition.classes):
            for path, written in part.event.items():
                value = self._leaf_value(path, written, [self._classes[number]])
                special.setdefault(path, {})[number] = value
        leaves = self._metadata()
        for path in [*common, *(path for path in special if path not in common)]:
            by_class = special.get(path, {})
            target = common[path][0] if path in common else next(iter(by_class.values()))[0]
            leaves[path] = Leaf(
                len(self._classes),
                target,
                common[path][1] if path in common else None,
                {number: value for number, (_, value) in by_class.items()},
            )
        refuse_overlaps(leaves)
        return leaves

    def _leaf_value(
        self, path: str, written: Written, among: Sequence[classes.EventClass]
    ) -> tuple[Target, Expression]:
        own_paths = (*_SET_BY_TOCSIN, *(("metadata.profiles",) * bool(self._definition.profiles)))
        if any(path == own or path.startswith(f"{own}.") for own in own_paths):
            raise MappingError(f"{path!r} is set by Tocsin itself", written.location)
        return resolve(path, among, written.location), self._check(written)

    def _metadata(self) -> dict[str, Leaf]:
        """Return the leaves of `metadata` that every event has."""
        uid = self._definition.uid
        texts = {
            "metadata.version": _text(classes.VERSION),
            "metadata.product.vendor_name": _text(self._definition.vendor_name),
            "metadata.product.name": _text(self._definition.product_name),
        }
        if self._definition.profiles:
            profiles = ", ".join(map(_text, self._definition.profiles))
            texts["metadata.profiles"] = f"[{profiles}]"
        leaves = {
            path: Leaf(
                len(self._classes),
                resolve(path, self._classes, uid.location),
                constant(sql),
                {},
            )
            for path, sql in texts.items()
        }
        origin = "metadata.original_event_uid"
        target = resolve(origin, self._classes, uid.location)
        leaves[origin] = Leaf(len(self._classes), target, self._check(uid), {})
        return leaves

    def _inputs(self, leaf: Leaf) -> frozenset[str]:
        """Return the native paths behind a leaf, through derived names and the choice of class."""
        values = [*leaf.by_class.values(), *([leaf.common] if leaf.common else [])]
        columns = {column for value in values for column in value.columns}
        while derived := {column for column in columns if column.split(".")[0] in self._derived}:
            columns -= derived
            for column in derived:
                columns |= self._derived[column.split(".")[0]].columns
        return frozenset(columns)


def _all_written(definition: Definition) -> Iterator[Written]:
    yield definition.uid
    yield definition.time
    if definition.same:
        yield definition.same
    if definition.accept:
        yield definition.accept
    yield from definition.derived.values()
    yield from definition.event.values()
    for part in definition.classes:
        if part.when:
            yield part.when
        yield part.activity
        yield from part.event.values()
    yield from _written_of_parts(definition)


def _written_of_parts(definition: Definition) -> Iterator[Written]:
    finding, resource = definition.finding, definition.resource
    found = [finding.entities, finding.when, finding.group] if finding else []
    found += [*resource.members.values(), resource.when] if resource else []
    yield from (each for each in found if each)


def _json_structure(structure: Structure) -> object:
    if isinstance(structure, str):
        return TYPES[structure]
    if isinstance(structure, Map):
        return {name: _json_structure(inner) for name, inner in structure.items()}
    return [_json_structure(structure[0])]


def _in_order(needs: Map[str, frozenset[str]]) -> list[list[str]]:
    """Group derived names so that each group needs only the ones before it."""
    groups: list[list[str]] = []
    level: dict[str, int] = {}
    for name, needed in needs.items():
        used = [level[c.split(".")[0]] for c in needed if c.split(".")[0] in level]
        level[name] = max(used, default=-1) + 1
        while len(groups) <= level[name]:
            groups.append([])
        groups[level[name]].append(name)
    return groups


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
