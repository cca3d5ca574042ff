"""Lay out the pages that are made from the program: tables, cells, anchors."""

import inspect
import re
from collections.abc import Iterable
from dataclasses import Field, fields
from typing import get_type_hints

from tocsin.values import Unwritten

RENEW = "python scripts/docs.py"
MADE = f"<!-- Made by `{RENEW}`; change the program instead. -->\n\n"


def code(text: str | None) -> str:
    """Return text as code; nothing for none."""
    return f"`{text}`" if text else ""


def first(value: object) -> str:
    """Return the first sentence about a name; of a plain value, its type."""
    is_described = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
    if not is_described:
        return f"a value: `{type(value).__name__}`"
    return " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())


def paragraphs(text: str) -> str:
    """Return a docstring as prose; its sections (`Attributes:`) are shown elsewhere."""
    kept = re.split(r"\n\n(?:Args|Attributes|Returns|Raises):", text)[0]
    return "\n\n".join(" ".join(part.split()) for part in kept.split("\n\n"))


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; none without rows."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    body = [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]
    return [*lines, *body] if body else []


def cell(text: str) -> str:
    """Return text that fits into a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def prose(text: str) -> str:
    """Return text of a rule so that Markdown shows it as it is; code in backticks stays code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(p if p.startswith("`") else re.sub(r"([*<])", r"\\\1", p) for p in parts)


def anchor(title: str) -> str:
    """Return the anchor that GitHub and GitLab give a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def page(lines: Iterable[str]) -> str:
    """Return a whole page."""
    return MADE + "\n".join(lines).rstrip() + "\n"


def written(kind: type) -> list[Field[object]]:
    """Return the fields that people set; others are there for tests and for a plug's own use."""
    hints = get_type_hints(kind, include_extras=True)
    own = {name for name, hint in hints.items() if Unwritten() in getattr(hint, "__metadata__", ())}
    return [each for each in fields(kind) if each.name not in own]


def attributes(docstring: str) -> dict[str, str]:
    """Return the meaning of each name under `Attributes:`."""
    _, _, listed = docstring.partition("Attributes:\n")
    entries = re.findall(r"^ {4}(\w+): (.+(?:\n {6,}.+)*)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
