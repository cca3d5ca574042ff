"""Read each JSON document of a record once, for all the paths that a mapping asks of it.

DuckDB parses the text of a document again for every `document->>'path'`. One call that takes all
paths parses it once; the rest of the mapping reads columns.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.normalize.expressions import (
    Expression,
    Node,
    Structure,
    Written,
    branches,
    children,
    constant,
    parameters,
)

_READ = re.compile(r"[\w.\"]+\s*->>\s*'(?:[^']|'')*'")
_PREFIX = len("SELECT (")


@dataclass(frozen=True, slots=True)
class _Found:
    """A place in a text that reads a document: where, which one and what of it."""

    start: int
    end: int
    document: str
    path: str


class Documents:
    """What a mapping reads of the documents of its records.

    A document is a field of type `json`, or a derived name that is always one of such fields.
    """

    def __init__(
        self,
        record: Mapping[str, Structure],
        derived: Mapping[str, Written],
        trees: Sequence[tuple[Written, Node]],
    ) -> None:
        """Look through the expressions of a mapping.

        Args:
            record: the declared fields.
            derived: the derived names, each after the ones that it uses.
            trees: every expression with its tree, as `parse` gave it.
        """
        self._known = set(_documents(record))
        own = {id(written): node for written, node in trees}
        for name, written in derived.items():
            if _is_document(own[id(written)], self._known):
                self._known.add(name)
        self._found = {id(written): self._reads(written, node) for written, node in trees}
        paths: dict[str, dict[str, None]] = {}
        for found in self._found.values():
            for each in found:
                paths.setdefault(each.document, {})[each.path] = None
        self._paths = {name: list(found) for name, found in paths.items() if len(found) > 1}
        self._numbers = {name: number for number, name in enumerate(self._paths)}
        self.declared = sorted(set(self._paths) - derived.keys())
        """The documents that are fields of the record, as dotted paths."""

    def columns(self, document: str) -> Iterator[tuple[str, Expression, frozenset[str]]]:
        """Yield the columns that hold what is read of a document.

        Yields:
            Name, expression and the names that it needs: first all values, then each.
        """
        paths = self._paths.get(document)
        if not paths:
            return
        values = f"document {self._numbers[document]}"
        texts = ", ".join(paths)
        column = ".".join(f'"{name}"' for name in document.split("."))
        read = constant(f"json_extract_string({column}, [{texts}])")
        yield values, read, frozenset((document,))
        for path in paths:
            element = constant(f'"{values}"[{paths.index(path) + 1}]')
            yield self._column(document, path), element, frozenset((values,))

    def rewritten(self, written: Written) -> tuple[str, frozenset[str]]:
        """Return the text of an expression over the columns, and which of them it needs."""
        text, needed = written.text.encode(), set()
        for each in sorted(self._found[id(written)], key=lambda found: -found.start):
            if each.document in self._paths:
                column = self._column(each.document, each.path)
                text = text[: each.start] + f'"{column}"'.encode() + text[each.end :]
                needed.add(column)
        return text.decode(), frozenset(needed)

    def _column(self, document: str, path: str) -> str:
        return f"document {self._numbers[document]} value {self._paths[document].index(path) + 1}"

    def _reads(self, written: Written, root: Node) -> set[_Found]:
        text = written.text.encode()
        stack: list[tuple[Node, frozenset[str]]] = [(root, frozenset())]
        found: set[_Found] = set()
        while stack:
            node, bound = stack.pop()
            if node.get("class") == "LAMBDA":
                bound |= parameters(node)
            each = self._read(node, text, bound)
            if each:
                found.add(each)
            else:
                stack += [(child, bound) for child in children(node)]
        return found

    def _read(self, node: Node, text: bytes, bound: frozenset[str]) -> _Found | None:
        """Return what `node` reads when it is `document->>'path'`, with one value at the path."""
        if node.get("function_name") != "->>":
            return None
        document, path = _arguments(node)
        names = document.get("column_names")
        if not isinstance(names, list) or path["class"] != "CONSTANT":
            return None
        name = ".".join(names)
        start = msgspec.convert(node["query_location"], int) - _PREFIX
        end = start + msgspec.convert(node["query_location_length"], int)
        read = text[start:end].decode(errors="replace")
        if names[0] in bound or name not in self._known or not _READ.fullmatch(read) or "*" in read:
            return None
        return _Found(start, end, name, read[read.index("'") :])


def _arguments(node: Node) -> list[Node]:
    """Return the arguments of a function."""
    arguments = msgspec.convert(node["arguments"], list[dict[str, object]])
    return [msgspec.convert(each["expression"], Node) for each in arguments]


def _documents(structure: Mapping[str, Structure], above: str = "") -> Iterator[str]:
    """Yield the path of each field of type `json`, but for names that hold dots themselves."""
    for name, kind in structure.items():
        if kind == "json" and "." not in name:
            yield above + name
        elif isinstance(kind, Mapping) and "." not in name:
            yield from _documents(kind, f"{above}{name}.")


def _is_document(node: Node, known: set[str]) -> bool:
    names = node.get("column_names")
    if isinstance(names, list):
        return ".".join(names) in known
    found = [branch for branch in branches(node) or () if not _is_null(branch)]
    return bool(found) and all(_is_document(branch, known) for branch in found)


def _is_null(node: Node) -> bool:
    literal = node.get("literal")
    return isinstance(literal, dict) and literal.get("kind") == "NULL_LITERAL"
