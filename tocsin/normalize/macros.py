"""Read the common functions of mappings: DuckDB macros, checked like any expression."""

import re

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
    statements: dict[str, str] = {}
    line = 1
    for chunk in _COMMENT.sub("", text).split(";"):
        body = chunk.strip()
        lead = len(chunk) - len(chunk.lstrip())
        place = Location(location, line + chunk.count("\n", 0, lead))
        line += chunk.count("\n")
        if not body:
            continue
        match = _MACRO.match(body)
        if match is None:
            raise MappingError("`CREATE MACRO name(parameters) AS expression;` expected", place)
        parameters = [name.strip() for name in match["parameters"].split(",") if name.strip()]
        written = Written(match["body"], place)
        scope: Scope = dict.fromkeys(parameters)
        checked = check(written, parse([written])[0], scope, frozenset(statements))
        declared = ", ".join(parameters)
        name = match["name"].lower()
        statements[name] = f"CREATE MACRO {name}({declared}) AS {checked.sql}"
    return statements
