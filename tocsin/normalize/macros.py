"""Read the common functions of mappings: DuckDB macros, checked like any expression."""

import re
from collections.abc import Iterator

from tocsin.errors import Location, MappingError
from tocsin.normalize.expressions import Scope, Written, check, parse

_MACRO = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?MACRO\s+(?P<name>[a-z_][a-z0-9_]*)\s*"
    r"\((?P<parameters>[a-z0-9_,\s]*)\)\s*AS\s+(?P<body>.+)\Z",
    re.IGNORECASE | re.DOTALL,
)
_COMMENT = re.compile(r"--[^\n]*")


def load_macros(text: str, location: str) -> dict[str, str]:
    """Return the statement of each macro by name, bodies checked like any expression.

    Args:
        text: `CREATE MACRO name(parameters) AS expression;` any number of times, `--` comments;
            no `;` or `--` inside an expression.
        location: the file's name, for messages.

    Raises:
        MappingError: for anything else.
    """
    macros = list(_written(text, location))
    trees = parse([body for _, _, body in macros])
    statements: dict[str, str] = {}
    for (name, parameters, body), tree in zip(macros, trees, strict=True):
        scope: Scope = dict.fromkeys(parameters)
        checked = check(body, tree, scope, frozenset(statements))
        statements[name] = f"CREATE MACRO {name}({', '.join(parameters)}) AS {checked.sql}"
    return statements


def _written(text: str, location: str) -> Iterator[tuple[str, list[str], Written]]:
    """Yield name, parameters and body of each macro."""
    line = 1
    for chunk in _COMMENT.sub("", text).split(";"):
        lead = len(chunk) - len(chunk.lstrip())
        place = Location(location, line + chunk.count("\n", 0, lead))
        line += chunk.count("\n")
        body = chunk.strip()
        if not body:
            continue
        match = _MACRO.match(body)
        if match is None:
            raise MappingError("`CREATE MACRO name(parameters) AS expression;` expected", place)
        parameters = [name.strip() for name in match["parameters"].split(",") if name.strip()]
        yield match["name"].lower(), parameters, Written(match["body"], place)
