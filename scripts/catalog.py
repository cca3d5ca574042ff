"""Write the catalog of every text of the pages, for translators; `--check` only compares.

A translation is `tocsin/serve/web/locale/LANGUAGE/LC_MESSAGES/console.mo`, made from this catalog
with gettext's own tools (`msginit`, `msgfmt`), and chosen by `web.language` of the settings.
"""

import sys
from pathlib import Path

from jinja2 import Environment

from tocsin.incidents import telling

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "tocsin" / "serve" / "web"
CATALOG = WEB / "locale" / "console.pot"
HEAD = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"""
FUNCTIONS = ("_", "gettext", "ngettext")

Message = tuple[str, str]


def main(arguments: list[str]) -> int:
    """Write the catalog, or say that it is stale."""
    text = catalog()
    if "--check" not in arguments:
        CATALOG.parent.mkdir(parents=True, exist_ok=True)
        CATALOG.write_text(text)
        return 0
    if CATALOG.is_file() and CATALOG.read_text() == text:
        return 0
    sys.stderr.write("catalog: console.pot is stale: run `python scripts/catalog.py`\n")
    return 1


def catalog() -> str:
    """Return the catalog: every message with the files that use it, in order."""
    places: dict[Message, list[str]] = {}
    environment = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"])
    templates = WEB / "templates"
    for path in sorted(templates.rglob("*.html")):
        name = path.relative_to(templates).as_posix()
        # The extension adds this method to the environment at run time.
        found = environment.extract_translations(path.read_text(), FUNCTIONS)  # type: ignore[attr-defined]
        for _line, function, message in found:
            parts = message if isinstance(message, tuple) else (message,)
            plural = str(parts[1]) if function == "ngettext" else ""
            used = places.setdefault((str(parts[0]), plural), [])
            if name not in used:
                used.append(name)
    for form in telling.FORMS.values():
        places.setdefault((form, ""), []).append("incidents/telling.py")
    entries = (_entry(message, used) for message, used in sorted(places.items()))
    return "\n".join((HEAD, *entries))


def _entry(message: Message, places: list[str]) -> str:
    singular, plural = message
    head = "".join(f"#: {place}\n" for place in places)
    if not plural:
        return f'{head}msgid {_quoted(singular)}\nmsgstr ""\n'
    counted = f"msgid_plural {_quoted(plural)}\n"
    return f'{head}msgid {_quoted(singular)}\n{counted}msgstr[0] ""\nmsgstr[1] ""\n'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
