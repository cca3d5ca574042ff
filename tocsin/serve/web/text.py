"""Show text of unknown origin: escaped, with every invisible character made visible.

Log fields are chosen by attackers. A right-to-left override or a null byte must be seen, not
obeyed; a value of a megabyte must not push the page away.
"""

import re
import unicodedata

from markupsafe import Markup, escape

# Controls (Cc), formats such as bidirectional marks (Cf), lone surrogates (Cs), private use (Co),
# line and paragraph separators (Zl, Zp), and spaces other than the plain one (Zs).
_ODD_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_ODD = re.compile(r"[^\x20-\x7e]")
_KEPT_IN_BLOCKS = frozenset("\n\t")
# Combining marks stacked higher than this cover the lines above and below.
_STACKED_MARKS = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]{3})[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]+"
)

CLIP_CHARACTERS = 120
TITLE_CHARACTERS = 2000


def visible(value: object) -> Markup:
    """Return `value` as escaped HTML in one line; odd characters become marked code points."""
    return _marked(_text(value), kept=frozenset())


def block(value: object) -> Markup:
    """Do as `visible` for preformatted text: line breaks and tabs stay."""
    return _marked(_text(value), kept=_KEPT_IN_BLOCKS)


def clip(value: object, characters: int = CLIP_CHARACTERS) -> Markup:
    """Return at most `characters` of `value` as visible text; the title holds the rest."""
    text = _text(value)
    if len(text) <= characters:
        return visible(text)
    title = plain(text[:TITLE_CHARACTERS])
    head = visible(text[: characters - 1].rstrip())
    return Markup('<span class="clip" title="{}">{}…</span>').format(title, head)


def plain(value: object) -> str:
    """Return `value` without odd characters, for attributes, file names and chart labels."""
    return _ODD.sub(lambda found: _named(found[0]), _text(value))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _marked(text: str, kept: frozenset[str]) -> Markup:
    text = _STACKED_MARKS.sub(r"\1", text)
    parts: list[str] = []
    end = 0
    for found in _ODD.finditer(text):
        character = found[0]
        if character in kept or not _is_odd(character):
            continue
        parts += (escape(text[end : found.start()]), _mark(character))
        end = found.end()
    return Markup("".join((*parts, escape(text[end:]))))  # noqa: S704 -- each part is escaped


def _is_odd(character: str) -> bool:
    return unicodedata.category(character) in _ODD_CATEGORIES


def _mark(character: str) -> Markup:
    name = unicodedata.name(character, "control character")
    return Markup('<span class="odd" title="{}">{}</span>').format(name, _code_point(character))


def _named(character: str) -> str:
    return _code_point(character) if _is_odd(character) else character


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"
