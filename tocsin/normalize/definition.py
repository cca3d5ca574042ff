"""Read a mapping file into its parts, each expression with the line it stands on.

Nothing is compiled here; what the parts may say is checked in `compiling`.
"""

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import timedelta

from tocsin.errors import ContentError, Location, MappingError
from tocsin.normalize import expansion
from tocsin.normalize.expressions import Structure, Written
from tocsin.ocsf import yaml_text

Path = tuple[str | int, ...]

TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "json": "JSON",
    "timestamp": "VARCHAR",
}
"""Types of declared fields and how they are read; a timestamp is read as text and then converted,
so that a broken one is told from a missing one."""

_KEYS = frozenset(
    (
        "source",
        "product",
        "profiles",
        "record",
        "reader",
        "unwrap",
        "accept",
        "uid",
        "same",
        "time",
        "derived",
    )
    + ("event", "classes", "finding", "resource", "observables", "trust", "example", "samples")
)
_REQUIRED = ("source", "product", "record", "uid", "time", "event", "classes", "example")
_LABELS = ("provider", "agent")
_RESOURCE_KEYS = frozenset(
    ("when", "uid", "type", "name", "account", "region", "time", "configuration")
)
_PERIOD = re.compile(r"([1-9]\d{0,3})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class ClassPart:
    """One entry of `classes`: `when` is `None` for the last, which takes the rest."""

    name: str
    when: Written | None
    activity: Written
    event: Map[str, Written]
    location: Location


@dataclass(frozen=True, slots=True)
class FindingPart:
    """The key `finding`: events of finding classes are findings of their own.

    Attributes:
        when: which of them are, `None` where all are: a check that was passed is none.
        entities: a list of type, uid and name; the first with a uid is whom the finding concerns,
            the others are its links.
        group: records with the same text are one finding, `None` for `finding_info.uid`.
        period: within which they are, adding up; `None` where the source keeps its findings and
            `count` is its total.
    """

    when: Written | None
    entities: Written
    group: Written | None
    period: timedelta | None


@dataclass(frozen=True, slots=True)
class ResourcePart:
    """The key `resource`: which records describe a thing, and what they say of it.

    Attributes:
        when: `None` where every record does.
        members: uid, type, and where given name, account, region, time, configuration.
    """

    when: Written | None
    members: Map[str, Written]


@dataclass(frozen=True, slots=True)
class ReaderPart:
    """The key `reader`: who reads records of text, and with which options."""

    name: str
    options: Map[str, object]
    location: Location


@dataclass(frozen=True, slots=True)
class Sample:
    """A record, laid over the mapping's example, and what its event must hold.

    Attributes:
        raw: the record as text, with its header, for mappings that have a reader; then `record`
            is empty.
    """

    name: str
    record: Map[str, object]
    event: Map[str, object]
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A mapping file.

    Attributes:
        record: declared native fields; the rest of a record stays in its raw text.
        accept: the condition without which a record is a reject, `None` to take every object.
        derived: named expressions that others may use; a later one may use an earlier one.
        event: expressions for every class, by OCSF path.
        trust: label of each declared path that an outsider cannot choose.
    """

    location: str
    source: str
    vendor_name: str
    product_name: str
    profiles: tuple[str, ...]
    record: Map[str, Structure]
    unwrap: str | None
    reader: ReaderPart | None
    accept: Written | None
    uid: Written
    same: Written | None
    time: Written
    derived: Map[str, Written]
    event: Map[str, Written]
    classes: tuple[ClassPart, ...]
    finding: FindingPart | None
    resource: ResourcePart | None
    observables: tuple[Written, ...]
    trust: Map[str, str]
    example: Map[str, object]
    samples: tuple[Sample, ...]


def read_definition(text: str, location: str) -> Definition:
    """Read a mapping file.

    Raises:
        MappingError: with the line, for anything that is not the form of a mapping.
    """
    try:
        document = yaml_text.load(text, location)
    except ContentError as error:
        raise MappingError(error.message, error.location) from error
    return _Reader(document, location).definition()


class _Reader:
    def __init__(self, document: yaml_text.Document, location: str) -> None:
        self._document = document
        self._location = location

    def definition(self) -> Definition:
        root = self._mapping(self._document.value, ())
        for key in root:
            if key not in _KEYS:
                raise self._error(f"unknown key {key!r}; known are {', '.join(sorted(_KEYS))}", key)
        for key in _REQUIRED:
            if key not in root:
                raise self._error(f"the key {key!r} is missing")
        product = self._mapping(root["product"], ("product",))
        record = self._record(root["record"])
        accept = root.get("accept")
        unwrap = root.get("unwrap")
        return Definition(
            location=self._location,
            source=self._text(root["source"], ("source",)),
            vendor_name=self._text(product.get("vendor_name"), ("product", "vendor_name")),
            product_name=self._text(product.get("name"), ("product", "name")),
            profiles=tuple(self._texts(root.get("profiles", []), ("profiles",))),
            record=record,
            unwrap=None if unwrap is None else self._unwrap(unwrap),
            reader=self._reader(root["reader"]) if "reader" in root else None,
            accept=None if accept is None else self._written(accept, ("accept",)),
            uid=self._written(root["uid"], ("uid",)),
            same=self._written(root["same"], ("same",)) if "same" in root else None,
            time=self._written(root["time"], ("time",)),
            derived=self._expressions(root.get("derived", {}), ("derived",)),
            event=self._expressions(root["event"], ("event",)),
            classes=self._classes(root["classes"]),
            finding=self._finding(root["finding"]) if "finding" in root else None,
            resource=self._resource(root["resource"]) if "resource" in root else None,
            observables=tuple(
                Written(path, self._at("observables", index))
                for index, path in enumerate(
                    self._texts(root.get("observables", []), ("observables",))
                )
            ),
            trust=self._trust(root.get("trust", {}), record),
            example=self._mapping(root["example"], ("example",)),
            samples=self._samples(root.get("samples", [])),
        )

    def _unwrap(self, value: object) -> str:
        if not isinstance(value, dict):
            return self._text(value, ("unwrap",))
        unknown = sorted(set(value) - {"path", "within", "expand", "keep"})
        if unknown or "expand" not in value:
            message = "`unwrap` is a path, or has `path`, `within`, `expand` and `keep`"
            raise self._error(message, "unwrap", *unknown[:1])
        path = value.get("path")
        try:
            return expansion.written(
                None if path is None else self._text(path, ("unwrap", "path")),
                self._texts(value["expand"], ("unwrap", "expand")),
                self._texts(value.get("keep", []), ("unwrap", "keep")),
                self._texts(value.get("within", []), ("unwrap", "within")),
            )
        except ValueError as error:
            raise self._error(str(error), "unwrap") from error

    def _reader(self, value: object) -> ReaderPart:
        entry = {"name": value} if isinstance(value, str) else self._mapping(value, ("reader",))
        options = {key: inner for key, inner in entry.items() if key != "name"}
        name = self._text(entry.get("name"), ("reader", "name"))
        return ReaderPart(name, options, self._at("reader"))

    def _record(self, value: object) -> Map[str, Structure]:
        structure = self._structure(value, ("record",))
        if not isinstance(structure, dict):
            raise self._error("`record` must name the fields that are read", "record")
        return structure

    def _structure(self, value: object, path: Path) -> Structure:
        if isinstance(value, str) and value in TYPES:
            if value == "timestamp" and len(path) != 2:
                raise self._error("a timestamp must be a field of the record itself", *path)
            return value
        if isinstance(value, list) and len(value) == 1:
            return [self._structure(value[0], (*path, 0))]
        if isinstance(value, dict) and value:
            self._distinct(list(value), path)
            return {key: self._structure(inner, (*path, key)) for key, inner in value.items()}
        raise self._error(
            f"a field is one of {', '.join(TYPES)}, an object of fields or a list of one", *path
        )

    def _distinct(self, keys: list[str], path: Path) -> None:
        lowered: dict[str, str] = {}
        for key in keys:
            # DuckDB reads the names of fields without regard to case.
            twin = lowered.setdefault(key.lower(), key)
            if twin != key:
                raise self._error(f"{twin!r} and {key!r} differ only in case", *path, key)
            if " " in key or '"' in key:
                raise self._error(f"the field name {key!r} cannot be used", *path, key)

    def _classes(self, value: object) -> tuple[ClassPart, ...]:
        entries = self._list(value, ("classes",))
        parts = tuple(self._class(entry, index) for index, entry in enumerate(entries))
        if not parts or parts[-1].when is not None or any(part.when is None for part in parts[:-1]):
            message = "the last class, and only the last, has no `when`: it takes the rest"
            raise self._error(message, "classes", max(len(parts) - 1, 0))
        return parts

    def _class(self, value: object, index: int) -> ClassPart:
        path: Path = ("classes", index)
        entry = self._mapping(value, path)
        unknown = sorted(set(entry) - {"class", "when", "activity", "event"})
        if unknown or not {"class", "activity"} <= set(entry):
            message = "a class has `class`, `when`, `activity` and `event`"
            raise self._error(message, *path, *unknown[:1])
        when = entry.get("when")
        return ClassPart(
            name=self._text(entry["class"], (*path, "class")),
            when=None if when is None else self._written(when, (*path, "when")),
            activity=self._named(entry["activity"], (*path, "activity")),
            event=self._expressions(entry.get("event", {}), (*path, "event")),
            location=self._at(*path, "class"),
        )

    def _finding(self, value: object) -> FindingPart:
        path: Path = ("finding",)
        entry = self._mapping(value, path)
        unknown = sorted(set(entry) - {"when", "entities", "group", "period"})
        if unknown or "entities" not in entry:
            message = "`finding` has `entities`, `when`, `group` and `period`"
            raise self._error(message, *path, *unknown[:1])
        group, when = entry.get("group"), entry.get("when")
        return FindingPart(
            when=None if when is None else self._written(when, (*path, "when")),
            entities=self._written(entry["entities"], (*path, "entities")),
            group=None if group is None else self._written(group, (*path, "group")),
            period=self._period(entry["period"]) if "period" in entry else None,
        )

    def _resource(self, value: object) -> ResourcePart:
        path: Path = ("resource",)
        entry = self._mapping(value, path)
        unknown = sorted(set(entry) - _RESOURCE_KEYS)
        if unknown or not {"uid", "type"} <= set(entry):
            message = f"`resource` has {', '.join(sorted(_RESOURCE_KEYS))}; uid and type always"
            raise self._error(message, *path, *unknown[:1])
        when = entry.pop("when", None)
        return ResourcePart(
            when=None if when is None else self._written(when, (*path, "when")),
            members={name: self._written(each, (*path, name)) for name, each in entry.items()},
        )

    def _period(self, value: object) -> timedelta:
        found = _PERIOD.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self._error("a period is a number and m, h or d, such as 1h", "finding", "period")
        return timedelta(**{_UNITS[found[2]]: int(found[1])})

    def _trust(self, value: object, record: Map[str, Structure]) -> Map[str, str]:
        labels: dict[str, str] = {}
        for label, paths in self._mapping(value, ("trust",)).items():
            if label not in _LABELS:
                raise self._error(f"a trust label is one of {', '.join(_LABELS)}", "trust", label)
            for index, path in enumerate(self._texts(paths, ("trust", label))):
                if not is_declared(record, path):
                    message = f"{path!r} is not declared under `record`"
                    raise self._error(message, "trust", label, index)
                labels[path] = label
        return labels

    def _samples(self, value: object) -> tuple[Sample, ...]:
        samples = []
        for index, entry in enumerate(self._list(value, ("samples",))):
            path: Path = ("samples", index)
            sample = self._mapping(entry, path)
            if set(sample) not in ({"name", "record", "event"}, {"name", "raw", "event"}):
                message = "a sample has `name`, `record` (or, for a reader, `raw`) and `event`"
                raise self._error(message, *path)
            samples.append(
                Sample(
                    name=self._text(sample["name"], (*path, "name")),
                    record=self._mapping(sample.get("record", {}), (*path, "record")),
                    event=self._mapping(sample["event"], (*path, "event")),
                    raw=self._text(sample["raw"], (*path, "raw")) if "raw" in sample else None,
                )
            )
        return tuple(samples)

    def _expressions(self, value: object, path: Path) -> Map[str, Written]:
        entries = self._mapping(value, path)
        return {
            key: (
                self._named(inner, (*path, key))
                if key in ("status", "severity")
                else self._written(inner, (*path, key))
            )
            for key, inner in entries.items()
        }

    def _named(self, value: object, path: Path) -> Written:
        """Read an expression that may also be one bare OCSF name: `logon`, `informational`."""
        written = self._written(value, path)
        bare = written.text.replace("_", "").replace(" ", "")
        if bare.isalnum() and bare.islower():
            return Written(f"'{written.text}'", written.location)
        return written

    def _written(self, value: object, path: Path) -> Written:
        if isinstance(value, bool):
            return Written(str(value).lower(), self._at(*path))
        if isinstance(value, int | float):
            return Written(str(value), self._at(*path))
        return Written(self._text(value, path), self._at(*path))

    def _mapping(self, value: object, path: Path) -> dict[str, object]:
        if not isinstance(value, dict):
            raise self._error(f"{_named(path)} must be a mapping of keys to values", *path)
        return dict(value)

    def _list(self, value: object, path: Path) -> list[object]:
        if not isinstance(value, list):
            raise self._error(f"{_named(path)} must be a list", *path)
        return list(value)

    def _texts(self, value: object, path: Path) -> list[str]:
        return [
            self._text(item, (*path, index)) for index, item in enumerate(self._list(value, path))
        ]

    def _text(self, value: object, path: Path) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self._error(f"{_named(path)} must be text", *path)
        return value

    def _at(self, *path: str | int) -> Location:
        return Location(self._location, self._document.line(path))

    def _error(self, message: str, *path: str | int) -> MappingError:
        return MappingError(message, self._at(*path))


def is_declared(record: Map[str, Structure], path: str) -> bool:
    """Say whether `path` leads to a declared field, through lists without naming their index.

    The name of a field may hold dots itself (`id.orig_h`).
    """
    return _leads(dict(record), path.split("."))


def _leads(inside: Structure, names: list[str]) -> bool:
    while isinstance(inside, list):
        inside = inside[0]
    if not names:
        return True
    if not isinstance(inside, dict):
        return False
    heads = ((".".join(names[:length]), length) for length in range(1, len(names) + 1))
    return any(head in inside and _leads(inside[head], names[length:]) for head, length in heads)


def _named(path: Path) -> str:
    return f"`{'.'.join(str(part) for part in path)}`" if path else "the file"
