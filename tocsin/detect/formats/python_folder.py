"""Read what stands beside Python rules in a folder laid out as panther-analysis is.

Global helpers, data models, lookup tables and inline filters become the rules' surroundings: one
text for the worker, which alone executes what is in it. Kinds of analysis that have no meaning here
are named and left out.

Source: https://docs.panther.com/detections/rules/python/globals and .../data-models (2026).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tocsin.detect.document import Reading
from tocsin.detect.formats import python
from tocsin.detect.formats.python_tables import PythonTables
from tocsin.detect.rules import Rule
from tocsin.errors import Problem
from tocsin.ocsf.identifiers import content_hash
from tocsin.ocsf.yaml_text import Document, YamlValue

_HELPERS_FOLDER = "global_helpers"
_WORD = re.compile(r"\w+")
_LEFT_OUT = {
    "correlation_rule": "a correlation of Panther's own; write it as a Sigma correlation",
    "pack": "packs are chosen by folders here",
    "saved_query": "queries of Panther's data lake are not run here",
    "scheduled_query": "queries of Panther's data lake are not run here",
}


class PythonFolder:
    """Collects what the files of a folder describe, one document after the other."""

    def __init__(self) -> None:
        self._modules: dict[str, str] = {}
        self._models: list[dict[str, object]] = []
        self._tables = PythonTables()
        self._taken: dict[str, str] = {}

    def read(
        self, document: Document, text: str, file: str, files: Mapping[str, str]
    ) -> tuple[Rule | None, tuple[Problem, ...], str]:
        """Read one document; see `python.read` for what is returned."""
        reading = Reading(document, file)
        kind = reading.value.get("AnalysisType")
        if (
            kind not in ("global", "datamodel", "lookup_table", *_LEFT_OUT)
            and "BaseDetection" not in reading.value
        ):
            return python.read(document, text, file, files)
        named = python.beside(file, reading.value.get("Filename"))
        with reading.collecting():
            if kind == "global":
                self._module(reading, named, files.get(named))
            elif kind == "datamodel":
                self._model(reading, named, files.get(named, ""))
            elif kind == "lookup_table":
                self._tables.read(reading, named, files.get(named))
            else:
                why = _LEFT_OUT.get(str(kind), "rules derived from others are not supported")
                reading.warn(f"left out: {why}", "AnalysisType")
        return None, tuple(reading.problems), named

    def finished(
        self,
        files: Mapping[str, str],
        rules: Iterable[Rule],
        values: Mapping[str, tuple[str, ...]],
    ) -> tuple[list[Rule], str]:
        """Return the rules with their helpers, and what the worker needs beside them.

        Args:
            files: text by path.
            rules: those that are used, of all formats.
            values: lists of the settings by name, which rules may read.

        Returns:
            The rules, and the surroundings as JSON; empty without Python rules.
        """
        unnamed = {_stem(path): text for path, text in files.items() if is_helper(path)}
        imports = Imports({**unnamed, **self._modules})
        every = [imports.completed(each) if each.source else each for each in rules]
        python = [each for each in every if each.source]
        if not python:
            return every, ""
        found = {
            "modules": imports.modules,
            "data_models": self._models,
            "log_types": {each.uid: each.log_source.log_types for each in python},
            "filters": {
                each.uid: json.loads(each.inline_filter) for each in python if each.inline_filter
            },
            "tables": self._tables.found,
            "values": values,
        }
        return every, json.dumps(found, sort_keys=True)

    def _module(self, reading: Reading, named: str, source: str | None) -> None:
        if source is None:
            raise reading.error("`Filename` names no Python file beside this one", "Filename")
        for name in {reading.text(reading.value.get("GlobalID"), "GlobalID"), _stem(named)}:
            if self._modules.setdefault(name, source) != source:
                reading.warn(f"left out: another helper is called {name!r} already", "GlobalID")

    def _model(self, reading: Reading, named: str, source: str) -> None:
        value = reading.value
        if value.get("Enabled") is False:
            return
        uid = reading.text(value.get("DataModelID"), "DataModelID")
        log_types = reading.texts(value.get("LogTypes"), "LogTypes")
        elements = reading.sequence(value.get("Mappings"), "Mappings")
        for log_type in log_types:
            if self._taken.setdefault(log_type, uid) != uid:
                reading.warn(f"{log_type} has a data model already; that one is used", "LogTypes")
        self._models.append(
            {
                "name": _stem(named) or uid,
                "log_types": log_types,
                "mappings": [
                    _mapped(reading, element, source, index)
                    for index, element in enumerate(elements)
                ],
                "source": source,
            }
        )


class Imports:
    """Helper modules by name, and which of them a text imports, helpers of helpers included."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self.modules = modules
        self._direct: dict[str, frozenset[str]] = {}

    def completed(self, rule: Rule) -> Rule:
        """Return the rule with its helpers, its version a hash of them too."""
        reached: set[str] = set()
        waiting = self._named(rule.source)
        while waiting:
            reached |= waiting
            waiting = frozenset().union(*map(self._imported, waiting)) - reached
        if not reached:
            return rule
        helpers = tuple((name, self.modules[name]) for name in sorted(reached))
        texts = "\0".join([rule.version, *(f"{name}\0{text}" for name, text in helpers)])
        version = content_hash(texts.encode("utf-8", "surrogatepass"))
        return replace(rule, helpers=helpers, version=version)

    def _imported(self, name: str) -> frozenset[str]:
        if name not in self._direct:
            self._direct[name] = self._named(self.modules[name])
        return self._direct[name]

    def _named(self, text: str) -> frozenset[str]:
        """Return the helpers whose names stand in a text: those that it imports, rarely more."""
        return frozenset(self.modules.keys() & set(_WORD.findall(text)))


def is_helper(path: str) -> bool:
    """Return whether a Python file is a helper by the folder that it is in."""
    return path.endswith(".py") and _HELPERS_FOLDER in path.split("/")[:-1]


def _mapped(reading: Reading, value: YamlValue, source: str, index: int) -> list[str]:
    """Return name, path and method of one mapping; one of the two is empty."""
    found = reading.mapping(value, "Mappings", index)
    name = reading.text(found.get("Name"), "Mappings", index, "Name")
    if "Path" in found:
        return [name, reading.text(found["Path"], "Mappings", index, "Path"), ""]
    method = reading.text(found.get("Method"), "Mappings", index, "Method")
    if f"def {method}(" not in source:
        message = f"the method {method!r} is not defined in the file that `Filename` names"
        raise reading.error(message, "Mappings", index, "Method")
    return [name, "", method]


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py")
