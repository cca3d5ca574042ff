"""Templates: escaped by default, every text through gettext, log text always visible."""

import gettext
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tocsin.incidents import telling
from tocsin.serve.web import charts, names, queries, ranges, text

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent

Query = Mapping[str, object]


def environment(asset_url: "Callable[[str], str]", language: str = "") -> Environment:
    """Build the environment of all templates.

    Args:
        asset_url: gives the address of a file of the pages, with its content hash.
        language: a folder under `locale/`; without a catalog the texts stay as written.
    """
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    translations = gettext.translation(
        "console", HERE / "locale", [language] if language else [], fallback=True
    )
    # jinja2.ext.i18n adds this method to the environment at run time.
    made.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(_filters())
    made.globals.update(
        about=queries.about,
        asset=asset_url,
        aware=aware,
        clause=queries.clause,
        entity_url=entity_url,
        names=names,
        range_choices=ranges.CHOICES,
        spark_points=charts.spark_points,
        told=partial(told, translations.gettext),
        url=url,
    )
    return made


def _filters() -> "dict[str, Callable[..., object]]":
    return {
        "block": text.block,
        "clip": text.clip,
        "compact": compact,
        "duration": duration,
        "exact": exact,
        "json": json_text,
        "number": number,
        "plain": text.plain,
        "pretty": pretty,
        "visible": text.visible,
    }


def url(path: str, query: Query | None = None, /, **more: object) -> str:
    """Return an address of ours; parts that are empty or `None` are left out."""
    parts = {**(query or {}), **more}
    filled = {name: _part(value) for name, value in parts.items() if value not in (None, "", [])}
    return f"{quote(path)}?{urlencode(filled, doseq=True)}" if filled else quote(path)


def entity_url(entity: object) -> str:
    """Return the address of an entity's page; of an entity or of a row of one."""
    kind, uid = (_part_of(entity, name) for name in ("type", "uid"))
    if not uid.isprintable():
        # Routes match one line of text alone.
        return url("/entities", type=kind, uid=uid)
    return f"/entities/{quote(kind, safe='')}/{quote(uid, safe='')}"


def _part_of(entity: object, name: str) -> str:
    found = entity.get(name) if isinstance(entity, Mapping) else getattr(entity, name)
    return str(found or "")


def told(translate: "Callable[[str], str]", sentence: telling.Sentence) -> Markup:
    """Return a sentence of a story in the language of the pages, its values escaped and marked."""
    longest = telling.LONGEST_TEXT if "text" in sentence.values else telling.LONGEST_VALUE
    values = {name: _value(translate, each, longest) for name, each in sentence.values.items()}
    return Markup(translate(telling.FORMS[sentence.form])) % values  # noqa: S704 -- ours


def _value(translate: "Callable[[str], str]", value: str | telling.Names, longest: int) -> Markup:
    if isinstance(value, str):
        return text.clip(value, longest)
    names = Markup(", ").join(Markup("<b>{}</b>").format(text.clip(each)) for each in value.shown)
    if not value.more:
        return names
    return Markup(translate(telling.FORMS["names.more"])) % {"names": names, "count": value.more}  # noqa: S704 -- ours


def number(value: float | None) -> str:
    """Return 12345 as `12,345`; nothing as a dash."""
    if value is None:
        return "–"
    return (
        f"{value:,.1f}" if isinstance(value, float) and not value.is_integer() else f"{value:,.0f}"
    )


def compact(value: float | None) -> str:
    """Return 12345 as `12.3k`, for places where only the size matters."""
    if value is None:
        return "–"
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.1f}{unit}"
    return number(value)


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units at most: `2d 4h`, `35s`."""
    if seconds is None:
        return "–"
    left = round(abs(seconds))
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
        if len(parts) == 2 or (parts and unit == "m"):
            break
    return " ".join(parts) or "0s"


def exact(moment: datetime) -> str:
    """Return a time in UTC to the second: `2026-11-23 06:40:05`."""
    return aware(moment).strftime("%Y-%m-%d %H:%M:%S")


def aware(moment: datetime) -> datetime:
    """Return a time in UTC; Arrow's times have no zone and mean UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def json_text(value: object) -> str:
    """Return JSON for a data attribute; escaping is the template's."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str)


def pretty(value: object) -> Markup:
    """Return JSON text or a value as indented, visible, preformatted text."""
    parsed = value
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return text.block(value)
    try:
        return text.block(json.dumps(parsed, ensure_ascii=False, indent=2, default=str))
    except RecursionError:
        return text.block(value)


def _part(value: object) -> object:
    return [str(each) for each in value] if isinstance(value, list | tuple) else str(value)
